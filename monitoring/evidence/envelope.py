"""The predetermined change envelope: what may change between releases, how it is verified, what impact is accepted.

Follows the three parts of a Predetermined Change Control Plan (FDA guidance of December 2024: description of
modifications, modification protocol, impact assessment).
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bentos.runtime.contract import canonical_json
from monitoring.evidence.changes import Change, Kind
from monitoring.evidence.figures import FIGURES, FigureName, figure
from monitoring.gates import Gates, HarmWeights

Rules = TypeVar("Rules", bound=BaseModel)


class EnvelopeError(Exception):
    """Promotion is refused: it lies outside the predetermined change envelope; names each reason."""


class RulesFileError(Exception):
    """A file of rules cannot be read; names the file and what is wrong in it."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Allowed(_Record):
    """One kind of change that is foreseen."""

    kind: Kind
    why: Annotated[str, Field(min_length=1, description="what this modification is and what it is for")]
    at_most: Annotated[int | None, Field(ge=0, description="how many at once; no limit without it")] = None
    only: Annotated[tuple[str, ...] | None, Field(description="new values that are foreseen; any without it")] = None


class Verification(_Record):
    """How a change is verified before it may be released."""

    policies: Annotated[tuple[str, ...] | Literal["any"], Field(description="gate policies that count")]
    policy_digests: Annotated[tuple[str, ...], Field(description="exactly these; any of the name if empty")] = ()
    min_photos: Annotated[int, Field(ge=1, description="held-out photographs asked")] = 1
    same_photos_as_champion: Annotated[bool, Field(description="the champion was asked the same ones")] = True


class Impact(_Record):
    """How far one figure may get worse than the champion's, and where it must not go."""

    figure: FigureName
    may_worsen_by: Annotated[float | None, Field(ge=0, description="against the champion, same photographs")] = None
    bound: Annotated[float | None, Field(description="floor or ceiling, champion or not")] = None


class ChangeEnvelope(_Record):
    """What may change, how that is verified, what impact is accepted. Everything else is refused."""

    schema_version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1, max_length=120)]
    purpose: Annotated[str, Field(min_length=1)]
    may_change: Annotated[tuple[Allowed, ...] | Literal["everything"], Field(description="closed list of kinds")]
    verified_by: Verification
    accepted_impact: tuple[Impact, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the envelope's canonical JSON, `sha256:<hex>`."""
        return "sha256:" + hashlib.sha256(canonical_json(self.model_dump(mode="json"))).hexdigest()


PERMISSIVE: Final = ChangeEnvelope(
    name="permissive",
    purpose="The demonstration: whatever passes its gates may be released.",
    may_change="everything",
    verified_by=Verification(policies="any", same_photos_as_champion=False),
)


def read_envelope(path: Path) -> ChangeEnvelope:
    """The envelope of a YAML file; raises `RulesFileError`."""
    return read_rules_file(path, ChangeEnvelope)


def read_rules_file(path: Path, kind: type[Rules]) -> Rules:
    """A YAML file as a closed model.

    Raises:
        RulesFileError: it is missing, no YAML, or not of this form.
    """
    try:
        return kind.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise RulesFileError(f"{path} cannot be read: {error}") from error
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False))
        raise RulesFileError(f"{path}: {faults}") from error


def outside(
    envelope: ChangeEnvelope,
    *,
    changed: Sequence[Change],
    gates: Gates,
    evaluation: Mapping[str, Any] | None,
    champion: Mapping[str, Any] | None,
    harm: HarmWeights,
    first: bool,
) -> list[str]:
    """Why a promotion lies outside the envelope, a sentence each; none where it lies inside.

    Args:
        evaluation: the candidate's evaluation, None where it is not at hand.
        champion: the champion's on the same photographs; None where it was not judged with it.
        first: nothing was released before, so there is nothing to change from.
    """
    found = [] if envelope.may_change == "everything" else [
        sentence for change in changed if (sentence := _not_foreseen(change, envelope.may_change))
    ]  # fmt: skip
    found += _not_verified(envelope.verified_by, gates=gates, evaluation=evaluation, champion=champion, first=first)
    for impact in envelope.accepted_impact:
        found += _too_much(impact, evaluation=evaluation, champion=champion, harm=harm, first=first)
    return found


def _not_foreseen(change: Change, allowed: Sequence[Allowed]) -> str | None:
    line = next((one for one in allowed if one.kind == change.kind), None)
    if line is None:
        return f"a change of {change.kind} is not foreseen: {change.words}"
    if line.at_most is not None and change.number > line.at_most:
        return f"{change.kind}: {change.number} at once, {line.at_most} are foreseen: {change.words}"
    if line.only is not None and (other := sorted(set(change.values) - set(line.only))):
        return f"{change.kind}: {', '.join(other)} is not foreseen, only {', '.join(line.only)}"
    return None


def _not_verified(
    demanded: Verification,
    *,
    gates: Gates,
    evaluation: Mapping[str, Any] | None,
    champion: Mapping[str, Any] | None,
    first: bool,
) -> list[str]:
    found = []
    if demanded.policies != "any" and gates.policy not in demanded.policies:
        found.append(f"judged by the policy {gates.policy}, not by {' or '.join(demanded.policies)}")
    if demanded.policy_digests and gates.policy_digest not in demanded.policy_digests:
        found.append(f"the policy {gates.policy} is not the one that was agreed on: {gates.policy_digest[:19]}")
    if demanded.min_photos > 1:
        asked = evaluation["about"]["num_photos"] if evaluation else 0
        if asked < demanded.min_photos:
            found.append(f"{asked} photographs were asked, {demanded.min_photos} are demanded")
    if demanded.same_photos_as_champion and not first:
        both = [one and one["about"]["photos_digest"] for one in (evaluation, champion)]
        if None in both or both[0] != both[1]:
            found.append("the champion was not asked the same photographs")
    return found


def _too_much(
    impact: Impact,
    *,
    evaluation: Mapping[str, Any] | None,
    champion: Mapping[str, Any] | None,
    harm: HarmWeights,
    first: bool,
) -> list[str]:
    about, now = FIGURES[impact.figure], figure(evaluation, impact.figure, harm=harm)
    if now is None:
        return [f"{about.words}: not measured"]
    found, sign = [], 1 if about.higher_is_better else -1
    if impact.bound is not None and sign * (now - impact.bound) < 0:
        found.append(f"{about.words}: {now:g}, demanded {'at least' if sign > 0 else 'at most'} {impact.bound:g}")
    if impact.may_worsen_by is None or first:
        return found
    before = figure(champion, impact.figure, harm=harm)
    if before is None:
        return [*found, f"{about.words}: the champion's is not known"]
    if (worse := sign * (before - now)) > impact.may_worsen_by:
        found.append(f"{about.words}: worse by {worse:.4g}, {impact.may_worsen_by:g} is accepted")
    return found
