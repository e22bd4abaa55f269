"""What a truthful reply to a question is worth: answers that are not identified, asked again with the reply."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, get_args

from bentos.runtime.answer import Asks, PillMetadata
from bentos.runtime.medication import Medication
from bentos.runtime.predictor import NO_METADATA, Observation, Predictor
from data.typed_text import type_all_tokens
from monitoring.ask import ask, observe
from monitoring.levels import Levels, Truth
from monitoring.metrics import mean_figure, ratio_figure
from monitoring.questions import photo_rng
from monitoring.records import Asked, PhotoRecord, Replied, Reply

MAX_QUESTIONS: Final = 3
QUESTIONS: Final[tuple[Asks, ...]] = ("imprint", "other_side", "size_mm", "color", "shape")


@dataclass(frozen=True)
class Talk:
    """A photograph whose pill and other side are at hand, and what has been said about it so far."""

    predictor: Predictor
    levels: Levels
    truth: Truth
    photo: Path
    observation: Observation
    other_side: Path | None
    seed: int
    said: PillMetadata = NO_METADATA

    def replied(self, question: Asks) -> "Talk | None":
        """The talk with a truthful reply, as a person would give it; None where there is nothing to reply."""
        if question == "other_side":
            return self._turned_over()
        reply = self._typed(question)
        return None if reply is None else replace(self, said=self.said.model_copy(update={question: reply}))

    def answer(self) -> Asked:
        """The answer as things stand."""
        return ask(self.predictor, self.observation, metadata=self.said, truth=self.truth, levels=self.levels,
                   photo=self.photo.name)[0]  # fmt: skip

    def _turned_over(self) -> "Talk | None":
        if self.other_side is None or self.observation.num_pictures == 2:
            return None
        both = observe(self.predictor, self.photo.read_bytes(), self.other_side.read_bytes())
        return replace(self, observation=both) if isinstance(both, Observation) else None

    def _typed(self, question: Asks) -> str | float | None:
        pill = self._medication
        if question == "imprint":
            return type_all_tokens(self.truth.imprint, rng=photo_rng(f"reply/{self.photo.name}", seed=self.seed))
        typed = {"size_mm": float(round(pill.size_mm)), "color": ";".join(pill.colors), "shape": pill.shape}
        return typed.get(question)

    @property
    def _medication(self) -> Medication:
        return self.levels.medications[self.truth.medication_id]


def replies_of(talk: Talk, before: Asked) -> Replied | None:
    """What each reply alone would make of an answer, and what the questions asked in turn do; None if identified.

    `before` is the answer for the picture alone.
    """
    if before.asks is None:
        return None
    alone = {question: _reply(told.answer()) for question in QUESTIONS if (told := talk.replied(question)) is not None}
    asked, last = [], before
    while last.asks is not None and len(asked) < MAX_QUESTIONS:
        told = talk.replied(last.asks)
        if told is None or last.asks in asked:
            break
        asked.append(last.asks)
        talk, last = told, told.answer()
    return Replied(before=_reply(before), asks=before.asks, alone=alone, in_turn=tuple(asked), after=_reply(last))


def _reply(asked: Asked) -> Reply:
    return Reply(status=asked.status, top1=asked.drug.top1, set_size=asked.set_size, correct=asked.correct)


def reply_figures(records: Sequence[PhotoRecord], *, seed: int) -> dict[str, Any]:
    """For answers that are not identified: every question where it was asked, where it might have been, and in turn."""
    talks = [(record.ndc11, record.replied) for record in records if record.replied is not None]
    asked = {question: sum(told.asks == question for _, told in talks) for question in get_args(Asks)}
    rows = {
        "asked": {q: [(ndc, t.before, t.alone[q]) for ndc, t in talks if t.asks == q and q in t.alone] for q in asked},
        "everywhere": {q: [(ndc, t.before, t.alone[q]) for ndc, t in talks if q in t.alone] for q in QUESTIONS},
    }
    found = {name: {q: _figures(pairs, seed=seed) for q, pairs in each.items() if pairs} for name, each in rows.items()}
    in_turn = [(ndc, told.before, told.after) for ndc, told in talks]
    return {"num": len(talks), "num_asked": {q: num for q, num in asked.items() if num}, **found,
            "in_turn": _figures(in_turn, seed=seed) if in_turn else None,
            "num_questions": sum(len(told.in_turn) for _, told in talks)}  # fmt: skip


def _figures(pairs: Sequence[tuple[str, Reply, Reply]], *, seed: int) -> dict[str, Any]:
    groups = [ndc for ndc, _, _ in pairs]

    def mean(values: Sequence[float], *, proportion: bool = True) -> dict[str, Any]:
        return mean_figure(values, groups_N=groups, seed=seed, proportion=proportion).as_dict()

    identified = [float(after.status == "identified") for _, _, after in pairs]
    right = [float(after.status == "identified" and after.correct) for _, _, after in pairs]
    return {
        "set_before": mean([before.set_size for _, before, _ in pairs], proportion=False),
        "set_after": mean([after.set_size for _, _, after in pairs], proportion=False),
        "top1_before": mean([before.top1 for _, before, _ in pairs]),
        "top1_after": mean([after.top1 for _, _, after in pairs]),
        "identified_after": mean(identified),
        "right_when_identified": ratio_figure(right, denominators_N=identified, groups_N=groups, seed=seed).as_dict(),
    }


def reply_rows(figures: dict[str, Any]) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Rows of a table: what was asked, of how many answers, its figures."""
    words = {"imprint": "type the imprint", "other_side": "photograph the other side", "size_mm": "measure the size",
             "color": "say the colour", "shape": "say the shape"}  # fmt: skip
    yield from ((f"asked: {words.get(q, q)}", row["top1_after"]["num"], row) for q, row in figures["asked"].items())
    for question, row in figures["everywhere"].items():
        yield f"had it been asked: {words.get(question, question)}", row["top1_after"]["num"], row
    if figures["in_turn"] is not None:
        yield f"as asked, up to {MAX_QUESTIONS} questions", figures["num"], figures["in_turn"]
