"""`python -m training.reading label|relabel|train|export|keep`: from reference pictures to the committed reader."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import cv2
import torch
import typer

from bentos.runtime.contract import ReaderSpec
from bentos.runtime.read import Reader, open_reader
from bentos.runtime.recogniser import session_options
from training.reading.base import new_finder, new_reader, read_base, ready_reader
from training.reading.compose import font_files
from training.reading.config import Network, ReadingConfig
from training.reading.export import export_network
from training.reading.finder import finder_task
from training.reading.loop import train as run_training
from training.reading.pack import PACK_FILE, ReadingPack, build_reading_pack, relabel
from training.reading.photograph import Photographer
from training.reading.reader import reader_task
from training.reading.weights import FINDER_FILE, READER_FILE, committed_network, keep_reader, write_reader

app = typer.Typer(no_args_is_help=True, add_completion=False)
Wheel = typer.Option(help="wheel of rapidocr_onnxruntime 1.4.4, which carries the networks to begin with")
_TELL_EVERY = 50


@app.command()
def label(
    rximage: Annotated[Path, typer.Option(help="directory with catalogue.csv and images/")],
    out: Annotated[Path, typer.Option(help="directory that the pack of labelled sides is written to")],
    wheel: Annotated[Path | None, Wheel] = None,
) -> None:
    """Find the catalogue's imprints on all reference sides and write them into one file.

    Without a wheel the committed reader looks, at what the runtime would see.
    """
    cv2.setNumThreads(1)
    reader = ready_reader(read_base(wheel)) if wheel else _committed_reader()
    _say_pack(build_reading_pack(rximage, reader=reader, out=out, several_views=wheel is not None))


@app.command(name="relabel")
def look_again(
    pack: Annotated[Path, typer.Option(help="directory of the pack")],
    out: Annotated[Path, typer.Option(help="directory that the pack with more lines is written to")],
) -> None:
    """Find with the committed reader what the ready OCR did not: what it was trained on teaches the next one."""
    cv2.setNumThreads(1)
    _say_pack(relabel(ReadingPack(pack / PACK_FILE), reader=_committed_reader(), out=out))


@app.command()
def train(
    network: Annotated[Network, typer.Argument(help="which of the two")],
    pack: Annotated[Path, typer.Option(help="directory of the pack")],
    out: Annotated[Path, typer.Option(help="directory of the checkpoint; resumed from")],
    minutes: Annotated[float, typer.Option(help="time the training takes in all")] = 60,
    wheel: Annotated[Path | None, typer.Option(help="begin with the networks of this wheel, not with our own")] = None,
    settings: Annotated[list[str], typer.Option("--set", help="name=value of ReadingConfig")] = [],  # noqa: B006
) -> None:
    """Train one network; run again after a kill, it goes on from the last checkpoint."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    given = dict(setting.split("=", 1) for setting in settings)
    config = ReadingConfig.model_validate({"minutes": minutes, **given})
    spec = ReaderSpec(finder_onnx=FINDER_FILE, reader_onnx=READER_FILE)
    photographer = Photographer(ReadingPack(pack / PACK_FILE), config, font_files(), spec)
    make, begin, file = _NETWORKS[network]
    start = begin(wheel, config.seed) if wheel else committed_network(file)
    steps = run_training(make(start, photographer), out=out, clock=time.monotonic, on_step=_say)
    typer.echo(f"{steps} steps done: {out}")


@app.command()
def export(
    run: Annotated[Path, typer.Option(help="directory of the training")],
    out: Annotated[Path, typer.Option(help="ONNX file to write")],
) -> None:
    """Write a trained network, once ONNX Runtime was seen to agree with torch."""
    typer.echo(f"{out}: differs from torch by {export_network(run, out):.2g}")


@app.command()
def keep(
    finder: Annotated[Path, typer.Option(help="exported finder")],
    reader: Annotated[Path, typer.Option(help="exported reader")],
    facts: Annotated[list[str], typer.Option("--fact", help="name=value for the record: commit, hours, seed")] = [],  # noqa: B006
) -> None:
    """Put both networks among the committed weights, in half precision."""
    keep_reader(finder=finder, reader=reader, facts=dict(fact.split("=", 1) for fact in facts))
    typer.echo(f"kept {FINDER_FILE} and {READER_FILE}")


_NETWORKS = {
    "finder": (finder_task, lambda wheel, seed: new_finder(read_base(wheel), seed=seed), FINDER_FILE),
    "reader": (reader_task, lambda wheel, seed: new_reader(read_base(wheel)), READER_FILE),
}


def _committed_reader() -> Reader:
    with TemporaryDirectory() as directory:
        return open_reader(Path(directory), write_reader(Path(directory)), options=session_options())


def _say_pack(made: ReadingPack) -> None:
    typer.echo(f"{len(made.rows)} sides, {len(made.lettered)} with lines, {len(made.blank)} blank: {made.path}")


def _say(step: int, share: float, figures: dict[str, float]) -> None:
    if step % _TELL_EVERY == 0:
        told = " ".join(f"{name}={value:.3g}" for name, value in figures.items())
        typer.echo(f"step={step} share={share:.3f} {told}")


if __name__ == "__main__":
    app()
