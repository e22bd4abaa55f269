"""`python -m training.pretrain pack|train`: the compact pack of reference sides, and pre-training on it."""

import math
from pathlib import Path
from typing import Annotated

import cv2
import typer
from pydantic import ValidationError

from training.pretrain.config import PretrainConfig
from training.pretrain.loop import pretrain
from training.pretrain.pack import PACK_FILE, SidePack, build_side_pack

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def pack(
    rximage: Annotated[Path, typer.Option(help="directory with catalogue.csv and images/")],
    out: Annotated[Path, typer.Option(help="directory that the pack is written to")],
) -> None:
    """Cut all reference sides out and write them into one file."""
    cv2.setNumThreads(1)
    made = build_side_pack(rximage, out=out)
    typer.echo(
        f"{len(made)} sides, {len(made.trainable())} to train on, {made.path.stat().st_size / 1e6:.1f} MB: {made.path}"
    )


@app.command()
def train(
    pack: Annotated[Path, typer.Option(help="directory of the pack")],
    out: Annotated[Path, typer.Option(help="directory of checkpoint, learning curve and weights; resumed from")],
    member: Annotated[str, typer.Option(help="fast or accurate")] = "fast",
    minutes: Annotated[float, typer.Option(help="stop after so many; run again to go on")] = math.inf,
    changes: Annotated[list[str] | None, typer.Option("--set", help="name=value of PretrainConfig")] = None,
) -> None:
    """Pre-train one member; run again after a kill or a stop, it goes on from the last checkpoint."""
    cv2.setNumThreads(1)
    given = dict(change.split("=", 1) for change in changes or [])
    try:
        config = PretrainConfig.model_validate({"member": member} | given)
    except ValidationError as error:
        raise typer.BadParameter(str(error)) from error
    done = pretrain(
        config, SidePack(pack / PACK_FILE), out=out, on_step=lambda done, of: None, on_epoch=_say, minutes=minutes
    )
    typer.echo(f"{done.steps_done} of {done.num_steps} steps: {done.weights}")


def _say(figures: dict[str, float]) -> None:
    typer.echo(" ".join(f"{name}={value:.4g}" for name, value in figures.items()))


if __name__ == "__main__":
    app()
