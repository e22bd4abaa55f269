"""Makes the call that `grpcurl -plaintext -max-time S -d @ HOST:PORT SERVICE/METHOD` makes, by reflection, in Python.

It stands in where grpcurl cannot be installed, so that the example's script runs there as it is.
"""

import argparse
import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


def main() -> None:
    """Read the request as JSON, print the response as JSON; a failed call ends with status 64 + its gRPC code."""
    parser = argparse.ArgumentParser(prefix_chars="-")
    parser.add_argument("-plaintext", action="store_true", required=True)
    parser.add_argument("-max-time", type=float, required=True)
    parser.add_argument("-d", choices=["@"], required=True)
    parser.add_argument("address")
    parser.add_argument("method")
    given = parser.parse_args()
    service, _, name = given.method.partition("/")
    with grpc.insecure_channel(given.address) as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        method = pool.FindServiceByName(service).FindMethodByName(name)
        request = json_format.Parse(sys.stdin.read(), GetMessageClass(method.input_type)())
        call = channel.unary_unary(
            f"/{given.method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        try:
            response = call(request, timeout=given.max_time)
        except grpc.RpcError as error:
            sys.stderr.write(f"ERROR:\n  Code: {error.code().name}\n  Message: {error.details()}\n")
            sys.exit(64 + error.code().value[0])
    sys.stdout.write(json_format.MessageToJson(response) + "\n")


if __name__ == "__main__":
    main()
