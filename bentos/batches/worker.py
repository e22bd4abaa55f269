"""The background worker of one service process: takes one job at a time and answers its items one by one.

It waits while the process holds a request of a person, but not for ever: after `patience_s` one item has its turn.
"""

import asyncio
import logging
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from bentos.access.caller import ANONYMOUS
from bentos.answering import SERVICE, Answering
from bentos.batch import answer_or_problem, item_request_id
from bentos.batches.results import write_tables
from bentos.batches.sources import Source, open_source
from bentos.batches.store import UPLOAD, Item, Job, JobStore, LeaseLost, NewItem
from bentos.batches.tables import BATCHES_DIR
from bentos.faults import ServiceFault
from bentos.problems import Problem, describe
from bentos.runtime.answer import Answer
from bentos.runtime.errors import InputError
from bentos.upload_batch import BatchEntry

_log = logging.getLogger(__name__)
_TRANSIENT: Final = frozenset({"busy", "no_release", "journal_unavailable", "answer_timeout"})
_MAX_ATTEMPTS: Final = 3
_MAX_TRIES: Final = 5
_LOOK_S: Final = 0.01
_STRAY_AFTER_S: Final = 3600.0


class BatchWorker:
    """Works through the jobs of a store until it is cancelled."""

    def __init__(self, answering: Answering, *, store: JobStore, now: Callable[[], datetime]) -> None:
        """Nothing runs before `run`."""
        self._answering = answering
        self.settings = answering.settings
        self.store = store
        self._now = now
        self._owner = str(uuid.uuid4())
        self._woken = asyncio.Event()
        self.num_uploads = 0
        self.alive = True

    def add(self, job_id: str, items: Sequence[NewItem], *, source: str, actor: str = ANONYMOUS) -> Job:
        """Queue a job of `actor` and journal it; blocks.

        Raises:
            ServiceFault: too_many_batches, journal_unavailable.
        """
        now, settings, owner = self._at(), self.settings, self._answering.privacy.subjects.owner
        items = [replace(item, key_owner=owner(item.subject)) if item.subject else item for item in items]
        self.store.create(job_id, items, source=source, now=now, expires_at=now + 3600 * settings.job_keep_h,
                          max_unfinished=settings.job_max_unfinished, actor=actor)  # fmt: skip
        job = self.store.get(job_id)
        try:
            self._answering.record_batch("created", facts=_facts(job), actor=actor)
        except ServiceFault:
            self.store.delete(job_id)
            raise
        return job

    def wake(self) -> None:
        """A job was added here: look at once."""
        self._woken.set()

    async def run(self) -> None:
        """Work until cancelled, then give the job back; `alive` turns False when work ends."""
        try:
            while True:
                try:
                    worked = await self._once()
                except (sqlite3.Error, OSError, ServiceFault) as error:
                    worked = False
                    _log.error("the batches cannot be worked on: %s", error)
                if not worked:
                    await self._pause()
        finally:
            self.alive = False
            self.store.let_go(self._owner)

    async def _once(self) -> bool:
        """Work on one job; False where there was none."""
        await asyncio.to_thread(self._tidy)
        job = await asyncio.to_thread(self.store.claim, self._owner, now=self._at(), lease_s=self.settings.job_lease_s)
        if job is None:
            return False
        try:
            await self._work(job)
        except LeaseLost:
            _log.info("batch %s was deleted or taken over", job.job_id)
        return True

    async def _work(self, job: Job) -> None:
        if job.num_answered + job.num_refused < job.num_items:
            try:
                source = await asyncio.to_thread(self.source, job.job_id, job.source)
            except ServiceFault as error:
                await asyncio.to_thread(self._end, job, problem=error.code)
                return
            with closing(source):
                while (item := await asyncio.to_thread(self._next, job)) is not None:
                    await self._give_way()
                    await self._work_on(job, item, source=source)
        folder = self.store.folder(job.job_id)
        folder.mkdir(exist_ok=True)
        await asyncio.to_thread(self._write_results, job)
        await asyncio.to_thread(self._end, job)

    async def _work_on(self, job: Job, item: Item, *, source: Source) -> None:
        request_id = item_request_id(job.job_id, index=item.number)
        if item.attempts >= _MAX_ATTEMPTS:
            sentence = f"The service ended {_MAX_ATTEMPTS} times while it worked on this item."
            found: Answer | Problem = describe("abandoned", sentence=sentence, request_id=request_id)
        else:
            found = await self._outcome(job, item, source=source, request_id=request_id)
        await asyncio.to_thread(
            self.store.record,
            job.job_id,
            item.number,
            owner=self._owner,
            outcome="answered" if isinstance(found, Answer) else "refused",
            result=found.model_dump_json(),
        )

    async def _outcome(self, job: Job, item: Item, *, source: Source, request_id: str) -> Answer | Problem:
        try:
            pictures = await asyncio.to_thread(_read, item, source)
        except (InputError, ServiceFault) as error:
            return describe(error.code, sentence=error.sentence, request_id=request_id)
        tries = 0
        while True:
            entry = BatchEntry(pictures, item.metadata, item.subject)
            (found,) = (await answer_or_problem(self._answering, entry, request_id, actor=job.actor)).values()
            tries += isinstance(found, Problem) and found.code == "answer_timeout"
            if isinstance(found, Answer) or found.code not in _TRANSIENT or tries >= _MAX_TRIES:
                return found
            await asyncio.sleep(self.settings.poll_s)
            await asyncio.to_thread(self._renew, job)

    async def _give_way(self) -> None:
        """Wait while a person's request is held, at most `job_patience_s`."""
        loop = asyncio.get_running_loop()
        patience = loop.time() + self.settings.job_patience_s
        while self._answering.num_held > 0 and loop.time() < patience:
            await asyncio.sleep(_LOOK_S)

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._woken.wait(), self.settings.poll_s)
        except TimeoutError:
            return
        self._woken.clear()

    def source(self, job_id: str, source: str | bytes) -> Source:
        """The pictures of a job, whose source is given as it is kept; raises `ServiceFault` as `open_source`."""
        settings = self.settings
        return open_source(
            self.store.seals.read(job_id, source, what="source") or "",
            folder=self.store.folder(job_id),
            allowed=settings.job_sources,
            max_items=settings.job_max_items,
            opened=lambda path: self.store.seals.open(job_id, path),
        )

    def _write_results(self, job: Job) -> None:
        """Once more where a subject was erased meanwhile."""
        before = None
        while (now := self.store.get(job.job_id)) not in (None, before):
            write_tables(self.store, job.job_id, policy=self.settings.personal_data)
            before = now

    def _next(self, job: Job) -> Item | None:
        return self.store.next_item(job.job_id, owner=self._owner, now=self._at(), lease_s=self.settings.job_lease_s)

    def _renew(self, job: Job) -> None:
        self.store.renew(job.job_id, owner=self._owner, now=self._at(), lease_s=self.settings.job_lease_s)

    def _end(self, job: Job, *, problem: str | None = None) -> None:
        """Journal it, delete the uploaded pictures, then say that the job is done."""
        done = self.store.get(job.job_id)
        if done is None:
            raise LeaseLost(job.job_id)
        self._answering.record_batch("failed" if problem else "finished", facts=_facts(done))
        for path in self.store.folder(job.job_id).glob("pictures*"):
            path.unlink()
        now = self._at()
        expires_at = now + 3600 * self.settings.job_keep_h
        self.store.finish(job.job_id, owner=self._owner, now=now, expires_at=expires_at, problem=problem)

    def _tidy(self) -> None:
        """Forget expired jobs, and what an upload left behind that was never completed."""
        for job_id in self.store.expired(now=self._at()):
            self.forget(job_id, why="expired")
        for folder in self.store.directory.iterdir():
            stray = folder.is_dir() and self._at() - folder.stat().st_mtime > _STRAY_AFTER_S
            if stray and self.store.get(folder.name) is None:
                shutil.rmtree(folder, ignore_errors=True)

    def forget(self, job_id: str, *, why: str, actor: str = SERVICE) -> bool:
        """Delete a job with its pictures and results; False where there is none."""
        job = self.store.get(job_id)
        if job is None or not self.store.delete(job_id):
            return False
        shutil.rmtree(self.store.folder(job_id), ignore_errors=True)
        self._answering.record_batch(why, facts=_facts(job), actor=actor)
        return True

    def _at(self) -> float:
        return self._now().timestamp()


def open_jobs(answering: Answering) -> JobStore:
    """The jobs of a service's home, encrypted where that is configured."""
    settings = answering.settings
    keys = answering.privacy.keys if settings.encrypt_batches else None
    return JobStore(settings.home / BATCHES_DIR, keys=keys)


def _read(item: Item, source: Source) -> tuple[bytes, ...]:
    return tuple(source.read(name) for name in (item.image, item.image_back) if name is not None)


def _facts(job: Job) -> dict[str, Any]:
    """What the journal keeps of a job: no path, no name of a file."""
    return {
        "batch_id": job.job_id,
        "from": UPLOAD if job.source == UPLOAD else "source",
        "num_items": job.num_items,
        "num_answered": job.num_answered,
        "num_refused": job.num_refused,
    }
