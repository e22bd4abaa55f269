"""One worker's part in a rollout: it notes failures, asks the shadow, and follows what was decided."""

import hashlib
import hmac
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from types import TracebackType
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from bentos.faults import ServiceFault
from bentos.journal import Entry, Journal
from bentos.metrics import Metrics
from bentos.release import ReleaseSpec
from bentos.rollout.decisions import NO_DECISION, Standing, standing_in
from bentos.rollout.overseer import Overseer
from bentos.rollout.shadow import Comparison, Question, Shadowing
from bentos.rollout.variants import Serving, Turn
from bentos.runtime.answer import Answer, PillMetadata
from bentos.runtime.errors import RuntimeFault
from bentos.runtime.predictor import Observation
from bentos.settings import Settings

_log = logging.getLogger(__name__)
SERVICE: Final = "service"
_UNIT_DIGITS: Final = 16


class Rollout:
    """What experiments need around an answer; safe to call from many threads."""

    def __init__(self, settings: Settings, *, journal: Journal, metrics: Metrics, now: Callable[[], datetime]) -> None:
        """Starts the shadow's thread; nothing is read before the first release is."""
        self._journal = journal
        self._metrics = metrics
        self._now = now
        self._overseer = Overseer(journal)
        self._standing = "", NO_DECISION
        self._shadow = Shadowing(
            waiting=settings.shadow_waiting, on_comparison=self._record_comparison, on_dropped=self._count_dropped
        )

    def standing(self, spec: ReleaseSpec) -> Standing:
        """What was decided about a release, after deciding what the answers since the last look ask for.

        While the journal cannot be read the last decisions stand; no answer is given without it either.
        """
        try:
            self._standing = spec.release_id, self._looked(spec)
        except SQLAlchemyError as error:
            _log.error("decisions about release %s cannot be read: %s", spec.release_id, error)
        release_id, standing = self._standing
        return standing if release_id == spec.release_id else NO_DECISION

    def _looked(self, spec: ReleaseSpec) -> Standing:
        standing = standing_in(self._journal, spec)
        found = self._overseer.look(spec, standing, now=self._now())
        if found and (told := standing_in(self._journal, spec)) != standing:
            return told  # another worker was first
        for entry in found:
            _log.error("%s of %s: %s", entry.action, entry.payload["variant"], entry.payload["reasons"])
            self._journal.append(entry)
            self._metrics.decisions.labels(entry.action, entry.payload["variant"]).inc()
        return standing_in(self._journal, spec) if found else standing

    def noting_failure(self, entry: Entry, serving: Serving, *, about: dict[str, Any]) -> ExitStack:
        """A context in which an error that nobody named is journalled as the variant's failure, and goes on."""

        def note(kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
            if kind is None or issubclass(kind, RuntimeFault):
                return
            self._count(serving, "failed")
            facts = {"error": kind.__name__, "variant": serving.variant, "version": serving.ref.version}
            self._keep(entry.model_copy(update={"outcome": "failed", "payload": {**about, **facts}}))

        stack = ExitStack()
        stack.push(note)
        return stack

    def ask_beside(
        self,
        turn: Turn,
        pictures: Sequence[bytes],
        *,
        observation: Observation,
        metadata: PillMetadata | None,
        answer: Answer,
    ) -> None:
        """Have an answer checked in the background, where the release names somebody who does that."""
        self._count(turn.serving, "answered")
        if (beside := turn.beside) is not None:
            self._shadow.offer(Question(pictures, observation, metadata, answer, turn, beside))

    def close(self) -> None:
        """End the shadow's thread."""
        self._shadow.close()

    def _record_comparison(self, comparison: Comparison) -> None:
        ref = comparison.question.beside.ref
        self._count(comparison.question.beside, comparison.outcome)
        self._keep(
            Entry(
                at=self._now(),
                actor=SERVICE,
                action="shadow",
                outcome=comparison.outcome,
                recogniser=ref.recogniser,
                gallery=ref.gallery,
                payload=comparison.payload,
            )
        )

    def _count_dropped(self) -> None:
        self._metrics.variants.labels("shadow", "dropped").inc()

    def _count(self, serving: Serving, outcome: str) -> None:
        self._metrics.variants.labels(serving.variant, outcome).inc()

    def _keep(self, entry: Entry) -> None:
        """No answer waits for these entries, and none is held back where they cannot be written."""
        try:
            self._journal.append(entry)
        except SQLAlchemyError:
            self._metrics.refusals.labels("journal_unavailable").inc()


def excused(error: BaseException | None) -> bool:
    """Whether a challenger's end is its own fault: then the champion answers in its place."""
    if error is None or not isinstance(error, RuntimeFault):
        return error is not None
    return isinstance(error, ServiceFault) and error.code == "answer_timeout"


def session_unit(session_key: str, *, key: bytes) -> str:
    """A caller's session as the journal may name it: 16 hex digits under the journal's key."""
    return hmac.new(key, b"session\0" + session_key.encode(), hashlib.sha256).hexdigest()[:_UNIT_DIGITS]
