"""The named pairs of networks (demo, standard, production) and the recipe each member is trained by."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from bentos.runtime.contract import MemberName, PreprocessSpec

ProfileName = Literal["demo", "standard", "production"]
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Recipe(BaseModel):
    """How one member is built and trained; everything about it that its weights depend on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    architecture: str
    options: dict[str, int | tuple[int, ...]] = {}
    size_px: Annotated[int, Field(ge=32, le=512)]
    epochs: Annotated[int, Field(ge=1)]
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]
    margin: float = 0.04
    fill_with_surface: bool = False
    augmentation: Annotated[float, Field(ge=0, le=2)] = 1.0
    relief: bool = False
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    held_stages: Annotated[int, Field(ge=0, le=7)] = 0
    mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    @property
    def preprocess(self) -> PreprocessSpec:
        """The runtime's preprocessing for this member; training and serving both read it from here."""
        return PreprocessSpec(
            size_px=self.size_px,
            margin=self.margin,
            fill_with_surface=self.fill_with_surface or None,
            mean=self.mean,
            std=self.std,
        )


_EFFICIENTNET = Recipe(
    architecture="tf_efficientnetv2_b1", size_px=192, epochs=40, batch_size=96, learning_rate=1e-3, drop_path=0.1,
    mean=_IMAGENET_MEAN, std=_IMAGENET_STD,
)  # fmt: skip
_VIT = Recipe(
    architecture="vit_small_patch16_224", size_px=224, epochs=60, batch_size=96, learning_rate=5e-4, drop_path=0.1
)

_LITE = Recipe(
    architecture="tf_efficientnet_lite0", size_px=128, epochs=1, batch_size=32, learning_rate=1e-3, augmentation=0.3,
    held_stages=5, fill_with_surface=True,
)  # fmt: skip

PROFILES: dict[ProfileName, dict[MemberName, Recipe]] = {
    "demo": {
        "fast": _LITE,
        "accurate": _LITE.model_copy(update={"size_px": 160}),
    },
    "standard": {"fast": _EFFICIENTNET, "accurate": _VIT},
    "production": {
        "fast": _EFFICIENTNET,
        "accurate": _VIT.model_copy(update={"architecture": "vit_base_patch16_224", "learning_rate": 3e-4}),
    },
}
