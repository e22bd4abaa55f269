"""A gRPC caller: `PredictMedication` on a channel that several callers may share."""

import time
from typing import Final

import grpc

from benchmarks.load import HOST, Reply
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.proto.rxvision.v1.medication_identification_pb2_grpc import MedicationIdentificationStub
from bentos.rpc.errors import PUSHBACK_KEY

_OWN_CONNECTION: Final = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.max_receive_message_length", 2**24),
)


class GrpcCaller:
    """Calls on one channel."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        """Who made the channel closes it."""
        self._call = MedicationIdentificationStub(channel).PredictMedication

    async def ask(self, picture: bytes) -> Reply:
        """Send one picture and wait for the answer."""
        began = time.perf_counter()
        try:
            await self._call(pb.PredictMedicationRequest(image_data=picture))
        except grpc.aio.AioRpcError as error:
            pushback_ms = dict(error.trailing_metadata() or ()).get(PUSHBACK_KEY)
            retry_s = None if pushback_ms is None else float(pushback_ms) / 1e3
            return Reply(error.code().name, time.perf_counter() - began, retry_s)
        return Reply("OK", time.perf_counter() - began)

    async def close(self) -> None:
        """The channel goes on."""


def channel_to(port: int) -> grpc.aio.Channel:
    """A connection of its own, which lands on one worker of the server."""
    return grpc.aio.insecure_channel(f"{HOST}:{port}", options=_OWN_CONNECTION)
