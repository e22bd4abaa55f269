"""The benchmark command: `python -m benchmarks` measures everything and writes docs/performance.md with its figures.

Parts that were measured before stay on the page when only some are asked for; each says when and on what commit.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import cv2

from benchmarks.crowd import measure_crowd
from benchmarks.journals import measure_journals
from benchmarks.machine import Moment, commit_of, machine_facts, priority
from benchmarks.networks import measure_networks
from benchmarks.overhead import measure_overhead
from benchmarks.page import write_page
from benchmarks.plan import FULL, PART_NAMES, SMOKE, Plan
from benchmarks.processes import ROOT
from benchmarks.recognisers import one_member_recogniser
from benchmarks.router import measure_router
from benchmarks.scoring import measure_scoring
from benchmarks.side_by_side import measure_side_by_side
from benchmarks.starting import measure_starting
from benchmarks.subject import Subject, make_subject
from bentos.settings import silence
from training.committed import PRETRAINED

Say = Callable[[str], None]
RESULTS_FILE: Final = "results.json"


def measure_efficientnet(subject: Subject, plan: Plan, *, say: Say) -> dict[str, Any]:
    """Ours and the bare loop, with another network as the fast member."""
    made = one_member_recogniser(subject.bundle / "recogniser", name=plan.second, pictures=subject.pictures,
                                 work=subject.home / "networks")  # fmt: skip
    other = _subject(subject.home / "second", plan, recogniser=made)
    return {"network": plan.second, **measure_side_by_side(other, plan, say=say, rivals=())}


PARTS: Final = {
    "side_by_side": measure_side_by_side,
    "efficientnet": measure_efficientnet,
    "overhead": measure_overhead,
    "journals": measure_journals,
    "starting": measure_starting,
    "crowd": measure_crowd,
    "scoring": measure_scoring,
    "networks": measure_networks,
    "router": measure_router,
}


def run(plan: Plan, *, docs: Path, work: Path, recogniser: Path = PRETRAINED, say: Say) -> dict[str, Any]:
    """Measure the plan's parts, keep what was measured before of the others, and write the page."""
    silence()
    cv2.setNumThreads(1)
    results_path = docs / "performance" / RESULTS_FILE
    results_path.parent.mkdir(parents=True, exist_ok=True)
    results = json.loads(results_path.read_text()) if results_path.is_file() else {"parts": {}}
    subject = _subject(work, plan, recogniser=recogniser)
    results["machine"] = machine_facts(ROOT)
    results["recogniser"] = _about(subject)
    for name in plan.parts:
        say(f"== {name}")
        results["parts"][name] = _measured(name, subject, plan, say=say)
        results_path.write_text(json.dumps(results, indent=1) + "\n")
    write_page(results, docs=docs)
    return results


def _measured(name: str, subject: Subject, plan: Plan, *, say: Say) -> dict[str, Any]:
    began = Moment.now()
    found = PARTS[name](subject, plan, say=say)
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": commit_of(ROOT),
        "others_cores": round(began.others_cores(), 2),
        "priority": priority(),
        "seconds": round(time.monotonic() - began.wall_s, 1),
        "plan": plan.model_dump(mode="json"),
        "found": found,
    }


def _subject(home: Path, plan: Plan, *, recogniser: Path) -> Subject:
    return make_subject(home, recogniser=recogniser, medications=plan.medications, pictures=plan.pictures,
                        picture_px=plan.picture_px)  # fmt: skip


def _about(subject: Subject) -> dict[str, Any]:
    spec = json.loads((subject.bundle / "recogniser" / "recogniser.json").read_text())
    members = [
        f"{member['architecture']} {member['preprocess']['size_px']} px {member['serve']}" for member in spec["members"]
    ]
    return {"name": spec["name"], "members": members, "reads_imprints": bool(spec.get("reader")),
            "mean_jpeg_kib": sum(map(len, subject.pictures)) / len(subject.pictures) / 1024}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--parts", nargs="+", choices=PART_NAMES, default=PART_NAMES, help="what to measure; all")
    parser.add_argument("--smoke", action="store_true", help="seconds instead of minutes; figures mean nothing")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="where the page and its figures go")
    parser.add_argument("--work", type=Path, default=ROOT / "var" / "benchmarks", help="galleries, networks and logs")
    parser.add_argument("--recogniser", type=Path, default=PRETRAINED, help="the committed one")
    parser.add_argument("--rounds", type=int, help="of everything that is held side by side")
    parser.add_argument("--page", action="store_true", help="write the page again from what was measured")
    given = parser.parse_args(arguments)
    if given.page:
        write_page(json.loads((given.docs / "performance" / RESULTS_FILE).read_text()), docs=given.docs)
        return
    plan = (SMOKE if given.smoke else FULL).model_copy(update={"parts": tuple(given.parts)})
    if given.rounds:
        plan = plan.model_copy(update={"rounds": given.rounds})
    run(plan, docs=given.docs, work=given.work, recogniser=given.recogniser, say=_with_time(time.monotonic()))


def _with_time(began: float) -> Say:
    def say(line: str) -> None:
        sys.stdout.write(f"{time.monotonic() - began:6.1f} s  {line}\n")
        sys.stdout.flush()

    return say


if __name__ == "__main__":
    main()
