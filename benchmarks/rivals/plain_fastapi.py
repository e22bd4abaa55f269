"""The same predictor behind plain FastAPI and uvicorn, as a short tutorial would have it."""

import sys
from pathlib import Path
from typing import Annotated

import cv2
import uvicorn
from fastapi import FastAPI, File, Response, UploadFile

from bentos.runtime.predictor import Predictor
from bentos.settings import Settings

PATH = "/predict"


def create_app() -> FastAPI:
    """One predictor for each process; it lies in the home that the environment names."""
    cv2.setNumThreads(1)
    app, predictor = FastAPI(), Predictor.from_bundle(Settings().home)

    @app.post(PATH)
    def predict(image: Annotated[UploadFile, File()]) -> Response:
        return Response(predictor.identify([image.file.read()]).model_dump_json(), media_type="application/json")

    return app


def main(_bundle: str, port: str, workers: str) -> None:
    """Serve until stopped."""
    sys.path.insert(0, str(Path.cwd()))
    uvicorn.run("benchmarks.rivals.plain_fastapi:create_app", factory=True, port=int(port), workers=int(workers),
                access_log=False)  # fmt: skip


if __name__ == "__main__":
    main(*sys.argv[1:])
