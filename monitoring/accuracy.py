"""The page `docs/accuracy.md`: a benchmark's figures in tables, with the command that makes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

QUESTIONS = ("picture", "picture_both_sides", "picture_and_imprint", "picture_and_partial_imprint", "imprint_only")
_TITLES = {
    "picture": "picture only, one side",
    "picture_both_sides": "picture only, both sides",
    "picture_and_imprint": "picture and the whole typed imprint",
    "picture_and_partial_imprint": "picture and one token, misread by one look-alike character",
    "imprint_only": "typed imprint alone (a catalogue look-up, not recognition)",
}
_RANKED = (("drug", "top1"), ("drug", "top5"), ("drug", "map"), ("ndc", "top1"), ("ndc", "top5"))
_NOTES = (
    "`drug` is the clinical drug (RxNorm name without the brand), `ndc` the NDC-11: the same tablet is sold under "
    "several. Intervals are 95 %, bootstrapped over medications, as photographs of one pill are not independent. "
    "`identified` is what the system says without reservation; coverage is how often it says so. The set is the "
    "prediction set; the coverage it promises holds for the recogniser's calibration domain, which these "
    "photographs are not part of, so what is measured here shows how far the promise carries."
)


@dataclass(frozen=True)
class Provenance:
    """What the figures were measured with."""

    commit: str
    measured_on: str
    commands: Sequence[str]
    facts: Mapping[str, str]


def accuracy_page(figures: Mapping[str, Any], *, provenance: Provenance) -> str:
    """The page in Markdown for the benchmark's JSON."""
    lines = [
        "# Accuracy on consumer photographs",
        "",
        f"{figures['num_photos']} photographs, of which the gallery of {figures['gallery_size']} medications "
        f"({figures['gallery_appearances']} appearances) holds {figures['num_in_gallery']}. Nothing was trained or "
        f"fitted on them. Measured on {provenance.measured_on} at commit `{provenance.commit}`; this page is written "
        "by the last of these commands:",
        "",
        "```sh",
        *provenance.commands,
        "```",
        "",
        _NOTES,
        "",
        "## Ranking",
        "",
        *_ranking(figures),
        "",
        "## What is said, and how sure",
        "",
        *_said(figures),
        "",
        "## By slice, picture only",
        "",
        *_slices(figures["slices"]),
        "",
        "## What was measured",
        "",
        f"- recogniser `{figures['recogniser']}`",
        f"- gallery `{figures['gallery']}`",
        *(f"- {name}: {value}" for name, value in provenance.facts.items()),
        "",
    ]
    return "\n".join(lines)


def figure_text(figure: Mapping[str, Any]) -> str:
    """A figure with its interval, or a dash where nothing was measured."""
    if figure["value"] is None:
        return "–"
    if figure["low"] is None:
        return f"{figure['value']:.2f}"
    return f"{figure['value']:.2f} ({figure['low']:.2f}–{figure['high']:.2f})"


def _table(header: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def _title(question: str, figures: Mapping[str, Any]) -> str:
    """What was asked; of how many photographs, where not of all."""
    num = figures[question]["drug"]["top1"]["num"]
    return _TITLES[question] + ("" if num == figures["num_in_gallery"] else f" ({num} photographs)")


def _ranking(figures: Mapping[str, Any]) -> Iterator[str]:
    header = ["", *(f"{level} {name}" for level, name in _RANKED)]
    rows = ([_title(q, figures), *(figure_text(figures[q][level][name]) for level, name in _RANKED)] for q in QUESTIONS)
    return _table(header, rows)


def _said(figures: Mapping[str, Any]) -> Iterator[str]:
    header = ["", "`identified`: coverage", "`identified`: accuracy", "set: coverage", "set: mean size", "ECE"]
    rows = [
        [
            _title(q, figures),
            figure_text(figures[q]["operating_point"]["coverage"]),
            figure_text(figures[q]["operating_point"]["accuracy"]),
            figure_text(figures[q]["set"]["coverage"]),
            figure_text(figures[q]["set"]["mean_size"]),
            figure_text(figures["ece"][q]) if q in figures["ece"] else "–",
        ]
        for q in QUESTIONS
    ]
    unknown = figure_text(figures["unknown"]["false_identified"])
    yield from _table(header, iter(rows))
    yield ""
    yield f"A pill whose whole appearance group was removed from the gallery is answered `identified`: {unknown}."


def _slices(slices: Mapping[str, Any]) -> Iterator[str]:
    rows = (
        [name, value, str(figures["top1"]["num"]), figure_text(figures["top1"]), figure_text(figures["top5"])]
        for name, values in slices.items()
        for value, figures in values.items()
    )
    return _table(["slice", "value", "photographs", "drug top-1", "drug top-5"], rows)
