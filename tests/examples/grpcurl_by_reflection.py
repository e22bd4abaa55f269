"""Does what `grpcurl -plaintext [-max-time S] [-d @] HOST:PORT SERVICE/METHOD` (or `list`) does, in Python.

It too knows the service by reflection alone. It stands in where grpcurl is not installed, so that the example's
script runs there as it is.
"""

import argparse
import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def main() -> None:
    """Read the request as JSON, print the response as JSON; a failed call ends with status 64 + its gRPC code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-plaintext", action="store_true", required=True)
    parser.add_argument("-max-time", type=float)
    parser.add_argument("-d", choices=["@"])
    parser.add_argument("address")
    parser.add_argument("method", help="SERVICE/METHOD, or list")
    given = parser.parse_args()
    with grpc.insecure_channel(given.address) as channel:
        described = ProtoReflectionDescriptorDatabase(channel)
        if given.method == "list":
            sys.stdout.write("\n".join(described.get_services()) + "\n")
            return
        response = called(channel, given.method, sys.stdin.read() if given.d else "{}", timeout_s=given.max_time)
    sys.stdout.write(json_format.MessageToJson(response) + "\n")


def called(channel: grpc.Channel, path: str, text: str, *, timeout_s: float | None) -> Message:
    """The response of the method at `path` to a request in JSON."""
    service, _, name = path.partition("/")
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    method = pool.FindServiceByName(service).FindMethodByName(name)
    call = channel.unary_unary(
        f"/{path}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    try:
        return call(json_format.Parse(text, GetMessageClass(method.input_type)()), timeout=timeout_s)
    except grpc.RpcError as error:
        sys.stderr.write(f"ERROR:\n  Code: {error.code().name}\n  Message: {error.details()}\n")
        sys.exit(64 + error.code().value[0])


if __name__ == "__main__":
    main()
