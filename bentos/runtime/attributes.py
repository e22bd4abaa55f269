"""What a side looks like in the catalogue's words: SPL colours, shape, scored or not, printed or not, as probabilities.

One linear map per member over its embedding and what was measured, fitted with the recogniser, temperature included.
A cue is log p(attribute of the catalogue | side) - log p(attribute), nats; the rates of all attributes are the
recogniser's own, so no score changes when another pill is enrolled.

Shapes: X inputs, K outputs (colours, shapes, scored, printed), A appearances, C colours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from bentos.runtime.answer import Seen
from bentos.runtime.contract import AttributeSpec
from bentos.runtime.errors import ContractError
from bentos.runtime.features import COLOR_BINS, TEXTURE_BINS, VisualFeatures
from bentos.runtime.medication import Appearance
from bentos.runtime.spl import COLORS, SHAPES

COLOR, SHAPE, SCORED, PRINTED = "seen_color", "seen_shape", "seen_score", "seen_marking"
ATTRIBUTE_CUES: Final = (COLOR, SHAPE, SCORED, PRINTED)
NUM_OUTPUTS: Final = len(COLORS) + len(SHAPES) + 2
RATES: Final = "rate_K"
SCORED_FROM: Final = 2
_NUM_MEASURED = COLOR_BINS + TEXTURE_BINS + 2
_COLOR_K, _SHAPE_K = slice(0, len(COLORS)), slice(len(COLORS), len(COLORS) + len(SHAPES))
_SCORED_K, _PRINTED_K = NUM_OUTPUTS - 2, NUM_OUTPUTS - 1
_TINY = 1e-6
_SHOWN_FROM, _NUM_SHOWN = 0.05, 3


def attribute_inputs(embedding_D: np.ndarray, features: VisualFeatures) -> np.ndarray:
    """What the maps read, (X,): the unit vector, roots of the colour histogram, outline, surface."""
    ratio = np.log(features.shape_ratio)
    return np.concatenate(
        [embedding_D, np.sqrt(features.color_histogram), [ratio, ratio**2], features.texture_features]
    ).astype(np.float32)


@dataclass(frozen=True)
class CatalogueFacts:
    """The catalogue's attributes of a gallery's appearances; `printed_A` is NaN where it says no imprint type."""

    color_AC: np.ndarray
    shape_A: np.ndarray
    scored_A: np.ndarray
    printed_A: np.ndarray

    @classmethod
    def of(cls, appearances: Sequence[Appearance]) -> "CatalogueFacts":
        """As the appearances' records say."""
        shapes = {shape: number for number, shape in enumerate(SHAPES)}
        kinds = [np.nan if a.imprint_type is None else float(a.imprint_type == "PRINTED") for a in appearances]
        return cls(
            color_AC=np.array([[float(color in a.colors) for color in COLORS] for a in appearances]),
            shape_A=np.array([shapes[a.shape] for a in appearances]),
            scored_A=np.array([float(a.score >= SCORED_FROM) for a in appearances]),
            printed_A=np.array(kinds),
        )


@dataclass(frozen=True)
class AttributeHeads:
    """The members' maps, and how common each attribute is."""

    spec: AttributeSpec
    weight_KX: Mapping[str, np.ndarray]
    bias_K: Mapping[str, np.ndarray]
    rate_K: np.ndarray

    def logits(self, features: VisualFeatures, embeddings: Mapping[str, np.ndarray]) -> np.ndarray:
        """Calibrated logits of one side (K,), the mean over the members that embedded it."""
        found = [
            self.weight_KX[name] @ attribute_inputs(embedding_D, features) + self.bias_K[name]
            for name, embedding_D in embeddings.items()
        ]
        return np.mean(found, axis=0)

    def ratios(self, logit_K: np.ndarray, facts: CatalogueFacts) -> dict[str, np.ndarray]:
        """Cue name -> nats for each appearance (A,), at most the recogniser's limit either way."""
        rate_K = np.clip(self.rate_K, _TINY, 1 - _TINY)
        off_K, on_K = _log_sigmoid(-logit_K) - np.log1p(-rate_K), _log_sigmoid(logit_K) - np.log(rate_K)
        rate_S = self.rate_K[_SHAPE_K]
        shape_S = np.where(rate_S > 0, _log_softmax(logit_K[_SHAPE_K]) - np.log(np.maximum(rate_S, _TINY)), 0.0)
        printed_A = np.where(facts.printed_A > 0, on_K[_PRINTED_K], off_K[_PRINTED_K])
        found = {
            COLOR: off_K[_COLOR_K].sum() + facts.color_AC @ (on_K - off_K)[_COLOR_K],
            SHAPE: shape_S[facts.shape_A],
            SCORED: np.where(facts.scored_A > 0, on_K[_SCORED_K], off_K[_SCORED_K]),
            PRINTED: np.where(np.isnan(facts.printed_A), 0.0, printed_A),
        }
        return {name: np.clip(ratio_A, -self.spec.limit, self.spec.limit) for name, ratio_A in found.items()}


def probabilities(logit_K: np.ndarray) -> np.ndarray:
    """Probability of each attribute (K,): of every colour alone, of shapes that sum to 1, of scored, of printed."""
    found_K = np.exp(_log_sigmoid(logit_K))
    found_K[_SHAPE_K] = np.exp(_log_softmax(logit_K[_SHAPE_K]))
    return found_K


def as_seen(logits_PK: Sequence[np.ndarray]) -> Seen:
    """The probabilities of one pill in words, after the mean logits of its pictures; the likeliest few."""
    found_K = probabilities(np.mean(logits_PK, axis=0))
    return Seen(
        colors=_likeliest(found_K[_COLOR_K], tuple(COLORS)),
        shapes=_likeliest(found_K[_SHAPE_K], tuple(SHAPES)),
        scored=round(float(found_K[_SCORED_K]), 4),
        printed=round(float(found_K[_PRINTED_K]), 4),
    )


def open_attributes(directory: Path, spec: AttributeSpec, *, dims: Mapping[str, int]) -> AttributeHeads:
    """Read the maps of the members whose embeddings have `dims` values.

    Raises:
        ContractError: an array is missing or of another shape.
    """
    with np.load(directory / spec.file, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    wanted = {RATES: (NUM_OUTPUTS,)}
    for name, dim in dims.items():
        wanted |= {weight_name(name): (NUM_OUTPUTS, dim + _NUM_MEASURED), bias_name(name): (NUM_OUTPUTS,)}
    for name, shape in wanted.items():
        if name not in arrays or arrays[name].shape != shape:
            raise ContractError(f"{spec.file} holds no {name} of shape {shape}")
    weights, biases = ({member: arrays[key(member)] for member in dims} for key in (weight_name, bias_name))
    return AttributeHeads(spec, weights, biases, arrays[RATES].astype(float))


def weight_name(member: str) -> str:
    """Name of a member's weights in the file."""
    return f"{member}_weight_KX"


def bias_name(member: str) -> str:
    """Name of a member's biases in the file."""
    return f"{member}_bias_K"


def _likeliest(probability_N: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    order = [n for n in np.argsort(-probability_N)[:_NUM_SHOWN] if probability_N[n] >= _SHOWN_FROM]
    return {names[n]: round(float(probability_N[n]), 4) for n in order or [int(probability_N.argmax())]}


def _log_sigmoid(x: np.ndarray) -> np.ndarray:
    return -np.logaddexp(0.0, -x)


def _log_softmax(x: np.ndarray) -> np.ndarray:
    shifted = x - x.max()
    return shifted - np.log(np.exp(shifted).sum())
