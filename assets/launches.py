"""The journal's entry of a launch: who launched which run, before anything of it is done."""

import getpass
import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import dagster as dg

from bentos.runtime.contract import canonical_json

if TYPE_CHECKING:
    from monitoring.promote import ReleaseDesk

ACTION: Final = "launch"
_SCHEDULE, _SENSOR = "dagster/schedule_name", "dagster/sensor_name"


def record_launch(run: dg.DagsterRun, *, desk: "ReleaseDesk") -> None:
    """One entry for a run, however many processes it has; the actor is the desk's.

    The configuration stands in it as a SHA-256: what it holds is in Dagster's own record of the run.

    Raises:
        SQLAlchemyError: it could not be written; the run must not begin.
    """
    from bentos.journal import Entry

    journal = desk.journal()
    try:
        if not any(entry.payload["run_id"] == run.run_id for entry in journal.entries(action=ACTION)):
            entry = Entry(at=datetime.now(UTC), actor=desk.actor, action=ACTION, outcome="started",
                          subject_ref=run.job_name, payload=_facts(run))  # fmt: skip
            journal.append(entry)
    finally:
        journal.close()


def _facts(run: dg.DagsterRun) -> dict[str, Any]:
    assets = sorted(key.to_user_string() for key in run.asset_selection or ())
    return {
        "job": run.job_name,
        "run_id": run.run_id,
        "config_sha256": hashlib.sha256(canonical_json(dict(run.run_config))).hexdigest(),
        "assets": assets,
        "asked_by": run.tags.get(_SCHEDULE) or run.tags.get(_SENSOR) or run.tags.get("user"),
        "because": run.tags.get("rxvision/because"),
        "os_user": getpass.getuser(),
    }
