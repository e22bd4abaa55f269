"""How promises hold as a gallery grows: coverage of sets, and wrong names, in random parts of one gallery.

A gallery is masked to random appearances that hold the pill (coverage, right names) or that hold none of its
look group (unknown pills). Cues are collected once per photograph: what grows is only the gallery.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bentos.runtime.answer import PillAnswer, PillMetadata
from bentos.runtime.decide import MAX_SET_LISTED
from bentos.runtime.predictor import Observation, Predictor
from monitoring.ask import observe
from monitoring.benchmark import read_labels
from monitoring.levels import Levels, Truth
from monitoring.metrics import Figure, mean_figure, ratio_figure
from monitoring.questions import metadata_for, photo_rng
from monitoring.records import Question

SIZES = (64, 128, 256, 512, 1024, 2048)


@dataclass(frozen=True)
class Seen:
    """A labelled photograph that was observed once; `photo` names it and seeds what is drawn for it."""

    photo: str
    observation: Observation
    truth: Truth


def seen_photographs(
    predictor: Predictor, photos: Path, *, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Seen]:
    """The photographs of a directory with `labels.csv` whose pill is in the gallery; a refused file is left out.

    Raises:
        BenchmarkError: `labels.csv` is missing or malformed.
    """
    levels = Levels(predictor.gallery.appearances, medications=predictor.gallery.medications)
    labelled, found = read_labels(photos), []
    for done, photo in enumerate(labelled, start=1):
        truth = levels.truth_of_ndc(photo.ndc11)
        observation = None if truth is None else observe(predictor, photo.path.read_bytes())
        if isinstance(observation, Observation) and truth is not None:
            found.append(Seen(photo.path.name, observation, truth))
        on_progress(done, len(labelled))
    return found


def by_gallery_size(
    predictor: Predictor,
    seen: Sequence[Seen],
    *,
    sizes: Sequence[int] = SIZES,
    question: Question = "picture",
    seed: int = 0,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """The figures at every size below the gallery's own, and at its own.

    `question` says what is typed beside the picture. The same seed draws the same galleries. An unknown pill's
    largest gallery is the whole one without its look group.

    Raises:
        ValueError: there is no photograph.
    """
    if not seen:
        raise ValueError("there is no photograph to ask")
    whole = predictor.gallery.num_active
    chosen = [*sorted(size for size in sizes if size < whole), whole]
    levels = Levels(predictor.gallery.appearances, medications=predictor.gallery.medications)
    asker = _Asker(predictor, levels, question, seed)
    rows = []
    for done, one in enumerate(seen, start=1):
        rows.append([asker.ask(one, size=size) for size in chosen])
        on_progress(done, len(seen))
    groups, spec = [one.truth.ndc11 for one in seen], predictor.recogniser.spec
    columns = zip(chosen, zip(*rows, strict=True), strict=True)
    return {
        "question": question,
        "num_photos": len(seen),
        "promised_coverage": spec.promised_coverage,
        "domain": spec.calibration_domain,
        "sizes": [_figures(size, column, groups=groups, seed=seed) for size, column in columns],
    }


@dataclass(frozen=True)
class _Outcome:
    """One photograph at one size: with its pill in the gallery, and without."""

    in_set: bool
    set_size: int
    right: bool
    identified: bool
    false_identified: bool
    said_unknown: bool


@dataclass(frozen=True)
class _Asker:
    predictor: Predictor
    levels: Levels
    question: Question
    seed: int

    def ask(self, one: Seen, *, size: int) -> _Outcome:
        """Answer for one photograph out of two galleries of `size`: with its pill, and without its look group."""
        inside, outside = self._drawn(one, size=size)
        answer, without = self._answer(one, inside), self._answer(one, outside)
        return _Outcome(
            in_set=self._in_set(one, answer, inside),
            set_size=answer.prediction_set.num_appearances,
            right=bool(answer.alternatives) and answer.alternatives[0].clinical_drug == one.truth.drug,
            identified=answer.status == "identified",
            false_identified=without.status == "identified",
            said_unknown=without.status == "unknown",
        )

    def _metadata(self, one: Seen) -> PillMetadata | None:
        return metadata_for(self.question, tokens=one.truth.imprint, photo=one.photo, seed=self.seed)

    def _smaller(self, chosen: Sequence[str]) -> Predictor:
        return self.predictor.with_gallery(self.predictor.gallery.subset(chosen))

    def _answer(self, one: Seen, chosen: Sequence[str]) -> PillAnswer:
        return self._smaller(chosen).answer(one.observation, metadata=self._metadata(one)).pills[0]

    def _in_set(self, one: Seen, answer: PillAnswer, chosen: Sequence[str]) -> bool:
        """The set is the head of the ranking; the answer lists a part of a very large one."""
        num, listed = answer.prediction_set.num_appearances, set(answer.prediction_set.medication_ids)
        own = {m for key in one.truth.appearance_ids for m in self.levels.appearances[key].medication_ids}
        if num <= MAX_SET_LISTED or not own.isdisjoint(listed):
            return not own.isdisjoint(listed)
        head = self._smaller(chosen).rank(one.observation, metadata=self._metadata(one))[:num]
        return not one.truth.appearance_ids.isdisjoint(key for key, _ in head)

    def _drawn(self, one: Seen, *, size: int) -> tuple[list[str], list[str]]:
        """`size` active appearances that hold the pill, and as many (where there are) of other look groups."""
        gallery = self.predictor.gallery
        active = [a for a, on in zip(gallery.appearances, gallery.active_A, strict=True) if on]
        order = photo_rng(f"gallery/{one.photo}/{size}", seed=self.seed).permutation(len(active))
        shuffled = [active[i] for i in order]
        own = sorted(one.truth.appearance_ids)
        rest = [a.appearance_id for a in shuffled if a.appearance_id not in one.truth.appearance_ids]
        others = [a.appearance_id for a in shuffled if a.look_group != one.truth.look_group]
        return [*own, *rest[: max(0, size - len(own))]], others[:size]


def _figures(size: int, outcomes: Sequence[_Outcome], *, groups: Sequence[str], seed: int) -> dict[str, Any]:
    """Shares with their 95 % intervals, resampled by medication."""

    def mean(value: Callable[[_Outcome], float], *, proportion: bool = True) -> Figure:
        return mean_figure([float(value(o)) for o in outcomes], groups_N=groups, seed=seed, proportion=proportion)

    right = [float(o.identified and o.right) for o in outcomes]
    named = [float(o.identified) for o in outcomes]
    figures = {
        "coverage": mean(lambda o: o.in_set),
        "top1": mean(lambda o: o.right),
        "identified": mean(lambda o: o.identified),
        "accuracy": ratio_figure(right, denominators_N=named, groups_N=groups, seed=seed),
        "false_identified": mean(lambda o: o.false_identified),
        "said_unknown": mean(lambda o: o.said_unknown),
        "mean_set": mean(lambda o: o.set_size, proportion=False),
    }
    return {"gallery_size": size, **{name: figure.as_dict() for name, figure in figures.items()}}


def sizes_table(figures: Mapping[str, Any]) -> str:
    """The figures of one question as a Markdown table."""
    names = ("coverage", "top1", "identified", "accuracy", "false_identified", "said_unknown")
    head = ("appearances", "set holds the pill", "right drug first", "identified", "right when identified",
            "unknown pill identified", "unknown pill called so", "appearances in a set")  # fmt: skip
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in figures["sizes"]:
        cells = [f"{row['gallery_size']:,}", *(_share(row[name]) for name in names), f"{row['mean_set']['value']:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _share(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "none"
    return f"{figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def sizes_png(figures: Sequence[Mapping[str, Any]], *, max_false: float = 0.02) -> bytes:
    """Coverage, and unknown pills named, over the gallery's size, with their promises; a line for each question."""
    from monitoring.plots import new_figure, png_of

    figure, (left, right) = new_figure(2, width=9.0, height=3.4)
    for one in figures:
        _draw_line(left, one, name="coverage")
        _draw_line(right, one, name="false_identified")
    left.axhline(figures[0]["promised_coverage"], color="0.5", linestyle="--", linewidth=1)
    right.axhline(max_false, color="0.5", linestyle="--", linewidth=1)
    left.set(title="prediction set holds the pill", ylim=(0.5, 1.01))
    right.set(title="pill not in the gallery: identified all the same")
    right.set_ylim(bottom=0)
    left.legend(frameon=False, fontsize=8, loc="lower left")
    return png_of(figure)


def _draw_line(panel: Any, one: Mapping[str, Any], *, name: str) -> None:
    rows = [(math.log2(row["gallery_size"]), row["gallery_size"], row[name]) for row in one["sizes"]]
    places, sizes, shares = zip(*rows, strict=True)
    (line,) = panel.plot(places, [item["value"] for item in shares], "o-", markersize=3,
                         label=str(one["question"]).replace("_", " "))  # fmt: skip
    panel.fill_between(places, [item["low"] for item in shares], [item["high"] for item in shares], alpha=0.15,
                       linewidth=0, color=line.get_color())  # fmt: skip
    panel.set_xticks(places, labels=[f"{size:,}" for size in sizes])
    panel.set_xlabel("appearances in the gallery")
