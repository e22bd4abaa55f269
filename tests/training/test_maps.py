"""Maps: their mean is the embedding in every network, a region's share is its own, and ONNX Runtime gives the same."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bentos.runtime.contract import MemberSpec
from bentos.runtime.preprocess import to_batch
from bentos.runtime.recogniser import open_member
from tests.builders import member_spec
from tests.training.test_export import crops, saved, settled
from training.backbones import Encoder, new_encoder
from training.export import export_member, write_onnx
from training.maps import mapped
from training.profiles import PROFILES, Recipe

TINY = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3}
RECIPES = {
    "demo fast": (PROFILES["demo"]["fast"], (4, 4)),
    "demo accurate": (PROFILES["demo"]["accurate"], (5, 5)),
    "efficientnet": (Recipe(architecture="test_efficientnet", size_px=64, **TINY), (2, 2)),
    "residual, with relief": (Recipe(architecture="resnet10t", size_px=112, relief=True, **TINY), (4, 4)),
    "class token": (Recipe(architecture="vit_tiny_patch16_224", size_px=48, **TINY), (3, 3)),
}


@pytest.mark.parametrize("name", RECIPES)
def test_the_mean_of_the_map_is_the_embedding(name: str) -> None:
    recipe, regions = RECIPES[name]
    encoder = settled(new_encoder(recipe, embedding_dim=32), size_px=recipe.size_px)
    image_BCHW = torch.from_numpy(to_batch(crops(recipe.size_px, num=2), spec=recipe.preprocess))
    with torch.inference_mode():
        embedding_BD, map_BHWD = mapped(encoder, size_px=recipe.size_px)(image_BCHW)
        assert torch.allclose(embedding_BD, encoder(image_BCHW), atol=1e-5)
    assert map_BHWD.shape == (2, *regions, 32)
    assert torch.allclose(map_BHWD.mean(dim=(1, 2)), embedding_BD, atol=1e-5)
    assert float(map_BHWD.std(dim=(1, 2)).mean()) > 1e-3


@pytest.mark.parametrize("serve", ["fp32", "int8"])
def test_a_served_member_gives_the_map_and_its_embedding_is_the_same_without(tmp_path: Path, serve: str) -> None:
    weights = saved(tmp_path / "w.safetensors", architecture="test_efficientnet")
    spec = export_member(weights, member="fast", out=tmp_path, calibration_crops=crops(64)).spec
    member = open_member(tmp_path, spec.model_copy(update={"serve": serve}))
    embedding_BD, map_BHWD = member.embed_with_map(crops(64, num=3))
    assert np.allclose(embedding_BD, member.embed(crops(64, num=3)), atol=1e-6)
    assert np.allclose(map_BHWD.mean(axis=(1, 2)), embedding_BD, atol=1e-2 if serve == "int8" else 1e-5)


def test_a_network_without_regions_is_exported_without_a_map(tmp_path: Path) -> None:
    class Flat(nn.Module):
        def forward_features(self, image_BCHW: torch.Tensor) -> torch.Tensor:
            return image_BCHW.flatten(2)

        def forward_head(self, found_BCN: torch.Tensor) -> torch.Tensor:
            return found_BCN.mean(dim=2)

        def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
            return self.forward_head(self.forward_features(image_BCHW))

    encoder = settled(Encoder(Flat(), num_features=3, embedding_dim=16), size_px=32)
    assert mapped(encoder, size_px=32) is None
    assert write_onnx(encoder, tmp_path / "m.onnx", size_px=32) == ("embedding_BD",)


def test_a_record_from_before_maps_keeps_its_bytes() -> None:
    before = member_spec("fast")
    assert "map_output" not in before.model_dump_json()
    assert MemberSpec.model_validate_json(before.model_dump_json()) == before
    after = before.model_copy(update={"map_output": "map_BHWD"})
    assert MemberSpec.model_validate_json(after.model_dump_json()) == after
