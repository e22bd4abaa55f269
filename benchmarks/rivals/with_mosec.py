"""The same predictor behind Mosec (Apache-2.0); its command line belongs to Mosec."""

import cv2
import mosec

from bentos.runtime.predictor import Predictor
from bentos.settings import Settings

PATH = "/inference"


class Identify(mosec.Worker):
    """A JPEG in, the answer as JSON out."""

    def __init__(self) -> None:
        super().__init__()
        cv2.setNumThreads(1)
        self._predictor = Predictor.from_bundle(Settings().home)

    def deserialize(self, data: bytes) -> bytes:
        return data

    def serialize(self, data: str) -> bytes:
        return data.encode()

    def forward(self, data: bytes) -> str:
        return self._predictor.identify([data]).model_dump_json()


def main() -> None:
    """Serve until stopped, with as many workers as our settings say."""
    server = mosec.Server()
    server.append_worker(Identify, num=Settings().workers)
    server.run()


if __name__ == "__main__":
    main()
