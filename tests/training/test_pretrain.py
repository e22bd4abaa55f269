"""Pre-training: resumes to the same end, never sees held-out looks, and takes no twin for a negative."""

import json
import math
import signal
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch.nn import functional as F
from typer.testing import CliRunner

from tests.training.killed_pretrain import small_config
from tests.training.sides import drawn_side_pack
from training.backbones import HEADS, WeightsError, build_encoder, load_encoder
from training.committed import WEIGHTS, committed, read_index
from training.config import TrainConfig
from training.pretrain.__main__ import app
from training.pretrain.config import PretrainConfig
from training.pretrain.held_out import held_out
from training.pretrain.loop import CURVE_FILE, Pretrained, pretrain
from training.pretrain.objective import NUM_ATTRIBUTES, AttributeHeads, Attributes, SideProxies
from training.pretrain.publish import publish
from training.pretrain.sides import Schedule, load_views
from training.pretrain.step import begin_from
from training.pretrain.teacher import as_batch, open_teacher
from training.pretrained import committed_weights, network_of


def run(root: Path, *, steps: list[int] | None = None, minutes: float = math.inf, **overrides: object) -> Pretrained:
    steps = [] if steps is None else steps
    return pretrain(
        small_config(**overrides), drawn_side_pack(root / "pack"), out=root / "out", minutes=minutes,
        on_step=lambda done, total: steps.append(done), on_epoch=lambda figures: None,
    )  # fmt: skip


def same_weights(one: Pretrained, other: Pretrained) -> bool:
    states = [load_encoder(done.weights)[0].state_dict() for done in (one, other)]
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_pretraining_killed_in_the_middle_ends_as_one_that_ran_through(tmp_path: Path, repository: Path) -> None:
    command = [sys.executable, "-m", "tests.training.killed_pretrain", str(tmp_path / "killed"), "9"]
    died = subprocess.run(command, cwd=repository, check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    steps: list[int] = []
    resumed, through = run(tmp_path / "killed", steps=steps), run(tmp_path / "through")
    assert (steps[0], steps[-1], resumed.num_steps) == (9, 15, 15)
    assert same_weights(resumed, through)


def test_a_pretraining_stopped_by_the_clock_goes_on_where_it_stopped(tmp_path: Path) -> None:
    stopped = run(tmp_path / "stopped", minutes=0)
    assert (stopped.steps_done, stopped.num_steps) == (1, 15)
    assert same_weights(run(tmp_path / "stopped"), run(tmp_path / "through"))


def test_the_curve_has_a_line_an_epoch_and_retrieval_where_it_was_measured(tmp_path: Path) -> None:
    done = run(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "out" / CURVE_FILE).read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert "held_out_drug_top1" not in lines[0]
    assert {"held_out_drug_top1", "trained_look_top5", "loss", "sides_per_s"} <= set(lines[2])
    assert done.figures["epoch"] == 3


def test_every_batch_is_of_sides_that_are_not_held_out_and_an_epoch_sees_each_once(tmp_path: Path) -> None:
    pack, config = drawn_side_pack(tmp_path), small_config()
    schedule = Schedule(config, pack)
    seen = [schedule.numbers[place_B].tolist() for _, place_B in load_views(pack, config, from_step=0)]
    assert not pack.rows["held_out"].iloc[list(chain(*seen))].any()
    assert sorted(chain(*seen[:5])) == schedule.numbers.tolist()
    assert seen[:5] != seen[5:10]


def test_crops_grow_and_photographs_harden_along_the_schedule(tmp_path: Path) -> None:
    schedule = Schedule(small_config(), drawn_side_pack(tmp_path))
    assert [schedule.size_px(step) for step in (0, 5, 6, 14)] == [32, 32, 48, 48]
    assert [schedule.hardness(step) for step in (0, 3, 6, 14)] == [0, 0.5, 1, 1]


def unit(*rows: list[float]) -> torch.Tensor:
    return F.normalize(torch.tensor(rows), dim=1)


def test_a_twin_of_the_same_look_group_is_no_negative() -> None:
    proxies = SideProxies(pd.Series(["g0", "g1", "g1", "g2"]), embedding_dim=2)
    view, place = unit([1.0, 0.2]), torch.tensor([1])
    proxies.place_at(unit([0.0, 1.0], [1.0, 0.0], [1.0, 0.2], [-1.0, 0.0]))
    with_twin, right = proxies(view, place, temperature=0.1)
    proxies.place_at(unit([0.0, 1.0], [1.0, 0.0], [-1.0, 0.3], [-1.0, 0.0]))
    without, _ = proxies(view, place, temperature=0.1)
    assert (with_twin.item(), int(right)) == (without.item(), 1)
    proxies.place_at(unit([0.0, 1.0], [1.0, 0.0], [-1.0, 0.3], [1.0, 0.2]))
    confused, right = proxies(view, place, temperature=0.1)
    assert confused > without
    assert right == 0


def test_the_gradient_reaches_views_and_proxies() -> None:
    proxies = SideProxies(pd.Series(["g0", "g1", "g2"]), embedding_dim=4)
    view = torch.randn(2, 4).requires_grad_()
    proxies(F.normalize(view, dim=1), torch.tensor([2, 0]), temperature=0.1)[0].backward()
    assert view.grad.abs().sum() > 0
    assert (proxies.weight_ND.grad.abs().sum(dim=1) > 0).all()


def test_attributes_are_learnt_also_where_the_imprint_type_is_unknown(tmp_path: Path) -> None:
    pack = drawn_side_pack(tmp_path)
    attributes, heads = Attributes(pack.rows), AttributeHeads(8)
    place = torch.tensor([4, 5])
    assert pack.rows["imprint_type"].iloc[4] == ""
    loss = attributes.loss(heads(torch.randn(2, 8)), place)
    assert torch.isfinite(loss)
    assert heads.linear.out_features == NUM_ATTRIBUTES == 35


def test_weights_are_kept_in_half_precision_with_the_heads(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    done = run(tmp_path, epochs=1)
    stored = load_file(done.weights)
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16, torch.int64}
    assert f"{HEADS}linear.weight" in stored
    assert {p.dtype for p in load_encoder(done.weights)[0].parameters()} == {torch.float32}


def test_a_second_cycle_starts_from_the_first_ones_weights(tmp_path: Path) -> None:
    from bentos.runtime.contract import file_sha256

    first = run(tmp_path / "first", epochs=1)
    given = {"start_from": first.weights, "start_from_sha256": file_sha256(first.weights)}
    second = run(tmp_path / "second", epochs=1, learning_rate=1e-9, ema_decay=0.0, **given)
    known, begun = (load_encoder(done.weights)[0].neck.weight for done in (first, second))
    assert torch.allclose(known, begun, atol=1e-3)
    with pytest.raises(ValueError, match="together"):
        PretrainConfig(start_from=first.weights)


def test_a_pupil_comes_closer_to_its_teacher_than_one_that_has_none(tmp_path: Path) -> None:
    from bentos.runtime.contract import file_sha256

    taught_by = run(tmp_path / "teacher", seed=5).weights
    given = {"teacher": taught_by, "teacher_sha256": file_sha256(taught_by), "teacher_weight": 100.0}
    pack = drawn_side_pack(tmp_path / "pack")
    views_BSSC, _ = next(iter(load_views(pack, small_config(), from_step=14)))
    teacher = open_teacher(taught_by, sha256=given["teacher_sha256"], embedding_dim=32, device="cpu")
    far = {}
    for name, config in (("taught", given), ("alone", {})):
        pupil, recipe = load_encoder(
            run(tmp_path / name, ema_decay=0.0, epochs=12, learning_rate=1e-2, **config).weights
        )
        with torch.no_grad():
            far[name] = teacher.loss(pupil(as_batch(views_BSSC, recipe, device=torch.device("cpu"))), views_BSSC)
    assert far["taught"] < 0.7 * far["alone"]


def test_a_teacher_sees_the_view_in_its_own_size(tmp_path: Path) -> None:
    from bentos.runtime.contract import file_sha256

    path = run(tmp_path, epochs=1, measure_every_epochs=3).weights
    teacher = open_teacher(path, sha256=file_sha256(path), embedding_dim=32, device="cpu")
    flat_BSSC = torch.full((2, 80, 80, 3), 200, dtype=torch.uint8)
    large, own = (teacher.embedded(views, device=torch.device("cpu")) for views in (flat_BSSC, flat_BSSC[:, :48, :48]))
    assert torch.allclose(large, own, atol=1e-5)
    with pytest.raises(WeightsError, match="the student 64"):
        open_teacher(path, sha256=file_sha256(path), embedding_dim=64, device="cpu")
    with pytest.raises(WeightsError, match="SHA-256"):
        open_teacher(path, sha256="0" * 64, embedding_dim=32, device="cpu")
    with pytest.raises(ValueError, match="teacher and teacher_sha256"):
        PretrainConfig(teacher=path)


def test_another_architecture_borrows_the_convolutions_that_both_have(tmp_path: Path) -> None:
    from bentos.runtime.contract import file_sha256
    from training.backbones import new_encoder, save_encoder

    lite, path = PretrainConfig(member="accurate"), tmp_path / "lite.safetensors"
    lender = new_encoder(lite.recipe, embedding_dim=128)
    save_encoder(lender, path, recipe=lite.recipe, prototypes_CD=torch.randn(2, 128))
    config = lite.model_copy(update={"architecture": "tf_efficientnet_lite1", "start_from": path,
                                     "start_from_sha256": file_sha256(path)})  # fmt: skip
    borrower = new_encoder(config.recipe, embedding_dim=128)
    begin_from(borrower, path, config)
    lent, taken = lender.backbone, borrower.backbone
    assert torch.equal(lent.blocks[4][0].conv_pw.weight, taken.blocks[4][0].conv_pw.weight)
    assert torch.equal(lent.conv_stem.weight, taken.conv_stem.weight)
    other = small_config(start_from=path, start_from_sha256=file_sha256(path), architecture="test_vit", size_px=32)
    with pytest.raises(WeightsError, match="shares no layer"):
        begin_from(new_encoder(other.recipe, embedding_dim=128), path, other)
    with pytest.raises(WeightsError, match="SHA-256"):
        begin_from(borrower, path, config.model_copy(update={"start_from_sha256": "0" * 64}))


def test_a_network_for_smaller_crops_begins_with_all_that_the_large_one_knows(tmp_path: Path) -> None:
    from bentos.runtime.contract import file_sha256
    from training.backbones import new_encoder, save_encoder

    large, path = PretrainConfig(member="accurate"), tmp_path / "large.safetensors"
    known = new_encoder(large.recipe, embedding_dim=128)
    save_encoder(known, path, recipe=large.recipe, prototypes_CD=torch.randn(2, 128))
    small = large.model_copy(update={"size_px": 96, "start_from": path, "start_from_sha256": file_sha256(path)})
    begun = new_encoder(small.recipe, embedding_dim=128)
    begin_from(begun, path, small)
    assert all(torch.equal(value, begun.state_dict()[name]) for name, value in known.state_dict().items())


def test_published_weights_are_on_record_and_on_the_card(tmp_path: Path) -> None:
    run(tmp_path, epochs=1, measure_every_epochs=1)
    pack, weights = drawn_side_pack(tmp_path / "pack"), tmp_path / "weights"
    (weights / "README.md").parent.mkdir()
    (weights / "README.md").write_text("Before\n<!-- weights -->old<!-- end of weights -->\nAfter\n")
    name = publish(tmp_path / "out", small_config(epochs=1), pack, commit="abc", hours_before=1.5, weights=weights)
    known = read_index(weights)[name]
    assert committed(name, weights=weights).is_file()
    assert (weights / "demo_fast_curve.jsonl").read_text() == (tmp_path / "out" / CURVE_FILE).read_text()
    assert known["facts"]["sides_held_out"] == 4
    assert known["facts"]["hours_on_one_shared_core"] >= 1.5
    card = (weights / "README.md").read_text()
    assert card.startswith("Before\n")
    assert card.endswith("After\n")
    assert known["sha256"] in card
    assert "old" not in card


def test_every_committed_encoder_is_what_record_and_card_state_and_its_network_starts_from_it() -> None:
    card = (WEIGHTS / "README.md").read_text()
    files = ["demo_accurate.safetensors", "demo_fast.safetensors", "standard_fast.safetensors"]
    assert [known.file for known in committed_weights()] == files
    for known in committed_weights():
        encoder, recipe = load_encoder(committed(known.file))
        assert known.sha256 in card
        assert network_of(recipe) == known.network
        assert encoder.neck.out_features == known.embedding_dim
        assert known.path.stat().st_size < 20_000_000


@pytest.mark.parametrize(
    ("profile", "member"),
    [("demo", "fast"), ("demo", "accurate"), ("standard", "fast"), ("production", "fast")],
)
def test_members_start_from_the_committed_weights_unless_told_otherwise(profile: str, member: str) -> None:
    config = TrainConfig(profile=profile)
    path, sha256 = config.initial_weights(member)
    known, begun = load_encoder(path)[0].state_dict(), build_encoder(config, member).state_dict()
    assert all(torch.equal(begun[name], known[name]) for name in known)
    assert config.weights_depend_on(member)["initial_weights_sha256"] == sha256
    assert TrainConfig(profile=profile, pretrained=False).initial_weights(member) is None
    assert TrainConfig(profile=profile, embedding_dim=64).initial_weights(member) is None


def test_a_tenth_of_the_look_groups_is_held_out_for_ever() -> None:
    share = sum(held_out(f"group {i}") for i in range(5000)) / 5000
    assert 0.085 < share < 0.115
    assert [i for i in range(40) if held_out(f"group {i}")] == [3, 4, 12, 27]


def test_untrained_weights_are_a_network_that_can_be_exported_and_nothing_committed(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["untrained", "--out", str(tmp_path / "random.safetensors")])
    assert result.exit_code == 0, result.output
    encoder, recipe = load_encoder(tmp_path / "random.safetensors")
    committed, _ = load_encoder(WEIGHTS / "demo_fast.safetensors")
    assert recipe == PretrainConfig(member="fast").recipe
    assert not torch.equal(encoder.neck.weight, committed.neck.weight)
