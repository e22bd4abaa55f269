"""The committed encoders that have seen all reference pictures, and which network starts from which of them."""

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from training.committed import WEIGHTS, read_index
from training.profiles import Recipe

_NETWORK = ("architecture", "options", "size_px", "fill_with_surface", "relief", "mean", "std")


class PretrainedWeights(BaseModel):
    """One committed file: its digest, the network it belongs to, and how it was made and measured."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    sha256: str
    embedding_dim: int
    network: dict[str, object]
    facts: dict[str, str | int | float]

    @property
    def path(self) -> Path:
        return WEIGHTS / self.file


def network_of(recipe: Recipe) -> dict[str, object]:
    """What of a recipe decides whether weights fit and see the pictures they know."""
    return recipe.model_dump(mode="json", include=set(_NETWORK))


@cache
def committed_weights() -> tuple[PretrainedWeights, ...]:
    """All committed encoders, as `weights.json` records them beside the reader's networks."""
    index = read_index(WEIGHTS).items()
    return tuple(PretrainedWeights(file=file, **entry) for file, entry in index if "network" in entry)


def weights_for(recipe: Recipe, *, embedding_dim: int) -> PretrainedWeights | None:
    """The committed weights of this very network, None where there are none."""
    wanted = embedding_dim, network_of(recipe)
    return next((known for known in committed_weights() if (known.embedding_dim, known.network) == wanted), None)
