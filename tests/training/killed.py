"""A training in a process of its own, which the test of resuming kills."""

import os
import signal
import sys
from pathlib import Path

from tests.training.crops import drawn_pack
from training.config import MemberChoice, TrainConfig
from training.loop import train_member

SIZE_PX = 32


def small_config(**overrides: object) -> TrainConfig:
    """The smallest network timm has, for two epochs of nine steps, a checkpoint every four."""
    choice = MemberChoice(architecture="test_efficientnet", size_px=SIZE_PX, epochs=2, batch_size=8, learning_rate=3e-3)
    return TrainConfig(**{"fast": choice, "checkpoint_every_steps": 4, "workers": 0, "embedding_dim": 32, **overrides})


def main(root: Path, kill_at_step: int) -> None:
    """Train below `root` and die by SIGKILL once `kill_at_step` steps are done."""

    def on_step(done: int, total: int) -> None:
        if done == kill_at_step:
            os.kill(os.getpid(), signal.SIGKILL)

    pack = drawn_pack(root / "pack", size_px=SIZE_PX)
    train_member(small_config(), "fast", pack, out=root / "out", on_step=on_step, on_epoch=lambda epoch, figures: None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
