"""Training: learns, repeats itself under one seed, and continues after a kill to the same end."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.training.crops import drawn_pack
from tests.training.killed import SIZE_PX, small_config
from training.backbones import load_encoder, read_prototypes
from training.checkpoint import CHECKPOINT_FILE
from training.config import MemberChoice
from training.loop import TrainedMember, one_cycle, train_member


class Steps:
    """Remembers what a training told."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []
        self.epochs: list[tuple[int, dict[str, float]]] = []

    def on_step(self, done: int, total: int) -> None:
        self.steps.append((done, total))

    def on_epoch(self, epoch: int, figures: dict[str, float]) -> None:
        self.epochs.append((epoch, figures))


def train(out: Path, *, steps: Steps | None = None, **overrides: object) -> TrainedMember:
    steps = steps or Steps()
    pack = drawn_pack(out.parent / "pack", size_px=SIZE_PX)
    return train_member(
        small_config(**overrides), "fast", pack, out=out, on_step=steps.on_step, on_epoch=steps.on_epoch
    )


def same_weights(one: TrainedMember, other: TrainedMember) -> bool:
    states = [load_encoder(member.weights)[0].state_dict() for member in (one, other)]
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_training_killed_in_the_middle_of_an_epoch_ends_as_one_that_ran_through(
    tmp_path: Path, repository: Path
) -> None:
    command = [sys.executable, "-m", "tests.training.killed", str(tmp_path / "killed"), "14"]
    died = subprocess.run(command, cwd=repository, check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    steps = Steps()
    resumed = train(tmp_path / "killed" / "out", steps=steps)
    through = train(tmp_path / "through" / "out")
    assert steps.steps[0] == (12, 18)
    assert (resumed.steps_done, resumed.epochs_done) == (through.steps_done, through.epochs_done) == (18, 2)
    assert same_weights(resumed, through)


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    first = train(tmp_path / "out")
    steps = Steps()
    again = train(tmp_path / "out", steps=steps)
    assert steps.steps == [(18, 18)]
    assert again.metrics == first.metrics


def test_a_checkpoint_of_another_training_is_not_continued(tmp_path: Path) -> None:
    train(tmp_path / "out")
    steps = Steps()
    train(tmp_path / "out", steps=steps, seed=1)
    assert steps.steps[0] == (0, 18)


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None])
def test_a_damaged_checkpoint_starts_training_anew(tmp_path: Path, damage: bytes | None) -> None:
    train(tmp_path / "out")
    path = tmp_path / "out" / CHECKPOINT_FILE
    path.write_bytes(path.read_bytes()[:1000] if damage is None else damage)
    steps = Steps()
    train(tmp_path / "out", steps=steps)
    assert steps.steps[0] == (0, 18)


def test_the_worker_process_changes_nothing(tmp_path: Path) -> None:
    assert same_weights(train(tmp_path / "none" / "out"), train(tmp_path / "one" / "out", workers=1))


def test_it_learns_and_tells_how(tmp_path: Path) -> None:
    steps = Steps()
    choice = MemberChoice(architecture="test_efficientnet", size_px=SIZE_PX, epochs=8, batch_size=8, learning_rate=3e-3)
    trained = train(tmp_path / "out", steps=steps, fast=choice)
    assert [epoch for epoch, _ in steps.epochs] == list(range(1, 9))
    assert set(trained.metrics) == {"loss", "train_top1", "pictures_per_s", "validate_top1"}
    assert trained.metrics["loss"] < 0.6 * steps.epochs[0][1]["loss"]
    assert trained.metrics["validate_top1"] >= 0.75
    assert torch.allclose(read_prototypes(trained.weights).norm(dim=1), torch.ones(6), atol=1e-5)


def test_the_schedule_rises_once_and_falls_to_almost_nothing() -> None:
    shares = [one_cycle(step / 100) for step in range(101)]
    assert max(shares) == pytest.approx(1)
    assert shares.index(max(shares)) == 15
    assert shares[0] < 0.01
    assert shares[-1] < 0.01
