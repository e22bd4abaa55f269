"""One answer from pictures to journal: the part that REST and gRPC share.

An answer leaves only after its journal entry is committed. Threads are bounded, and so is what waits for them.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from bentos.faults import ServiceFault
from bentos.feedback import Feedback, feedback_entry
from bentos.journal import HMAC_KEY_FILE, Entry, Journal, Recorded, input_hmac
from bentos.metrics import Metrics
from bentos.records import prediction_payload
from bentos.rollout.rollout import Rollout, excused, session_unit
from bentos.rollout.variants import Serving, Turn
from bentos.runtime.answer import Answer, PillMetadata
from bentos.runtime.errors import InputError
from bentos.settings import Settings
from bentos.signing import secret
from bentos.watch import Change, ReleaseWatch

ANONYMOUS: Final = "anonymous"
SERVICE: Final = "service"


class Answering:
    """Answers with the current release, journals, counts; safe to call from many requests at once."""

    def __init__(self, settings: Settings, *, journal: Journal, metrics: Metrics, now: Callable[[], datetime]) -> None:
        """Open threads and key; the release is loaded by `watch.poll()`."""
        self.settings = settings
        self.rollout = Rollout(settings, journal=journal, metrics=metrics, now=now)
        self.watch = ReleaseWatch(settings, on_change=self._record_change, standing=self.rollout.standing)
        self._journal = journal
        self._metrics = metrics
        self._now = now
        self._hmac_key = secret(settings.keys_dir, name=HMAC_KEY_FILE)
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="answer")
        self._held = 0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Hold a place for one request.

        Raises:
            ServiceFault: busy, all places are taken; the body should not even be read.
        """
        if self._held >= self.settings.max_in_flight:
            raise ServiceFault("busy", "The service has as many requests as it can hold; try again in a second.")
        self._held += 1
        self._metrics.in_flight.inc()
        try:
            yield
        finally:
            self._held -= 1
            self._metrics.in_flight.dec()

    async def answer(
        self,
        pictures: Sequence[bytes],
        *,
        metadata: PillMetadata | None,
        request_id: str,
        session_key: str | None = None,
    ) -> Answer:
        """Answer for one or two pictures, off the event loop; a session is always answered by the same variant.

        What the challenger cannot answer within half the time, the champion does.

        Raises:
            ServiceFault: no_release, journal_unavailable, answer_timeout.
            InputError: the pictures or the metadata cannot be used; this is journalled too.
        """
        turn, limit_s = self._turn(request_id=request_id, session_key=session_key), self.settings.answer_timeout_s
        if turn.serving.variant != "challenger":
            return await self._within(limit_s, turn, pictures, metadata=metadata, request_id=request_id)
        within = self._within(limit_s / 2, turn, pictures, metadata=metadata, request_id=request_id)
        trial = asyncio.ensure_future(within)
        await asyncio.wait({trial})
        if excused(trial.exception()):
            turn = turn.instead()
            return await self._within(limit_s / 2, turn, pictures, metadata=metadata, request_id=request_id)
        return trial.result()

    async def _within(
        self,
        limit_s: float,
        turn: Turn,
        pictures: Sequence[bytes],
        *,
        metadata: PillMetadata | None,
        request_id: str,
    ) -> Answer:
        given_up = threading.Event()
        work = asyncio.get_running_loop().run_in_executor(
            self._threads,
            lambda: self._answer(turn, pictures, metadata=metadata, request_id=request_id, given_up=given_up),
        )
        try:
            return await asyncio.wait_for(work, limit_s)
        except TimeoutError as error:
            given_up.set()
            raise ServiceFault("answer_timeout", f"No answer within {limit_s:g} s; try again.") from error

    def record_feedback(self, said: Feedback) -> Recorded:
        """Journal what a pill really was; blocks, so off the event loop.

        Raises:
            ServiceFault: unknown_request, unknown_medication, bad_request, no_release, journal_unavailable.
        """
        entry = feedback_entry(
            said,
            answered=self._journal.of_request(str(said.request_id)),
            gallery=self.serving().predictor.gallery,
            actor=ANONYMOUS,
            now=self._now(),
        )
        return Recorded(entry_id=self._commit(entry), **entry.model_dump())

    @property
    def num_held(self) -> int:
        """Requests of people that this process holds now; background work waits for them."""
        return self._held

    def record_batch(self, outcome: str, *, facts: dict[str, Any]) -> None:
        """Journal that a large job was created, finished, failed, deleted or expired; raises journal_unavailable."""
        self._commit(Entry(at=self._now(), actor=SERVICE, action="batch", outcome=outcome, payload=facts))

    def refused(self, code: str) -> None:
        """Count a request that got no answer."""
        self._metrics.refusals.labels(code).inc()

    def close(self) -> None:
        """Let the running answers finish, then end the threads and the journal's connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self.rollout.close()
        self._journal.close()

    def serving(self) -> Serving:
        """What answers now; raises `ServiceFault` no_release before the first release is loaded."""
        if self.watch.current is None:
            raise ServiceFault("no_release", "No release is loaded; the service cannot answer yet.")
        return self.watch.current

    def _turn(self, *, request_id: str, session_key: str | None) -> Turn:
        self.serving()
        unit = session_unit(session_key, key=self._hmac_key) if session_key else None
        return Turn.of(self.watch.variants, request_id=request_id, unit=unit)

    def _answer(
        self,
        turn: Turn,
        pictures: Sequence[bytes],
        *,
        metadata: PillMetadata | None,
        request_id: str,
        given_up: threading.Event,
    ) -> Answer:
        began, serving = time.perf_counter(), turn.serving
        entry, about = self._entry(serving, pictures), {"request_id": request_id, "rollout": turn.facts()}
        try:
            with self.rollout.noting_failure(entry, serving, about=about):
                observation = serving.predictor.observe(pictures)
                answer = serving.predictor.answer(observation, metadata=metadata, request_id=request_id)
        except InputError as error:
            payload = {**about, "code": error.code}
            self._commit(entry.model_copy(update={"outcome": "refused", "payload": payload}))
            raise
        payload = prediction_payload(answer, observation, metadata=metadata) | about
        payload["answer_ms"] = round(1e3 * (time.perf_counter() - began), 3)
        outcome = "too_late" if given_up.is_set() else "answered"
        self._commit(entry.model_copy(update={"outcome": outcome, "payload": payload}))
        self._metrics.answered(answer, seconds=time.perf_counter() - began)
        self.rollout.ask_beside(turn, pictures, observation=observation, metadata=metadata, answer=answer)
        return answer

    def _entry(self, serving: Serving, pictures: Sequence[bytes]) -> Entry:
        return Entry(
            at=self._now(),
            actor=ANONYMOUS,
            action="predict",
            outcome="answered",
            input_hmac=input_hmac(pictures, key=self._hmac_key),
            recogniser=serving.ref.recogniser,
            gallery=serving.ref.gallery,
        )

    def _commit(self, entry: Entry) -> int:
        try:
            return self._journal.append(entry)
        except SQLAlchemyError as error:
            raise ServiceFault(
                "journal_unavailable", "The journal cannot be written, so no answer is given."
            ) from error

    def _record_change(self, change: Change) -> None:
        loaded = change.serving
        outcome = "refused" if loaded is None else "loaded"
        self._metrics.releases.labels(outcome).inc()
        if loaded is not None:
            self._metrics.ready.set(1)
        payload = (
            {"reason": change.refusal}
            if loaded is None
            else {"version": loaded.ref.version, "from": loaded.origin, "variant": loaded.variant}
        )
        self._commit(
            Entry(
                at=self._now(),
                actor=SERVICE,
                action="load_release",
                outcome=outcome,
                recogniser=loaded and loaded.ref.recogniser,
                gallery=loaded and loaded.ref.gallery,
                payload=payload,
            )
        )
