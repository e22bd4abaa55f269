"""The same predictor behind LitServe (Apache-2.0)."""

import sys
from pathlib import Path

import cv2
import litserve
from fastapi import Request
from starlette.responses import Response

from bentos.runtime.predictor import Predictor

PATH = "/predict"


class Identify(litserve.LitAPI):
    """A form with `image` in, the answer as JSON out."""

    def __init__(self, bundle: str) -> None:
        super().__init__()
        self._bundle = bundle

    def setup(self, device: str) -> None:
        cv2.setNumThreads(1)
        self._predictor = Predictor.from_bundle(Path(self._bundle))

    def decode_request(self, request: Request) -> bytes:  # names the kind of route; a form arrives parsed
        return request["image"].file.read()

    def predict(self, inputs: bytes) -> str:
        return self._predictor.identify([inputs]).model_dump_json()

    def encode_response(self, output: str) -> Response:
        return Response(output, media_type="application/json")


def main(bundle: str, port: str, workers: str) -> None:
    """Serve until stopped."""
    server = litserve.LitServer(Identify(bundle), accelerator="cpu", workers_per_device=int(workers), timeout=120)
    server.run(host="127.0.0.1", port=int(port), generate_client_file=False, log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
