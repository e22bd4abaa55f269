"""Encoders: a timm network, a linear map and L2 normalisation; how they are made, written and read.

Shapes: B pictures, S size in px, D embedding, C classes.
"""

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from bentos.runtime.contract import MemberName, file_sha256
from training.config import TrainConfig
from training.profiles import Recipe
from training.tv_compat import ensure_torchvision

PROTOTYPES, HEADS = "prototypes_CD", "heads."


class WeightsError(Exception):
    """A file of weights is missing, changed, or belongs to another network."""


class Relief(nn.Module):
    """Adds a fourth channel (B, 4, S, S): brightness against its surroundings, where faint debossing stands out."""

    def __init__(self, *, window_px: int, gain: float = 6.0) -> None:
        super().__init__()
        self.blur = nn.Sequential(*(_mean_along(axis, window_px=window_px) for axis in (0, 1)))
        self.gain = gain

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        gray_B1HW = image_BCHW.mean(dim=1, keepdim=True)
        local_B1HW = self.gain * (gray_B1HW - self.blur(gray_B1HW))
        return torch.cat([image_BCHW, torch.tanh(local_B1HW)], dim=1)


def _mean_along(axis: int, *, window_px: int) -> nn.AvgPool2d:
    """Mean over a window along one axis, shorter at the border; over both in turn it is the square window's."""
    window = (window_px, 1) if axis == 0 else (1, window_px)
    border = (window_px // 2, 0) if axis == 0 else (0, window_px // 2)
    return nn.AvgPool2d(window, stride=1, padding=border, count_include_pad=False)


class Encoder(nn.Module):
    """Pictures (B, 3, S, S), normalised by the member's preprocessing, to unit rows (B, D)."""

    def __init__(self, backbone: nn.Module, *, num_features: int, embedding_dim: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.neck = nn.Linear(num_features, embedding_dim, bias=False)
        self.norm = nn.BatchNorm1d(embedding_dim)
        self._held_stages = 0

    def hold(self, stages: int) -> None:
        """Keep the stem and the first `stages` of an EfficientNet as they are, batch statistics too; 0 holds nothing.

        Raises:
            ValueError: the backbone is no EfficientNet.
        """
        self._held_stages = stages
        for part in self._held():
            part.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> "Encoder":
        """Training or evaluation mode; what is held stays in evaluation mode."""
        super().train(mode)
        for part in self._held():
            part.eval()
        return self

    def _held(self) -> list[nn.Module]:
        if not self._held_stages:
            return []
        trunk = next((module for module in self.backbone.modules() if hasattr(module, "conv_stem")), None)
        if trunk is None:
            raise ValueError("stages are held of an EfficientNet alone")
        return [trunk.conv_stem, trunk.bn1, *trunk.blocks[: self._held_stages]]

    def forward(self, image_BCHW: torch.Tensor) -> torch.Tensor:
        features_BF = self.backbone(image_BCHW)
        return F.normalize(self.norm(self.neck(features_BF)), dim=1)


def build_encoder(config: TrainConfig, member: MemberName) -> Encoder:
    """The member's network: random weights by the configuration's seed, the local file it names, or committed ones.

    The recipe's first stages are held where the network begins with weights that know something.

    Raises:
        WeightsError: the file has another digest, or other tensors than the network.
    """
    torch.manual_seed(config.seed)
    encoder = new_encoder(config.recipe(member), embedding_dim=config.embedding_dim)
    if begin := config.initial_weights(member):
        read_initial_weights(encoder, begin[0], sha256=begin[1])
        encoder.hold(config.recipe(member).held_stages)
    return encoder


def new_encoder(recipe: Recipe, *, embedding_dim: int) -> Encoder:
    """The recipe's architecture from torch's global generator; nothing is fetched from anywhere."""
    ensure_torchvision()
    import timm

    arguments = dict(recipe.options) | ({"drop_path_rate": recipe.drop_path} if recipe.drop_path else {})
    arguments |= {"in_chans": 4} if recipe.relief else {}
    fixed = timm.get_pretrained_cfg(recipe.architecture).fixed_input_size
    arguments |= {"img_size": recipe.size_px} if fixed else {}
    backbone = timm.create_model(recipe.architecture, pretrained=False, num_classes=0, **arguments)
    if recipe.relief:
        backbone = nn.Sequential(Relief(window_px=2 * (recipe.size_px // 20) + 1), backbone)
    with torch.no_grad():
        num_features = backbone.eval()(torch.zeros(1, 3, recipe.size_px, recipe.size_px)).shape[1]
    return Encoder(backbone.train(), num_features=num_features, embedding_dim=embedding_dim)


def check_digest(path: Path, sha256: str) -> None:
    """Refuse a file that is not the one that was named.

    Raises:
        WeightsError: the file has another SHA-256.
    """
    if (found := file_sha256(path)) != sha256:
        raise WeightsError(f"{path} has SHA-256 {found}, the configuration says {sha256}")


def read_initial_weights(encoder: Encoder, path: Path, *, sha256: str) -> None:
    """Load a local safetensors file, of a whole encoder or of its timm backbone alone, after checking its digest.

    Raises:
        WeightsError: another digest, or tensors that are missing or of another shape.
    """
    check_digest(path, sha256)
    tensors = {name: value for name, value in load_file(path).items() if name != PROTOTYPES}
    whole = any(name.startswith("backbone.") for name in tensors)
    target = encoder if whole else encoder.backbone
    wanted = target.state_dict()
    fitting = {name: value for name, value in tensors.items() if name in wanted and value.shape == wanted[name].shape}
    if missing := sorted(set(wanted) - set(fitting)):
        raise WeightsError(f"{path} lacks {len(missing)} of {len(wanted)} tensors, first {missing[0]}")
    target.load_state_dict(fitting)


def save_encoder(
    encoder: Encoder,
    path: Path,
    *,
    recipe: Recipe,
    prototypes_CD: torch.Tensor,
    half: bool = False,
    heads: nn.Module | None = None,
) -> None:
    """Write weights, class prototypes, the recipe and `heads` on top into one safetensors file, atomically.

    `half` writes float16: half the bytes, read back as float32.
    """
    tensors = dict(encoder.state_dict()) | {PROTOTYPES: F.normalize(prototypes_CD.float(), dim=1)}
    tensors |= {HEADS + name: value for name, value in heads.state_dict().items()} if heads else {}
    kind = torch.float16 if half else torch.float32
    tensors = {name: _stored(value, kind) for name, value in tensors.items()}
    draft = path.with_suffix(".part")
    save_file(tensors, draft, metadata={"recipe": recipe.model_dump_json()})
    draft.replace(path)


def _stored(tensor: torch.Tensor, kind: torch.dtype) -> torch.Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.to(kind) if tensor.is_floating_point() else tensor


def load_encoder(path: Path) -> tuple[Encoder, Recipe]:
    """The trained encoder in evaluation mode, and the recipe it was trained by.

    Raises:
        WeightsError: the file is damaged or not one that `save_encoder` wrote.
    """
    try:
        with safe_open(path, "pt") as file:
            recipe = Recipe.model_validate(json.loads((file.metadata() or {})["recipe"]))
        tensors = {name: value for name, value in load_file(path).items() if not name.startswith(HEADS)}
        embedding_dim = tensors.pop(PROTOTYPES).shape[1]
    except (SafetensorError, FileNotFoundError, KeyError) as error:
        raise WeightsError(f"{path} holds no trained member: {error}") from error
    encoder = new_encoder(recipe, embedding_dim=embedding_dim)
    if set(encoder.state_dict()) != set(tensors):
        raise WeightsError(f"{path} was written by other code: its tensors are not those of {recipe.architecture}")
    encoder.load_state_dict(tensors)
    return encoder.eval(), recipe


def read_prototypes(path: Path) -> torch.Tensor:
    """The unit prototypes (C, D) of the classes a member was trained on."""
    with safe_open(path, "pt") as file:
        return file.get_tensor(PROTOTYPES).float()
