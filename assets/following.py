"""What happens while a network trains: a bar, a curve in MLflow, an observation in Dagster."""

import time
from typing import Any

import dagster as dg

from assets.resources import Progress


class Following:
    """Receives a training's steps and epochs; `mlflow` is the module with an active run."""

    def __init__(self, context: dg.AssetExecutionContext, mlflow: Any, progress: Progress, member: str) -> None:
        self._context = context
        self._mlflow = mlflow
        self._member = member
        self._step = progress.stage(f"train {member}")
        self._crops = progress.stage(f"crops for {member}")
        self._began = time.monotonic()

    def on_crop(self, done: int, total: int | None) -> None:
        """A photograph was located and cropped."""
        self._crops(done, total)

    def on_step(self, done: int, total: int) -> None:
        """An optimiser step was taken."""
        self._step(done, total)

    def on_epoch(self, epoch: int, figures: dict[str, float]) -> None:
        """An epoch ended: curves appear in both interfaces while training goes on."""
        self._mlflow.log_metrics(figures, step=epoch)
        seen = {"epoch": epoch, "minutes": (time.monotonic() - self._began) / 60, **figures}
        self._context.log_event(dg.AssetObservation(self._context.asset_key, metadata=seen))
        self._context.log.info("%s: epoch %s: %s", self._member, epoch, figures)
