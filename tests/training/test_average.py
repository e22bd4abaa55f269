"""The mean of two cycles' weights: halfway between both, measured, and refused for another network."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.training.killed_pretrain import small_config
from tests.training.sides import drawn_side_pack
from training.backbones import WeightsError, load_encoder, new_encoder, save_encoder
from training.pretrain.average import average
from training.pretrain.loop import CURVE_FILE, WEIGHTS_FILE

CONFIG = small_config()


def untrained(path: Path, *, seed: int) -> Path:
    torch.manual_seed(seed)
    encoder = new_encoder(CONFIG.recipe, embedding_dim=CONFIG.embedding_dim)
    save_encoder(encoder, path, recipe=CONFIG.recipe, prototypes_CD=torch.zeros(1, CONFIG.embedding_dim))
    return path


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """What a training leaves: configuration, weights and a curve of two epochs."""
    out = tmp_path / "run"
    out.mkdir()
    (out / "config.json").write_text(CONFIG.model_dump_json())
    untrained(out / WEIGHTS_FILE, seed=1)
    (out / CURVE_FILE).write_text(
        '{"epoch": 1, "seconds": 2.0}\n{"epoch": 2, "seconds": 2.0, "held_out_drug_top1": -1}\n'
    )
    return out


def test_the_mean_lies_halfway_and_carries_its_own_figures(tmp_path: Path, finished: Path) -> None:
    before, pack = untrained(tmp_path / "before.safetensors", seed=2), drawn_side_pack(tmp_path / "pack")
    figures = average(finished, CONFIG, pack, began_with=before, out=tmp_path / "mean")
    one, other, mean = (load_file(path) for path in (finished / WEIGHTS_FILE, before, tmp_path / "mean" / WEIGHTS_FILE))
    drawn = next(name for name in mean if name.endswith("neck.weight"))
    assert not torch.equal(one[drawn], other[drawn])
    assert all(
        torch.allclose(mean[name], (one[name] + other[name]) / 2) for name in mean if one[name].is_floating_point()
    )
    assert load_encoder(tmp_path / "mean" / WEIGHTS_FILE)[1] == CONFIG.recipe
    curve = [json.loads(line) for line in (tmp_path / "mean" / CURVE_FILE).read_text().splitlines()]
    assert [line["epoch"] for line in curve] == [1, 2]
    assert 0 <= curve[-1]["held_out_drug_top1"] == figures["held_out_drug_top1"] <= 1


def test_weights_of_another_network_are_refused(tmp_path: Path, finished: Path) -> None:
    other = load_file(finished / WEIGHTS_FILE)
    other.pop(next(name for name in other if name.endswith("neck.weight")))
    save_file(other, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="another network"):
        average(finished, CONFIG, drawn_side_pack(tmp_path / "pack"), began_with=tmp_path / "other.safetensors",
                out=tmp_path / "mean")  # fmt: skip
    assert not (tmp_path / "mean").exists()
