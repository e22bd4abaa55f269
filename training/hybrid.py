"""A small hybrid out of timm's parts: a narrow residual network looks at strokes, a transformer at how they stand.

From scratch and in minutes a pure vision transformer does not learn to read; convolutions below it do.
Dosovitskiy et al. 2021, section 3.1 (hybrid architecture).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from timm.models import VisionTransformer

HYBRID = "resnet10t_vit"


def create_hybrid(
    *,
    img_size: int,
    channels: tuple[int, ...],
    stem_width: int,
    embed_dim: int,
    depth: int,
    num_heads: int,
    reduction: int,
    in_chans: int = 3,
    drop_path_rate: float = 0.0,
) -> "VisionTransformer":
    """A `VisionTransformer` over the features that a `resnet10t` gives `reduction` (4, 8, 16) times smaller.

    Its shape has no defaults: a file of weights says by its recipe which network it belongs to.
    """
    import timm
    from timm.models import VisionTransformer
    from timm.models.vision_transformer_hybrid import HybridEmbed

    stages = {4: 1, 8: 2, 16: 3}[reduction]
    convolutions = timm.create_model(
        "resnet10t", pretrained=False, features_only=True, out_indices=(stages,), in_chans=in_chans,
        channels=channels, stem_width=stem_width,
    )  # fmt: skip
    return VisionTransformer(
        img_size=img_size, in_chans=in_chans, num_classes=0, embed_dim=embed_dim, depth=depth,
        num_heads=num_heads, global_pool="avg", class_token=False, drop_path_rate=drop_path_rate,
        embed_layer=lambda **arguments: HybridEmbed(convolutions, **{**arguments, "patch_size": 1}),
    )  # fmt: skip
