"""How a medication is told from one that looks, or is called, almost the same, and which confusion is worst."""

from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import shorten
from types import MappingProxyType
from typing import Final

from bentos.runtime.answer import Likeness, LookAlike
from bentos.runtime.critical import is_critical, is_high_alert
from bentos.runtime.medication import Medication, fold_imprint
from bentos.runtime.sound_alike import with_tall_man_letters

MAX_WARNINGS: Final = 3
MIN_SIZE_DIFFERENCE_MM: Final = 1.0
NOTHING_TELLS: Final = "nothing on the pill tells them apart, ask a pharmacist"
_MAX_DIFFERENCES: Final = 3
_MAX_NAME: Final = 90
_DANGER: Final = MappingProxyType({"same": 8.0, "sounds": 3.0, "evidence": 2.0, "looks": 1.0})
_CRITICAL: Final = 2.5
_WORDS: Final = MappingProxyType(
    {
        "same": "looks exactly the same",
        "sounds": "sounds alike",
        "evidence": "remains possible",
        "looks": "looks alike",
    }
)
_SCORED: Final = MappingProxyType({1: "unscored", 2: "scored in two", 3: "scored in three", 4: "scored in four"})


@dataclass(frozen=True)
class Neighbour:
    """One drug that a candidate of the answer is easily taken for.

    `first`: the candidate is the first answer. `probability`: the neighbour's. `margin`: cosine by which it is
    nearer than the gallery's limit for looking alike. `other_side_differs`: on the side not photographed they
    do not look alike.
    """

    candidate: Medication
    other: Medication
    reasons: frozenset[Likeness]
    first: bool = True
    probability: float = 0.0
    margin: float = 0.0
    other_side_differs: bool = False


def differences(one: Medication, other: Medication, *, other_side_differs: bool = False) -> tuple[str, ...]:
    """What tells `other` from `one`, said of `other`, the most telling first; empty where the facts agree."""
    imprints = [sorted(fold_imprint(token.text) for token in item.imprint) for item in (one, other)]
    told = [
        (imprints[0] != imprints[1], _imprint(one, other)),
        (other_side_differs, "turned over, its other side looks different"),
        (abs(one.size_mm - other.size_mm) >= MIN_SIZE_DIFFERENCE_MM,
         f"it measures {other.size_mm:g} mm, not {one.size_mm:g} mm"),
        (set(one.colors) != set(other.colors), f"it is {_colours(other)}, not {_colours(one)}"),
        (one.shape != other.shape, f"it is {other.shape.lower()}, not {one.shape.lower()}"),
        (one.score != other.score, f"it is {_SCORED[other.score]}, not {_SCORED[one.score]}"),
        (None not in (one.imprint_type, other.imprint_type) and one.imprint_type != other.imprint_type,
         f"its imprint is {(other.imprint_type or '').lower()}, not {(one.imprint_type or '').lower()}"),
    ]  # fmt: skip
    return tuple(words for differs, words in told if differs)


def danger(neighbour: Neighbour) -> float:
    """An order of confusions, not a measure: the same look, then names, then what the evidence and the eye leave.

    Where either drug is high-alert or of a narrow therapeutic index, a confusion comes before those of other drugs
    that only sound alike. Another strength of the same ingredient weighs a little less than another drug, and a
    confusion of the first answer more than one of a candidate behind it.
    """
    total = sum(_DANGER[reason] for reason in neighbour.reasons) + neighbour.probability + neighbour.margin
    critical = any(is_critical(item.clinical_drug) for item in (neighbour.candidate, neighbour.other))
    return total + _CRITICAL * critical - 0.5 * _same_ingredient(neighbour) - (not neighbour.first)


def most_dangerous(found: Iterable[Neighbour]) -> list[Neighbour]:
    """At most `MAX_WARNINGS`, the most dangerous first, each pair of drugs once."""
    kept: dict[frozenset[str], Neighbour] = {}
    for neighbour in sorted((item for item in found if item.reasons), key=danger, reverse=True):
        kept.setdefault(_pair(neighbour), neighbour)
    return list(kept.values())[:MAX_WARNINGS]


def as_look_alike(neighbour: Neighbour) -> LookAlike:
    """The form in which an answer carries it."""
    one, other = neighbour.candidate, neighbour.other
    return LookAlike(
        medication_id=other.medication_id,
        name=other.display_name,
        taken_for=one.medication_id,
        reasons=tuple(reason for reason in _WORDS if reason in neighbour.reasons),
        probability=min(max(neighbour.probability, 0.0), 1.0),
        tell_apart=differences(one, other, other_side_differs=neighbour.other_side_differs),
    )


def sentence(neighbour: Neighbour) -> str:
    """The warning in words; names that sound alike are spelled with tall-man letters."""
    item = as_look_alike(neighbour)
    names = [shorten(name, _MAX_NAME, placeholder=" ...") for name in (neighbour.candidate.display_name, item.name)]
    one, other = map(with_tall_man_letters, names) if "sounds" in item.reasons else names
    alike = " and ".join(_WORDS[reason] for reason in item.reasons)
    joined = ", a high-alert drug that" if is_high_alert(neighbour.other.clinical_drug) else ", which"
    told = "; ".join(item.tell_apart[:_MAX_DIFFERENCES]) or NOTHING_TELLS
    return f"{one} may be taken for {other}{joined} {alike}: {told}"


def _same_ingredient(neighbour: Neighbour) -> bool:
    return neighbour.candidate.generic_name.casefold() == neighbour.other.generic_name.casefold()


def _pair(neighbour: Neighbour) -> frozenset[str]:
    """Strengths of one ingredient are pairs of their own; of two ingredients they count once."""
    both = neighbour.candidate, neighbour.other
    if _same_ingredient(neighbour):
        return frozenset(item.clinical_drug for item in both)
    return frozenset(item.generic_name.casefold() for item in both)


def _imprint(one: Medication, other: Medication) -> str:
    here, there = (" ".join(token.text for token in item.imprint) for item in (one, other))
    if not there:
        return f"it carries no imprint, not {here}"
    return f"its imprint is {there}, not {here}" if here else f"its imprint is {there}, where this one carries none"


def _colours(medication: Medication) -> str:
    return " and ".join(color.lower() for color in medication.colors)
