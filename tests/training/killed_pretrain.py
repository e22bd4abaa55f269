"""A pre-training in a process of its own, which the test of resuming kills."""

import os
import signal
import sys
from pathlib import Path

from tests.training.sides import drawn_side_pack
from training.pretrain.config import PretrainConfig
from training.pretrain.loop import pretrain


def small_config(**overrides: object) -> PretrainConfig:
    """The smallest network timm has, for three epochs of five steps, a checkpoint every two."""
    given = {
        "architecture": "test_efficientnet", "size_px": 48, "small_px": 32, "small_share": 0.4, "epochs": 3,
        "batch_sides": 4, "embedding_dim": 32, "workers": 0, "checkpoint_every_steps": 2, "num_queries": 6,
        "measure_every_epochs": 3, "device": "cpu",
    }  # fmt: skip
    return PretrainConfig(**{**given, **overrides})


def main(root: Path, kill_at_step: int) -> None:
    """Pre-train below `root` and die by SIGKILL once `kill_at_step` steps are done."""

    def on_step(done: int, total: int) -> None:
        if done == kill_at_step:
            os.kill(os.getpid(), signal.SIGKILL)

    pack = drawn_side_pack(root / "pack")
    pretrain(small_config(), pack, out=root / "out", on_step=on_step, on_epoch=lambda figures: None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
