"""The page `docs/accuracy.md`: a benchmark's figures in tables, with the command that makes them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from monitoring.follow import reply_rows
from monitoring.goals_table import goals_table

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
    "photographs are not part of, so what is measured here shows how far the promise carries. How the reader chooses "
    "its lines was compared on half of the simulated photographs with the figures of these photographs in sight, so "
    "the reader's are somewhat optimistic."
)


@dataclass(frozen=True)
class Provenance:
    """What the figures were measured with."""

    commit: str
    measured_on: str
    commands: Sequence[str]
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Beside:
    """What else the page shows: other benchmarks' figures, the gallery-size tables, learning curves by member.

    `against` holds other bundles' figures on the same photographs by name.
    """

    simulated: Mapping[str, Any] | None = None
    sizes: str = ""
    sizes_picture: str = ""
    curves: Mapping[str, Sequence[Mapping[str, float]]] = field(default_factory=dict)
    against: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def accuracy_page(figures: Mapping[str, Any], *, provenance: Provenance, beside: Beside | None = None) -> str:
    """The page in Markdown for the benchmark's JSON."""
    beside = beside or Beside()
    return "\n".join([
        *_head(figures, provenance),
        *_section("Against the goals", goals_table(figures["by_background"])),
        *_simulated(beside.simulated),
        *_section("Ranking", _ranking(figures)),
        *_section("What is said, and how sure", _said(figures)),
        *_asked(figures.get("questions_asked")),
        *_deletion(figures.get("deletion"), beside.simulated),
        *_ablations(figures.get("ablations")),
        *_against(figures, beside.against),
        *_sizes(beside),
        *(line for member, epochs in beside.curves.items() for line in _curve(member, epochs)),
        *_section("Worst cases, picture only", _misses(figures["misses"])),
        *_ANCHORS,
        *_section("By slice, picture only", _slices(figures["slices"])),
        *_section("Time of an answer, ms", _latency(figures["latency_ms"])),
        *_section("What was measured", _measured(figures, provenance)),
    ])  # fmt: skip


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    yield from (f"## {title}", "", *lines, "")


def _head(figures: Mapping[str, Any], provenance: Provenance) -> Iterator[str]:
    yield from ("# Accuracy on consumer photographs", "")
    yield (
        f"{figures['num_photos']} photographs, of which the gallery of {figures['gallery_size']} medications "
        f"({figures['gallery_appearances']} appearances) holds {figures['num_in_gallery']}. Nothing was trained or "
        f"fitted on them. Measured on {provenance.measured_on} at commit `{provenance.commit}`; this page is written "
        "by the last of these commands:"
    )
    yield from ("", "```sh", *provenance.commands, "```", "", _NOTES, "")


def _measured(figures: Mapping[str, Any], provenance: Provenance) -> Iterator[str]:
    yield f"- recogniser `{figures['recogniser']}`"
    yield f"- gallery `{figures['gallery']}`"
    yield from (f"- {name}: {value}" for name, value in provenance.facts.items())


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


_ANCHORS = (
    "## Beside what others published",
    "",
    "| system | figure | what differs |",
    "|---|---|---|",
    "| ready OCR (PP-OCRv4 as it comes, four turns, words matched with the catalogue) | drug top-1 0.33 natural, 0.45 "
    "masked | the same photographs and gallery; over a second a photograph |",
    "| ePillID (Usuyama et al. 2020), best published image-only top-1 | 0.78 | its own folds, both sides of a pill in "
    "one query, NDC-level labels, trained on consumer photographs of half of the pills |",
    "| a large vision-language model | reads a token on 0.38 of such photographs | other photographs |",
    "",
)


def _simulated(figures: Mapping[str, Any] | None) -> Iterator[str]:
    if figures is None:
        return
    yield "### Beside them: simulated photographs"
    yield ""
    yield (
        f"{figures['num_in_gallery']} simulated photographs of real reference sides whose look groups no network was "
        f"trained on and nothing was fitted on, against the same gallery. They are beside the photographs, never "
        f"instead of them: many show a side without any imprint."
    )
    yield ""
    yield from goals_table({"simulated": figures["by_background"]["all"]})
    yield ""


def _asked(figures: Mapping[str, Any] | None) -> Iterator[str]:
    if figures is None or not figures["num"]:
        return
    yield from ("## What a reply to the question asked is worth", "")
    asked = ", ".join(f"{question.replace('_', ' ')} {num}" for question, num in figures["num_asked"].items())
    yield (
        f"{figures['num']} answers for the picture alone are not `identified`; each ends with one question ({asked}). "
        "Replied to truthfully, where there is a reply (a photograph of the other side, an imprint):"
    )
    yield ""
    names = ("set_before", "set_after", "top1_before", "top1_after", "identified_after", "right_when_identified")
    header = ["", "answers", "appearances in the set before", "after", "drug top-1 before", "after",
              "`identified` after", "right when identified"]  # fmt: skip
    rows = ([words, str(num), *(figure_text(row[name]) for name in names)] for words, num, row in reply_rows(figures))
    yield from _table(header, rows)
    yield ""


def _deletion(own: Mapping[str, Any] | None, simulated: Mapping[str, Any] | None) -> Iterator[str]:
    on = {"photographs": own, "simulated photographs": (simulated or {}).get("deletion")}
    measured = {name: figures for name, figures in on.items() if figures is not None}
    if not measured:
        return
    yield from ("## Whether heat maps show what decided", "")
    yield (
        "A part of the pill is painted over: where the map is hottest, an equal area around a random place (mean of "
        "three), and around the middle. By how many nats the first answer's lead over the likeliest other drug falls; "
        "the differences are paired, photograph by photograph."
    )
    yield ""
    header = ["", "photographs", "area", "hottest", "random", "middle", "hottest less random", "hottest less middle"]
    rows = (
        [name, str(found["num_photos"]), f"{found['area']:.0%}",
         *(figure_text(found["lead"][where]) for where in ("heat", "random", "centre")),
         *(figure_text(found["lead_over"][where]) for where in ("random", "centre"))]
        for name, found in measured.items()
    )  # fmt: skip
    yield from _table(header, rows)
    yield ""


def _ablations(rows: Mapping[str, Any] | None) -> Iterator[str]:
    if rows is None:
        return
    yield "## Ablations, picture only"
    yield ""
    yield "Cues left out of the fused score of this recogniser; nothing is fitted again."
    yield ""
    found = ([name, figure_text(row["top1"]), figure_text(row["top5"])] for name, row in rows.items())
    yield from _table(["", "drug top-1", "drug top-5"], found)
    yield ""


def _sizes(beside: Beside) -> Iterator[str]:
    if beside.sizes:
        picture = [f"![coverage and false names over the gallery's size]({beside.sizes_picture})", ""]
        yield from ["## Over the gallery's size", "", *(picture if beside.sizes_picture else []), beside.sizes, ""]


_FROM_SCRATCH = (
    "python -m training.pretrain untrained --out var/random.safetensors",
    "python -m training.pretrain recogniser --rximage ../shared/rximage --out var/scratch --photos-per-side 1 "
    "--max-photos 400 --fast var/random.safetensors   # prints DIR; mkdir var/start && cp -r DIR var/start/recogniser",
    "rxvision enrol --catalogue ../shared/rximage/catalogue.csv --images ../shared/rximage/images --bundle var/start "
    "--out var/scratch/bundle",
    "rxvision benchmark --bundle var/scratch/bundle --photos ../shared/photos --json var/scratch.json",
)


def _against(figures: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    if not others:
        return
    told = "Fitted in the same way, on the same gallery. An encoder from scratch is random, on fewer photographs:"
    yield from ("## Against other recognisers", "", told, "", "```sh", *_FROM_SCRATCH, "```", "")
    asked = [(q, top) for q in ("picture", "picture_and_partial_imprint") for top in ("top1", "top5")]
    header = ["", *(f"{_TITLES[q]}: drug {top.replace('top', 'top-')}" for q, top in asked)]
    rows = ([name, *(figure_text(row[q]["drug"][top]) for q, top in asked)]
            for name, row in {"this one": figures, **others}.items())  # fmt: skip
    yield from _table(header, rows)
    yield ""


def _curve(member: str, epochs: Sequence[Mapping[str, float]]) -> Iterator[str]:
    measured = [epoch for epoch in epochs if "held_out_drug_top1" in epoch]
    if not measured:
        return
    told = (
        "One simulated photograph of one side against all reference sides, by the embedding alone: look groups that "
        "are held out, and look groups that are trained on."
    )
    yield from (f"## Learning curve of the {member} encoder's pre-training", "", told, "")
    names = ("held_out_drug_top1", "held_out_drug_top5", "trained_drug_top1", "trained_drug_top5")
    rows = ([f"{epoch['epoch']:g}", *(f"{epoch[name]:.3f}" for name in names)] for epoch in measured)
    yield from _table(["epoch", *(name.replace("_", " ") for name in names)], rows)
    yield ""


def _misses(found: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    rows = (
        [miss["photo"], miss["drug"], " ".join(miss["read"]) or "–", str(miss["answered"]),
         f"{miss['status']}, {miss['confidence']:.2f}"]
        for miss in found
    )  # fmt: skip
    yield from _table(["photograph", "it shows", "tokens read", "first answer", "said"], rows)
    yield ""
    yield (
        "With the photographs, heat maps, reference pictures and cues: `rxvision benchmark` with "
        "`--worst-cases var/worst_cases.html` (the photographs stay out of the repository)."
    )


def _latency(stages: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    rows = ([name, *(f"{stage[key]:.1f}" for key in ("p50", "p95"))] for name, stage in stages.items())
    yield from _table(["stage", "p50", "p95"], rows)
    yield ""
    yield "`crop` cuts, measures and reads the imprint; `recognise` embeds, scores against the gallery and decides."


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
