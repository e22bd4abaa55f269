"""What can be set about pre-training; every field says what changing it does."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bentos.runtime.contract import MemberName
from training.pretrained import network_of
from training.profiles import PROFILES, ProfileName, Recipe


class PretrainConfig(BaseModel):
    """Metric learning of one member over all reference sides that may be trained on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: ProfileName = Field("demo", description="which pair of networks; larger ones need a GPU")
    member: MemberName = Field("fast", description="which network of the pair")
    architecture: str | None = Field(None, description="timm name instead of the profile's network")
    size_px: Annotated[int, Field(ge=32, le=512)] | None = Field(
        None, description="side of the crop instead of the profile's; time grows with its square"
    )
    start_from: Path | None = Field(None, description="local safetensors file to start from: a second cycle")
    start_from_sha256: str | None = Field(None, description="hex digest the file must have; asked for with it")
    teacher: Path | None = Field(None, description="local safetensors file whose embeddings are to be learnt as well")
    teacher_sha256: str | None = Field(None, description="hex digest the teacher's file must have; asked for with it")
    teacher_weight: Annotated[float, Field(ge=0, le=1000)] = Field(
        10.0, description="of the distance to the teacher's embedding in the loss; more copies it more closely"
    )
    embedding_dim: Annotated[int, Field(ge=16, le=1024)] = Field(
        128, description="length of the unit vector; must be that of the trainings that start from the weights"
    )
    epochs: Annotated[int, Field(ge=1, le=10_000)] = Field(30, description="passes over the sides; time is linear")
    batch_sides: Annotated[int, Field(ge=2, le=4096)] = Field(
        96, description="sides per step; larger is steadier and takes fewer steps"
    )
    learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        3e-3, description="peak of the one-cycle schedule; too high diverges, too low does not get there in time"
    )
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(0.03, description="AdamW's decay of weight matrices")
    temperature: Annotated[float, Field(gt=0, le=1)] = Field(
        0.06, description="of the softmax over all sides at the end, twice as much at first; lower looks at hard pairs"
    )
    attributes_weight: Annotated[float, Field(ge=0, le=10)] = Field(
        0.3, description="of colour, shape, score and imprint type in the loss; they speed up the first epochs"
    )
    ramp_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.4, description="share of the training in which the photographs become as hard and as turned as real ones"
    )
    ramp_from: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="how hard the first photographs are, 1 as real ones; a second cycle need not begin easily"
    )
    small_px: Annotated[int, Field(ge=32, le=512)] | None = Field(
        None, description="crop side in the first part; cheaper, but the network must take any size"
    )
    small_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="share of the epochs that see the small crops; faster, reads less"
    )
    held_stages: Annotated[int, Field(ge=0, le=7)] = Field(
        0, description="first stages of an EfficientNet that stay as they began; cheaper, and keeps what they know"
    )
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.997, description="memory of the averaged weights that are exported; longer is smoother and later"
    )
    clip_norm: Annotated[float, Field(gt=0)] = Field(5.0, description="largest gradient norm; lower is steadier")
    seed: int = Field(0, description="of weights, order and photographs; another seed is another network")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes CUDA where there is one")
    workers: Annotated[int, Field(ge=0, le=64)] = Field(
        1, description="processes that simulate photographs beside the one that trains"
    )
    checkpoint_every_steps: Annotated[int, Field(ge=1)] = Field(
        150, description="at most so many steps are lost when training is killed"
    )
    measure_every_epochs: Annotated[int, Field(ge=1)] = Field(
        4, description="how often retrieval is measured on held-out look groups; each time costs half a minute"
    )
    num_queries: Annotated[int, Field(ge=1)] = Field(
        400, description="simulated photographs of held-out and of trained look groups each; more is surer and slower"
    )

    @property
    def recipe(self) -> Recipe:
        """The network and its preprocessing, from the profile."""
        recipe = PROFILES[self.profile][self.member]
        changes = {"architecture": self.architecture, "options": {}} if self.architecture else {}
        return recipe.model_copy(update=changes | ({"size_px": self.size_px} if self.size_px else {}))

    @model_validator(mode="after")
    def _weights_come_with_their_digest(self) -> "PretrainConfig":
        for name in ("start_from", "teacher"):
            if (getattr(self, name) is None) != (getattr(self, f"{name}_sha256") is None):
                raise ValueError(f"{name} and {name}_sha256 are given together or not at all")
        return self

    def weights_depend_on(self) -> dict[str, object]:
        """What of this configuration decides the weights: not where or how fast they are made or measured."""
        free = _FREE if self.teacher else _FREE | {"teacher_weight"}
        given = self.model_dump(mode="json", exclude=free, exclude_none=True)
        return given | {"network": network_of(self.recipe)}


_FREE = {"device", "start_from", "teacher", "workers", "checkpoint_every_steps", "measure_every_epochs", "num_queries"}
