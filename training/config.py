"""What a data scientist can set about training; every field says what changing it does."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bentos.runtime.contract import MemberName
from training.pretrained import weights_for
from training.profiles import PROFILES, ProfileName, Recipe


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MemberChoice(_Config):
    """What to change of the profile's recipe for one member; None keeps the profile's value."""

    architecture: str | None = Field(None, description="timm name; a larger network needs more pictures and time")
    size_px: Annotated[int, Field(ge=32, le=512)] | None = Field(
        None, description="side of the crop; time grows with its square, small imprints need more"
    )
    epochs: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        None, description="passes over the crops; time is linear"
    )
    batch_size: Annotated[int, Field(ge=2, le=4096)] | None = Field(
        None, description="crops per step; larger is steadier, takes fewer steps and more memory"
    )
    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="peak of the one-cycle schedule; too high diverges, too low does not get there in time"
    )
    initial_weights: Path | None = Field(
        None, description="local safetensors file to start from instead of random weights"
    )
    initial_weights_sha256: str | None = Field(None, description="hex digest the file must have; asked for with it")
    external: Path | None = Field(
        None, description="YAML that describes a ready ONNX encoder to take instead of training one"
    )

    @model_validator(mode="after")
    def _weights_come_with_their_digest(self) -> "MemberChoice":
        if (self.initial_weights is None) != (self.initial_weights_sha256 is None):
            raise ValueError("initial_weights and initial_weights_sha256 are given together or not at all")
        return self


class TrainConfig(_Config):
    """Training of the members: the profile and what to change of it."""

    profile: ProfileName = Field("demo", description="demo: minutes on two cores; standard and production: a GPU")
    members: tuple[MemberName, ...] = Field(
        ("fast", "accurate"), min_length=1, description="which members to train; with one alone nothing is routed"
    )
    fast: MemberChoice = Field(MemberChoice(), description="changes to the fast member's recipe")
    accurate: MemberChoice = Field(MemberChoice(), description="changes to the accurate member's recipe")
    pretrained: bool = Field(
        True,
        description="start from the committed weights where they are of this very network; false starts from random",
    )
    embedding_dim: Annotated[int, Field(ge=16, le=1024)] = Field(
        128, description="length of the unit vector; galleries of another length are refused"
    )
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(0.05, description="AdamW's decay of weight matrices")
    softmax_scale: Annotated[float, Field(gt=0, le=128)] = Field(
        16.0, description="inverse temperature of the cosine softmax; higher looks at hard pairs only"
    )
    softmax_margin: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="how much closer than any other the right prototype must be, in cosine"
    )
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="share of the softmax target spread over all classes; higher is less sure of itself"
    )
    clip_norm: Annotated[float, Field(gt=0)] = Field(
        5.0, description="largest gradient norm; lower is steadier, slower"
    )
    seed: int = Field(0, description="of weights, order and augmentation; another seed is another network")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes CUDA where there is one")
    checkpoint_every_steps: Annotated[int, Field(ge=1)] = Field(
        25, description="at most so many steps are lost when training is killed"
    )

    workers: Annotated[int, Field(ge=0, le=32)] = Field(
        1, description="processes that augment beside the one that trains; more than the machine's cores do not help"
    )
    threads: Annotated[int, Field(ge=1, le=64)] = Field(
        2, description="parts of a batch that are computed side by side on a CPU, one core each; decides the weights"
    )

    def recipe(self, member: MemberName) -> Recipe:
        """The profile's recipe for `member` with this configuration's changes."""
        changes = getattr(self, member).model_dump(exclude={"initial_weights", "initial_weights_sha256", "external"})
        kept = {name: value for name, value in changes.items() if value is not None}
        recipe = PROFILES[self.profile][member]
        if kept.get("architecture", recipe.architecture) != recipe.architecture:
            kept |= {"options": {}, "held_stages": 0}
        return Recipe.model_validate(recipe.model_dump() | kept)

    def choice(self, member: MemberName) -> MemberChoice:
        """What was changed for `member`."""
        return getattr(self, member)

    def initial_weights(self, member: MemberName) -> tuple[Path, str] | None:
        """File and SHA-256 that `member` starts from: those named, else the committed ones that fit; None: random."""
        choice = self.choice(member)
        if choice.initial_weights is not None:
            return choice.initial_weights, choice.initial_weights_sha256
        known = weights_for(self.recipe(member), embedding_dim=self.embedding_dim) if self.pretrained else None
        return (known.path, known.sha256) if known else None

    def weights_depend_on(self, member: MemberName) -> dict[str, object]:
        """What of this configuration decides the weights of `member`: not where or how fast they are made."""
        shared = self.model_dump(mode="json", include=_DECIDING)
        begin = self.initial_weights(member)
        return shared | {
            "recipe": self.recipe(member).model_dump(mode="json"),
            "initial_weights_sha256": begin[1] if begin else None,
        }


_DECIDING = {
    "embedding_dim", "weight_decay", "softmax_scale", "softmax_margin", "label_smoothing", "clip_norm", "seed",
    "threads",
}  # fmt: skip
