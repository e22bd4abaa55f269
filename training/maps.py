"""What each region of a picture adds to its embedding: a second output of an encoder, without gradients.

Shapes: B pictures, F features of the backbone, H W regions (rows, columns), N tokens, D embedding.
"""

import torch
from torch import nn
from torch.nn import functional as F

from training.backbones import Encoder

MAP = "map_BHWD"


class UnmappedError(Exception):
    """The network keeps no features by region that could be mapped."""


class MappedEncoder(nn.Module):
    """Pictures (B, 3, S, S) to unit rows (B, D) and to a map (B, H, W, D) whose mean over the regions is the row.

    So `map . (one prototype - another)`, averaged over the regions, is the difference of the two cosines, and each
    region's part of it is additive. Where the backbone averages its regions and then maps linearly that part is the
    region's own (class activation mapping: Zhou et al., CVPR 2016); what a network adds otherwise (a class token)
    belongs to no region and is spread evenly.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        backbone = encoder.backbone
        self.before, self.trunk = backbone if isinstance(backbone, nn.Sequential) else (nn.Identity(), backbone)

    def forward(self, image_BCHW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The unit rows, and the map.

        Raises:
            UnmappedError: features neither by rows and columns nor by tokens.
        """
        found = self.trunk.forward_features(self.before(image_BCHW))
        pooled_BF = self.trunk.forward_head(found)
        raw_BD = self.encoder.norm(self.encoder.neck(pooled_BF))
        map_BHWD = self._embedded(self._regions(found))
        map_BHWD = map_BHWD + (raw_BD - map_BHWD.mean(dim=(1, 2)))[:, None, None]
        length_B1 = raw_BD.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return F.normalize(raw_BD, dim=1), map_BHWD / length_B1[:, None, None]

    def _embedded(self, regions_BHWF: torch.Tensor) -> torch.Tensor:
        """Neck and batch normalisation of every region alone; both are linear in evaluation mode."""
        norm = self.encoder.norm
        scale_D = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return (self.encoder.neck(regions_BHWF) - norm.running_mean) * scale_D + norm.bias

    def _regions(self, found: torch.Tensor) -> torch.Tensor:
        """The backbone's last features by region, (B, H, W, F)."""
        if found.ndim == 4 and found.shape[1] == self.encoder.neck.in_features:
            return found.permute(0, 2, 3, 1)
        if found.ndim != 3 or not hasattr(self.trunk, "patch_embed"):
            raise UnmappedError(f"{type(self.trunk).__name__} gives features of shape {tuple(found.shape)}")
        height, width = self.trunk.patch_embed.grid_size
        tokens_BNF = _normalised_as_pooled(found[:, self.trunk.num_prefix_tokens :], self.trunk.fc_norm)
        return tokens_BNF.unflatten(1, (height, width))


def _normalised_as_pooled(tokens_BNF: torch.Tensor, norm: nn.Module) -> torch.Tensor:
    """Each token under the statistics by which layer normalisation divides their mean: their mean is its result."""
    if not isinstance(norm, nn.LayerNorm):
        return norm(tokens_BNF)
    variance_B11 = tokens_BNF.mean(dim=1, keepdim=True).var(dim=2, unbiased=False, keepdim=True)
    centred_BNF = tokens_BNF - tokens_BNF.mean(dim=2, keepdim=True)
    return centred_BNF / torch.sqrt(variance_B11 + norm.eps) * norm.weight + norm.bias


def mapped(encoder: Encoder, *, size_px: int) -> MappedEncoder | None:
    """The encoder with its map, in evaluation mode; None where its network has none."""
    both = MappedEncoder(encoder).eval()
    try:
        with torch.inference_mode():
            both(torch.zeros(1, 3, size_px, size_px))
    except UnmappedError:
        return None
    return both
