"""The same pill over REST and over gRPC:   python examples/identify.py [http://HOST:PORT [HOST:GRPC_PORT]]."""

import sys
from pathlib import Path

from bentos.client.failure import CallFailed
from bentos.client.items import Item
from bentos.client.rest import RestClient
from bentos.client.rpc import GrpcClient
from bentos.runtime.answer import Answer, PillMetadata

HERE = Path(__file__).resolve().parent
FRONT, BACK = (HERE / "front.jpg").read_bytes(), (HERE / "back.jpg").read_bytes()
TYPED = PillMetadata(imprint="93;5126", color="PINK", shape="TRIANGLE")


def main(rest_url: str = "http://127.0.0.1:3000", grpc_address: str = "127.0.0.1:50051") -> None:
    """Ask over both protocols; each call has 10 s for all its attempts."""
    with RestClient(rest_url) as rest, GrpcClient(grpc_address) as grpc:
        for protocol, client in (("REST", rest), ("gRPC", grpc)):
            try:
                answer = client.identify(FRONT, back=BACK, metadata=TYPED, session="counter-7", deadline_s=10)
            except CallFailed as failure:
                sys.exit(f"{protocol}: {failure.sentence} ({failure.code}, request {failure.request_id})")
            print(protocol, in_a_line(answer))
        good, bad = grpc.identify_many([Item(FRONT, BACK, TYPED), Item(b"no picture")])
        print("batch:", in_a_line(good), "and", bad.code)


def in_a_line(answer: Answer) -> str:
    """What the first pill is, or what to do next."""
    pill = answer.pills[0]
    name = pill.medication.name if pill.medication else pill.next
    return f"{pill.status}: {name} (confidence {pill.confidence:.2f}, release {answer.release.version})"


if __name__ == "__main__":
    main(*sys.argv[1:])
