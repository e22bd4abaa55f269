"""A tiny pack of labelled sides out of drawn blank pills, and a training on it that a test kills."""

import os
import signal
import sys
from pathlib import Path

import numpy as np

from bentos.runtime.contract import ReaderSpec
from bentos.runtime.medication import look_group_of
from tests.bentos.runtime.pills import drawn_pill
from tests.builders import medication
from training.pretrain.held_out import held_out
from training.pretrain.pack import Side
from training.reading.config import ReadingConfig
from training.reading.finder import finder_task
from training.reading.lines import LabelledSide
from training.reading.loop import Task, train
from training.reading.pack import ReadingPack, pack_row, write_reading_pack
from training.reading.photograph import Photographer
from training.reading.weights import FINDER_FILE, READER_FILE, committed_network

SPEC = ReaderSpec(finder_onnx=FINDER_FILE, reader_onnx=READER_FILE)
FONTS = ("DejaVuSans-Bold.ttf",)
SECONDS_A_STEP = 6.0


class Ticks:
    """A clock that moves on by one step's time whenever it is read."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        self._now += SECONDS_A_STEP
        return self._now


def blank_side(*, ratio: float = 0.5, angle_deg: float = 0.0) -> LabelledSide:
    """A drawn pill without any text."""
    drawn = drawn_pill(ratio=ratio, length=0.9, angle_deg=angle_deg)
    return LabelledSide(Side(drawn.rgb_HWC, drawn.mask_HW), (), (), complete=True)


def reading_pack(out: Path) -> ReadingPack:
    """Two long and two round blank sides that may be trained on, and one that may not."""
    known = [medication(number) for number in range(1, 200)]
    free = [m for m in known if not held_out(look_group_of(m))][:4]
    kept_out = [m for m in known if held_out(look_group_of(m))][:1]
    ratios = (0.5, 0.45, 1.0, 0.97, 0.5)
    rows = [pack_row(blank_side(ratio=ratio), name=m.ndc11, medication=m)
            for ratio, m in zip(ratios, free + kept_out, strict=True)]  # fmt: skip
    return write_reading_pack(rows, out=out)


def photographer(out: Path, **overrides: object) -> Photographer:
    """Small steps without other processes; the training takes ten of the clock's steps."""
    config = {"minutes": 1.0, "batch_sides": 3, "workers": 0, "checkpoint_every_steps": 2, "device": "cpu"}
    return Photographer(reading_pack(out), ReadingConfig(**{**config, **overrides}), FONTS, SPEC)


def small_task(root: Path) -> Task:
    """The committed finder, trained further on the tiny pack."""
    return finder_task(committed_network(FINDER_FILE), photographer(root / "pack"))


def main(root: Path, kill_at_step: int) -> None:
    """Train below `root` and die by SIGKILL once `kill_at_step` steps are done."""

    def on_step(step: int, share: float, figures: dict[str, float]) -> None:
        if step == kill_at_step:
            os.kill(os.getpid(), signal.SIGKILL)

    train(small_task(root), out=root / "out", clock=Ticks(), on_step=on_step)


if __name__ == "__main__":
    np.seterr(all="raise", under="ignore")
    main(Path(sys.argv[1]), int(sys.argv[2]))
