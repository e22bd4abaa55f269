"""The same pictures answered once more, unseen: compared with what was returned, journalled, never returned."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Literal

from bentos.rollout.variants import Serving, Turn
from bentos.runtime.answer import Answer, PillAnswer, PillMetadata
from bentos.runtime.predictor import Observation

Outcome = Literal["same", "differs", "failed"]
_NICENESS: Final = 10


@dataclass(frozen=True)
class Question:
    """What was answered, and who is to answer it again."""

    pictures: Sequence[bytes]
    observation: Observation
    metadata: PillMetadata | None
    answer: Answer
    turn: Turn
    beside: Serving


@dataclass(frozen=True)
class Comparison:
    """Both answers held together, or the name of the error that the second one ended in."""

    question: Question
    outcome: Outcome
    payload: dict[str, Any]


class Shadowing:
    """One thread of low priority with a short queue; what does not fit is dropped and counted."""

    def __init__(
        self, *, waiting: int, on_comparison: Callable[[Comparison], None], on_dropped: Callable[[], None]
    ) -> None:
        """At most `waiting` questions are held, pictures included; 0 turns shadowing off."""
        self._places = threading.BoundedSemaphore(waiting) if waiting else None
        self._on_comparison = on_comparison
        self._on_dropped = on_dropped
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shadow", initializer=_yield_to_answers)

    def offer(self, question: Question) -> bool:
        """Queue the question; False where it was dropped."""
        if self._places is None or not self._places.acquire(blocking=False):
            self._on_dropped()
            return False
        asked = self._thread.submit(answered_again, question)
        asked.add_done_callback(lambda done: self._finish(question, done))
        return True

    def close(self) -> None:
        """Finish the question at work, forget those that wait."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _finish(self, question: Question, done: Future[Comparison]) -> None:
        self._places.release()
        if done.cancelled():
            self._on_dropped()
            return
        error = done.exception()
        self._on_comparison(done.result() if error is None else failed(question, error))


def answered_again(question: Question) -> Comparison:
    """Ask the other variant; what was observed is used again where both have the same recogniser."""
    began, other = time.perf_counter(), question.beside.predictor
    alike = question.turn.serving.ref.recogniser == question.beside.ref.recogniser
    observation = question.observation if alike else other.observe(question.pictures)
    answer = other.answer(observation, metadata=question.metadata, request_id=question.answer.request_id)
    return held_together(question, answer, answer_ms=1e3 * (time.perf_counter() - began))


def held_together(question: Question, answer: Answer, *, answer_ms: float) -> Comparison:
    """Compare two answers pill by pill: they differ where they name different drugs, or only one names any."""
    first = [_outcome(pill) for pill in question.answer.pills]
    second = [_outcome(pill) for pill in answer.pills]
    names = [(a["drug"], b["drug"]) for a, b in zip(first, second, strict=False)]
    differs = len(first) != len(second) or any(a != b for a, b in names)
    payload = {
        **_about(question),
        "conflict": any(a is not None and b is not None and a != b for a, b in names),
        "answer_ms": round(answer_ms, 3),
        "answered": {"variant": question.turn.serving.variant, "version": question.turn.serving.ref.version,
                     "pills": first},
        "beside": {"variant": question.beside.variant, "version": question.beside.ref.version, "pills": second},
    }  # fmt: skip
    return Comparison(question, "differs" if differs else "same", payload)


def failed(question: Question, error: BaseException) -> Comparison:
    """The other variant could not answer."""
    facts = {"error": type(error).__name__, "beside": {"variant": question.beside.variant,
                                                       "version": question.beside.ref.version}}  # fmt: skip
    return Comparison(question, "failed", {**_about(question), **facts})


def _about(question: Question) -> dict[str, Any]:
    return {"request_id": question.answer.request_id, "rollout": question.turn.facts()}


def _outcome(pill: PillAnswer) -> dict[str, Any]:
    first = pill.alternatives[0] if pill.alternatives else None
    identified = pill.status == "identified"
    return {
        "status": pill.status,
        "drug": first.clinical_drug if identified and first else None,
        "medication_id": pill.medication.medication_id if pill.medication else None,
        "confidence": round(pill.confidence, 6),
        "route": pill.explanation.route,
        "cues": sorted(pill.explanation.cues),
    }


def _yield_to_answers() -> None:
    """Linux schedules threads by their own niceness: answers that people wait for go first."""
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
