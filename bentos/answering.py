"""One answer from pictures to journal: the part that REST and gRPC share.

An answer leaves only after its journal entry is committed. Threads are bounded, and so is what waits for them.
"""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from bentos.access.caller import ANONYMOUS
from bentos.access.opening import open_access
from bentos.admission import Admission
from bentos.asked import Asked, GivenUp
from bentos.audit.chain import Placed
from bentos.audit.checkpoints import audit_key
from bentos.audit.receipts import answer_sha256, receipted
from bentos.cache import Kept, open_cache
from bentos.faults import ServiceFault
from bentos.feedback import Feedback
from bentos.journal import HMAC_KEY_FILE, Entry, Journal, Recorded
from bentos.judged import feedback_entry
from bentos.metrics import Metrics
from bentos.privacy.desk import PrivacyDesk
from bentos.privacy.subjects import Identified
from bentos.privacy.typed import cleaned, warned
from bentos.records import prediction_payload
from bentos.rollout.rollout import Rollout, excused, session_unit
from bentos.rollout.variants import Serving, Turn
from bentos.runtime.answer import Answer, PillMetadata
from bentos.runtime.errors import InputError
from bentos.runtime.predictor import Observation
from bentos.settings import Settings
from bentos.signing import secret
from bentos.watch import Change, ReleaseWatch

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
        self.access = open_access(settings, append=lambda entry: self._commit(entry).entry_id, now=now)
        self.privacy = PrivacyDesk(settings)
        self._hmac_key = secret(settings.keys_dir, name=HMAC_KEY_FILE)
        self._audit_key = audit_key(settings.keys_dir)
        self._cache = open_cache(settings, key=self._hmac_key, metrics=metrics)
        self._threads = ThreadPoolExecutor(settings.threads, thread_name_prefix="answer")
        self._admission = Admission(settings, metrics=metrics)
        self._bulk = asyncio.Semaphore(settings.threads)

    def admitted(self, *, limit_s: float = math.inf) -> AbstractContextManager[None]:
        """Hold a place for one request whose caller waits `limit_s` at most.

        Raises:
            ServiceFault: busy, the places are taken or the wait is too long; the body should not even be read.
        """
        return self._admission.place(limit_s=limit_s)

    async def answer(
        self,
        pictures: Sequence[bytes],
        *,
        metadata: PillMetadata | None,
        request_id: str,
        session_key: str | None = None,
        limit_s: float = math.inf,
        patient: bool = False,
        actor: str = ANONYMOUS,
        subject: str | None = None,
    ) -> Answer:
        """Answer for one or two pictures, off the event loop; a session is always answered by the same variant.

        A caller is refused who would wait longer than the latency budget or `limit_s`, and answered by the fast member
        where the queue is long. A `patient` one waits for its turn instead, and is answered in full: for bulk work,
        which together has no more threads in use than there are.

        Raises:
            ServiceFault: busy, no_release, journal_unavailable, answer_timeout.
            InputError: the pictures or the metadata cannot be used; this is journalled too.
        """
        turn = self._turn(request_id=request_id, session_key=session_key)
        typed, redactions = cleaned(metadata, policy=self.settings.personal_data)
        asked = Asked(tuple(pictures), typed, request_id, actor=actor, subject=subject, redactions=redactions)
        if patient:
            async with self._bulk:
                return await self._by_turn(turn, asked, limit_s=limit_s)
        self._admission.promise(limit_s=limit_s)
        return await self._by_turn(turn, replace(asked, effort=self._admission.effort()), limit_s=limit_s)

    async def _by_turn(self, turn: Turn, asked: Asked, *, limit_s: float) -> Answer:
        """What the challenger cannot answer within half the time, the champion does."""
        limit_s = min(limit_s, self.settings.answer_timeout_s)
        if turn.serving.variant != "challenger":
            return await self._within(limit_s, turn, asked)
        (outcome,) = await asyncio.gather(self._within(limit_s / 2, turn, asked), return_exceptions=True)
        if isinstance(outcome, Answer):
            return outcome
        if excused(outcome):
            return await self._within(limit_s / 2, turn.instead(), asked)
        raise outcome

    async def _within(self, limit_s: float, turn: Turn, asked: Asked) -> Answer:
        given_up = GivenUp()
        self._admission.begun()
        work = self._threads.submit(self._answer, turn, asked, given_up)
        work.add_done_callback(lambda _: self._admission.ended())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(work), limit_s)
        except TimeoutError as error:
            # A caller's own short deadline says nothing about the variant that missed it.
            given_up.outcome = "too_late" if 2 * limit_s >= self.settings.answer_timeout_s else "cancelled"
            raise ServiceFault("answer_timeout", f"No answer within {limit_s:g} s; try again.") from error
        except asyncio.CancelledError:
            given_up.outcome = "cancelled"
            raise

    def record_feedback(self, said: Feedback, *, actor: str = ANONYMOUS) -> Recorded:
        """Journal what a pill really was; blocks, so off the event loop.

        Raises:
            ServiceFault: unknown_request, unknown_medication, bad_request, no_release, journal_unavailable.
        """
        entry = feedback_entry(
            said,
            answered=self._journal.of_request(str(said.request_id)),
            gallery=self.serving().predictor.gallery,
            actor=actor,
            now=self._now(),
        )
        return Recorded(entry_id=self._commit(entry).entry_id, **entry.model_dump())

    @property
    def num_held(self) -> int:
        """Requests of people that this process holds now; background work waits for them."""
        return self._admission.num_held

    def record_batch(self, outcome: str, *, facts: dict[str, Any], actor: str = SERVICE) -> None:
        """Journal that a large job was created, finished, failed, deleted or expired; raises journal_unavailable."""
        self._commit(Entry(at=self._now(), actor=actor, action="batch", outcome=outcome, payload=facts))

    def refused(self, code: str) -> None:
        """Count a request that got no answer."""
        self._metrics.refusals.labels(code).inc()

    def close(self) -> None:
        """Let the running answers finish, then end the threads and the journal's connections."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self.access.close()
        self.rollout.close()
        if self._cache is not None:
            self._cache.close()
        self.privacy.close()
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

    def _answer(self, turn: Turn, asked: Asked, given_up: GivenUp) -> Answer:
        """In a thread: look up or compute, journal, and only then sign and hand over."""
        began, who = time.perf_counter(), self.privacy.identified(asked.subject, asked.pictures, now=self._now())
        entry = self._entry(turn.serving, asked, who=who)
        about = {"request_id": asked.request_id, "rollout": turn.facts()}
        if asked.redactions:
            about["redacted"] = dict(asked.redactions)
        name = self._cached_as(turn, asked, pictures_hmac=entry.input_hmac)
        kept, observation = self._known(name, turn, asked), None
        if kept is None:
            kept, observation = self._computed(turn, asked, given_up, entry=entry, about=about)
        given = warned(kept.answer, asked.redactions)
        digest = answer_sha256(given)
        took_s, payload = time.perf_counter() - began, kept.payload | about | {"answer_sha256": digest}
        if observation is not None:
            payload["answer_ms"] = round(1e3 * took_s, 3)  # what a rollout judges by; a cached answer says nothing
        placed = self._commit(entry.model_copy(update={"outcome": given_up.outcome or "answered", "payload": payload}))
        answer = receipted(given, digest=digest, placed=placed, now=self._now(), key=self._audit_key)
        self._metrics.answered(kept.answer, seconds=time.perf_counter() - began)
        if observation is not None:
            self._admission.worked(took_s)
            self._afterwards(turn, asked, kept, observation=observation, name=name)
        self.privacy.keep(asked.pictures, typed=asked.metadata, request_id=asked.request_id, who=who, now=self._now())
        return answer

    def _computed(
        self, turn: Turn, asked: Asked, given_up: GivenUp, *, entry: Entry, about: dict[str, Any]
    ) -> tuple[Kept, Observation]:
        predictor = turn.serving.predictor
        try:
            with self.rollout.noting_failure(entry, turn.serving, about=about):
                observation = predictor.observe(asked.pictures)
                self._go_on(turn, given_up, entry=entry, about=about)
                answer = predictor.answer(
                    observation, metadata=asked.metadata, request_id=asked.request_id, effort=asked.effort
                )
        except InputError as error:
            payload = {**about, "code": error.code}
            self._commit(entry.model_copy(update={"outcome": "refused", "payload": payload}))
            raise
        payload = prediction_payload(answer, observation, metadata=asked.metadata)
        return Kept(answer=answer, payload=payload), observation

    def _go_on(self, turn: Turn, given_up: GivenUp, *, entry: Entry, about: dict[str, Any]) -> None:
        """Stop half way where nobody waits any more, and journal that there was no answer."""
        if given_up.outcome is not None:
            facts = {"version": turn.serving.ref.version, "variant": turn.serving.variant}
            self._commit(entry.model_copy(update={"outcome": given_up.outcome, "payload": about | facts}))
            raise ServiceFault("answer_timeout", "Nobody waits for this answer any more.")

    def _cached_as(self, turn: Turn, asked: Asked, *, pictures_hmac: str) -> str | None:
        """The cache's name of this answer; none while an experiment runs, which measures every answer."""
        if self._cache is None or len(turn.variants.running()) > 1:
            return None
        return self._cache.name(pictures_hmac, metadata=asked.metadata, ref=turn.serving.ref)

    def _known(self, name: str | None, turn: Turn, asked: Asked) -> Kept | None:
        """An answer that was given before, as an answer to this question."""
        kept = self._cache.get(name) if name else None
        if kept is None:
            return None
        facts = {"version": turn.serving.ref.version, "variant": turn.serving.variant}
        release = kept.answer.release.model_copy(update=facts)
        answer = kept.answer.model_copy(update={"request_id": asked.request_id, "release": release, "timings_ms": {}})
        return Kept(answer=answer, payload=kept.payload | facts | {"timings_ms": {}, "cached": True})

    def _afterwards(self, turn: Turn, asked: Asked, kept: Kept, *, observation: Observation, name: str | None) -> None:
        """What nobody waits for: keep the answer, compare it; not what overload made of it."""
        if kept.answer.degraded:
            return
        if name:
            self._cache.put(name, kept)
        self.rollout.ask_beside(
            turn, asked.pictures, observation=observation, metadata=asked.metadata, answer=kept.answer
        )

    def _entry(self, serving: Serving, asked: Asked, *, who: Identified) -> Entry:
        return Entry(
            at=self._now(),
            actor=asked.actor,
            action="predict",
            outcome="answered",
            subject_ref=who.subject_ref,
            input_hmac=who.input_hmac,
            recogniser=serving.ref.recogniser,
            gallery=serving.ref.gallery,
        )

    def _commit(self, entry: Entry) -> Placed:
        try:
            return self._journal.place(entry)
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
