"""What a promotion must meet above the gates: the file that says so, and the check of one promotion against it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from bentos.evidence.approvals import ApprovalRules, Bound, Given, approval_files, demand_approvals
from bentos.release import Ref, directories
from bentos.runtime.contract import canonical_json, file_sha256
from bentos.runtime.errors import ContractError
from data.harm import Harm
from monitoring.evidence.changes import Change, Specs, changes
from monitoring.evidence.envelope import (
    PERMISSIVE,
    ChangeEnvelope,
    EnvelopeError,
    RulesFileError,
    outside,
    read_envelope,
    read_rules_file,
)
from monitoring.evidence.figures import figures
from monitoring.judging import EVALUATION_FILE, read_evaluation
from monitoring.verdict import Verdict, evaluation_digest

if TYPE_CHECKING:
    from monitoring.promote import ReleaseDesk

_JOB: Final = "dagster:"
RULES_DIR: Final = "rules"


class PromotionRules(BaseModel):
    """The policy file. `envelope` names a file beside it; without one every change is foreseen."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1, max_length=120)]
    approvals: ApprovalRules = ApprovalRules()
    envelope: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the rules' canonical JSON, `sha256:<hex>`."""
        return "sha256:" + hashlib.sha256(canonical_json(self.model_dump(mode="json"))).hexdigest()


OPEN_RULES: Final = PromotionRules(name="gates alone")


@dataclass(frozen=True)
class Rules:
    """The rules in force with their envelope."""

    promotion: PromotionRules = OPEN_RULES
    envelope: ChangeEnvelope = PERMISSIVE

    @classmethod
    def read(cls, path: Path | None) -> "Rules":
        """The rules of a file; those of the demonstration, which ask nobody, where none is configured.

        Raises:
            RulesFileError: the file, or the envelope that it names, is missing or not of its form.
        """
        if path is None:
            return cls()
        found = read_rules_file(path, PromotionRules)
        return cls(found, read_envelope(path.parent / found.envelope) if found.envelope else PERMISSIVE)


@dataclass(frozen=True)
class Proposal:
    """What is to be released: its reference, its verdict and the verdict's file."""

    ref: Ref
    judged: Verdict
    verdict: Path

    @property
    def bound(self) -> Bound:
        """What approvals of it must be about."""
        return bound(self.ref, verdict=self.verdict)


def bound(ref: Ref, *, verdict: Path) -> Bound:
    """What an approval of a reference under a verdict's file is about."""
    return Bound(recogniser=ref.recogniser, gallery=ref.gallery, verdict="sha256:" + file_sha256(verdict))


def demand_rules(desk: "ReleaseDesk", proposal: Proposal, *, champion: Ref | None, now: str) -> dict[str, Any]:
    """Pass only what the rules of a desk allow; returns what the journal is to say of it.

    Raises:
        ApprovalError: approvals are missing.
        EnvelopeError: it lies outside the change envelope.
        RulesFileError: the rules cannot be read.
    """
    rules, harm = Rules.read(desk.rules_path), Harm()
    changed = _changes(champion, proposal.ref, home=desk.home)
    evaluation = _evaluation(desk.home, proposal.judged.evaluation)
    before = _evaluation(desk.home, proposal.judged.champion_evaluation)
    if reasons := outside(
        rules.envelope, changed=changed, gates=proposal.judged.gates, evaluation=evaluation, champion=before, harm=harm,
        first=champion is None,
    ):  # fmt: skip
        raise EnvelopeError(f"outside the change envelope {rules.envelope.name!r}: {'; '.join(reasons)}")
    _keep(rules, desk.home)
    given = demand_approvals(
        approval_files(desk.home), about=proposal.bound, rules=rules.promotion.approvals,
        launched_by=(proposal.judged.launched_by, _person(desk.actor), *([desk.beside] if desk.beside else [])),
        now=datetime.fromisoformat(now),
    )  # fmt: skip
    return {
        "verdict": proposal.bound.verdict,
        "launched_by": proposal.judged.launched_by,
        "beside": desk.beside,
        "policy": proposal.judged.gates.policy,
        "rules": {"name": rules.promotion.name, "digest": rules.promotion.digest},
        "envelope": {"name": rules.envelope.name, "digest": rules.envelope.digest},
        "approvals": [_said(one) for one in given],
        "changes": [change.words for change in changed],
        "figures": figures(evaluation, harm=harm),
        "figures_before": figures(before, harm=harm),
    }


def kept_rules(home: Path, digest: str) -> bytes:
    """The rules or the envelope of a digest, as they were in force at a promotion: canonical JSON.

    Raises:
        RulesFileError: they are not below the home any more, or were altered.
    """
    path = home / RULES_DIR / f"{digest.removeprefix('sha256:')}.json"
    if not path.is_file() or "sha256:" + file_sha256(path) != digest:
        raise RulesFileError(f"{path} is missing or was altered")
    return path.read_bytes()


def _keep(rules: Rules, home: Path) -> None:
    for one in (rules.promotion, rules.envelope):
        path = home / RULES_DIR / f"{one.digest.removeprefix('sha256:')}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(canonical_json(one.model_dump(mode="json")))


def _changes(champion: Ref | None, ref: Ref, *, home: Path) -> Sequence[Change]:
    if champion is None:
        return ()
    after = Specs.read(*directories(ref, home=home))
    try:
        before = Specs.read(*directories(champion, home=home))
    except (ContractError, OSError) as error:
        return (
            Change("unknown", f"the champion's files cannot be read, so nothing is known of what changes: {error}"),
        )
    return changes(before, after)


def _evaluation(home: Path, digest: str | None) -> dict[str, Any] | None:
    """The evaluation of a digest below a home, None where it is not there or not what the digest names."""
    if digest is None:
        return None
    directory = home / "evaluations" / digest.removeprefix("sha256:")[:12]
    if not (directory / EVALUATION_FILE).is_file():
        return None
    found = read_evaluation(directory)
    return found if evaluation_digest(found) == digest else None


def _person(actor: str) -> str | None:
    """Who stands behind an actor: nobody is known behind a job that does not say who launched it."""
    return None if actor.startswith(_JOB) else actor


def _said(given: Given) -> dict[str, str]:
    return {
        "name": given.approver.name, "role": given.approver.role, "reason": given.approval.reason,
        "at": given.approval.at.isoformat(), "file": given.sha256,
    }  # fmt: skip
