"""What can be set about training the reader's two networks; every field says what changing it does."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Network = Literal["finder", "reader"]


class ReadingConfig(BaseModel):
    """Fine-tuning one of the two networks on simulated photographs of labelled and of lettered blank sides."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes: Annotated[float, Field(gt=0)] = Field(
        60, description="time the training takes in all, over however many runs; the learning rate falls over it"
    )
    batch_sides: Annotated[int, Field(ge=1, le=512)] = Field(
        16, description="sides photographed per step; larger is steadier and takes fewer steps"
    )
    learning_rate: Annotated[float, Field(gt=0, le=1)] = Field(
        1e-3, description="peak of the one-cycle schedule; too high forgets what the network can already read"
    )
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(1e-4, description="AdamW's decay")
    clip_norm: Annotated[float, Field(gt=0)] = Field(2.5, description="largest gradient norm; lower is steadier")
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.998, description="memory of the averaged weights that are exported; longer is smoother and later"
    )
    lettered_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.4, description="share of blank sides with text made up: exact and varied, but not quite real"
    )
    strength: Annotated[float, Field(ge=0, le=1)] = Field(
        0.9, description="hardness of the simulated photographs; 0 shows reference pictures as they are"
    )
    canvas_scales: Annotated[tuple[float, ...], Field(min_length=1)] = Field(
        (1.0, 1.25, 1.5),
        description="sizes of the canvas against the contract's, drawn by chance; a network sees "
        "well at the sizes it was trained at",
    )
    seed: int = Field(0, description="of sides, text and photographs; another seed is another network")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes CUDA where there is one")
    workers: Annotated[int, Field(ge=0, le=64)] = Field(1, description="processes that make pictures for the trainer")
    checkpoint_every_steps: Annotated[int, Field(ge=1)] = Field(
        100, description="at most so many steps are lost when training is killed"
    )

    def weights_depend_on(self) -> dict[str, object]:
        """What of this configuration decides the weights: not where or how fast they are made."""
        return self.model_dump(mode="json", exclude={"device", "workers", "checkpoint_every_steps"})
