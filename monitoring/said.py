"""How well attribute probabilities hold: of what is said of colour, shape, score and marking, how much is right."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bentos.runtime.answer import Seen
from bentos.runtime.attributes import SCORED_FROM
from bentos.runtime.medication import Appearance
from monitoring.metrics import ece_figure, mean_figure
from monitoring.records import PhotoRecord, SaidRecord

ATTRIBUTES: Final = ("color", "shape", "scored", "printed")


def said_of(seen: Seen | None, *, appearance: Appearance) -> dict[str, SaidRecord]:
    """The likelier value of each attribute, its probability, and whether the catalogue says so too.

    Of several colours the likeliest is taken, right where the pill has it. Nothing is said of an attribute that
    the catalogue does not know, or where nothing was seen.
    """
    if seen is None:
        return {}
    told = {"color": _first(seen.colors, appearance.colors), "shape": _first(seen.shapes, (appearance.shape,)),
            "scored": _either(seen.scored, appearance.score >= SCORED_FROM)}  # fmt: skip
    if appearance.imprint_type is not None:
        told["printed"] = _either(seen.printed, appearance.imprint_type == "PRINTED")
    return told


def said_figures(records: Sequence[PhotoRecord], *, seed: int) -> dict[str, Any]:
    """Share right and calibration error of each attribute; {} where nothing was said of any."""
    told = {name: [(r.ndc11, r.said[name]) for r in records if name in r.said] for name in ATTRIBUTES}
    return {name: _figures(rows, seed=seed) for name, rows in told.items() if rows}


def _figures(rows: Sequence[tuple[str, SaidRecord]], *, seed: int) -> dict[str, Any]:
    groups, right = [ndc for ndc, _ in rows], [said.right for _, said in rows]
    error = ece_figure([said.probability for _, said in rows], right, groups_N=groups, seed=seed)
    return {"right": mean_figure(right, groups_N=groups, seed=seed).as_dict(), "ece": error.as_dict()}


def _first(probabilities: Mapping[str, float], true: Sequence[str]) -> SaidRecord:
    name = max(probabilities, key=lambda key: probabilities[key])
    return SaidRecord(value=name, probability=probabilities[name], right=name in true)


def _either(probability: float, true: bool) -> SaidRecord:
    yes = probability >= 0.5
    return SaidRecord(value="yes" if yes else "no", probability=max(probability, 1 - probability), right=yes == true)
