"""The BentoML service: workers, probes and packaging around the REST application and the gRPC server."""

import asyncio
import logging
import os
from datetime import UTC, datetime

import bentoml
from uvicorn.config import HTTP_PROTOCOLS

from bentos.access.hardening import Hardened
from bentos.answering import Answering
from bentos.audit.sealing import Sealing
from bentos.batches.worker import BatchWorker, open_jobs
from bentos.connections import bounded
from bentos.metrics import leave, metrics
from bentos.observed import Observed
from bentos.privacy.discreet import be_discreet
from bentos.privacy.journal_keys import open_journal
from bentos.rest import create_app
from bentos.rpc.server import RpcServer
from bentos.runtime.heif import heic_refused
from bentos.settings import Settings

settings = Settings()
be_discreet()
app = create_app()
layers = Observed(Hardened(app, settings), metrics=metrics())
HTTP_PROTOCOLS["auto"] = bounded(settings.body_timeout_s)  # BentoML leaves no other way to choose it


@bentoml.service(
    name="rxvision",
    workers=settings.workers,
    traffic={"timeout": settings.body_timeout_s + settings.answer_timeout_s + 5},  # ours answers first
    tracing={"excluded_urls": ".*"},  # nobody collects BentoML's spans, which cost a millisecond of CPU
    metrics={"enabled": False},  # BentoML's are labelled by path, which any caller chooses; ours are at /metrics
    logging={"access": {"enabled": False}},  # holds callers' addresses; ours does not
)
@bentoml.asgi_app(layers, path="/")  # no Starlette app: every path is ours, 404 included
class RxVision:
    """One worker: loads the release, answers, and watches the release file until it is stopped."""

    def __init__(self) -> None:
        """Open the journal and load the release, if there is one."""
        logging.getLogger("bentos").setLevel(logging.INFO)  # BentoML's own level is WARNING; it has the handler
        if (why := heic_refused()) is not None:
            logging.getLogger("bentos.service").error("HEIC pictures are refused: %s", why)
        self.answering = Answering(
            settings, journal=open_journal(settings), metrics=metrics(), now=lambda: datetime.now(UTC)
        )
        self.sealing = Sealing(settings)
        self.answering.watch.poll()
        app.state.answering = self.answering
        self.batches = BatchWorker(self.answering, store=open_jobs(self.answering), now=lambda: datetime.now(UTC))
        app.state.batches = self.batches

    @bentoml.on_startup
    async def start(self) -> None:
        """Begin to poll the release file, to sign checkpoints of the journal and to answer over gRPC."""
        self._watching = asyncio.create_task(self.answering.watch.run())
        self._working = asyncio.create_task(self.batches.run())
        self._sealing = asyncio.create_task(self.sealing.run())
        self._guarding = asyncio.create_task(self.answering.access.run())
        self._rpc = RpcServer(self.answering, metrics=metrics())
        await self._rpc.start()

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """End the poll; let running answers finish and be journalled."""
        self._watching.cancel()
        self._working.cancel()
        self._sealing.cancel()
        self._guarding.cancel()
        await asyncio.gather(self._working, return_exceptions=True)
        await self._rpc.stop()
        await asyncio.to_thread(self.answering.close)
        await asyncio.to_thread(self.sealing.close)
        leave(settings.metrics_dir, pid=os.getpid())

    def __is_ready__(self) -> bool:
        """BentoML's own probe, /readyz."""
        return self.answering.watch.current is not None
