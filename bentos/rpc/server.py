"""The gRPC server of one worker: our service, health and reflection on one port, drained when it stops."""

import asyncio
import contextlib
from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection

from bentos.access.tls import grpc_credentials
from bentos.answering import Answering
from bentos.faults import ServiceFault
from bentos.metrics import Metrics
from bentos.proto.rxvision.v1.medication_identification_pb2_grpc import add_MedicationIdentificationServicer_to_server
from bentos.rpc.calls import SERVICE_NAME, Calls
from bentos.rpc.servicer import Identification
from bentos.upload import MAX_BODY_BYTES

_WHOLE_SERVER: Final = ""  # the health service's name for all services together


class RpcServer:
    """Answers gRPC with the same `Answering` as REST, in the same event loop."""

    def __init__(self, answering: Answering, *, metrics: Metrics) -> None:
        """Nothing listens before `start`."""
        self._answering = answering
        self._metrics = metrics
        self._methods = Identification(answering)
        self._health = health.aio.HealthServicer()

    async def start(self) -> None:
        """Listen; workers of one service share the port.

        Raises:
            ServiceFault: port_taken.
        """
        settings = self._answering.settings
        limits = {"PredictBatch": settings.max_batch_bytes}
        self._server = grpc.aio.server(
            interceptors=(Calls(self._answering, metrics=self._metrics, max_bytes=limits),),
            options=(
                ("grpc.so_reuseport", 1),
                ("grpc.max_receive_message_length", max(MAX_BODY_BYTES, *limits.values())),
                ("grpc.max_metadata_size", 2**14),
            ),
        )
        add_MedicationIdentificationServicer_to_server(self._methods, self._server)
        add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        address = f"{settings.host}:{settings.grpc_port}"
        try:
            if (credentials := grpc_credentials(settings)) is None:
                self._server.add_insecure_port(address)
            else:
                self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            raise ServiceFault("port_taken", f"gRPC cannot listen at {address}; choose another grpc_port.") from error
        await self._report()
        await self._server.start()
        self._reporting = asyncio.create_task(self._keep_reporting())

    async def stop(self) -> None:
        """Take no new call, let those that have begun finish; streams end after the answers to what was read."""
        self._reporting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reporting
        await self._health.enter_graceful_shutdown()
        self._methods.stopping.set()
        await self._server.stop(grace=self._answering.settings.answer_timeout_s)

    async def _keep_reporting(self) -> None:
        while True:
            await asyncio.sleep(self._answering.settings.poll_s)
            await self._report()

    async def _report(self) -> None:
        """Health says what /ready says: serving as soon as a release is loaded."""
        status = health_pb2.HealthCheckResponse
        now = status.SERVING if self._answering.watch.current is not None else status.NOT_SERVING
        for name in (_WHOLE_SERVER, SERVICE_NAME):
            await self._health.set(name, now)
