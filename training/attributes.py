"""Fitting the maps to SPL attributes: logistic regression over the runtime's own embeddings and measured features.

The maps are fitted on photographs of appearances that members were trained on, each attribute's temperature on
appearances that they were not (Guo et al. 2017), so that the weights of the cues can be fitted on the latter as well.

Shapes: N photographs, X inputs, K outputs (colours, shapes, scored, printed), C classes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from bentos.runtime.attributes import (
    ATTRIBUTE_CUES,
    NUM_OUTPUTS,
    RATES,
    SCORED_FROM,
    attribute_inputs,
    bias_name,
    weight_name,
)
from bentos.runtime.contract import AttributeSpec
from bentos.runtime.medication import Medication
from bentos.runtime.predictor import Predictor
from bentos.runtime.spl import COLORS, SHAPES
from training.examples import Observed

ATTRIBUTES_FILE = "attributes.npz"
MIN_LOOKS = 12
_STRENGTH = 0.03
_NEVER = -30.0
_SHAPE_FROM = len(COLORS)
_GROUPS = {
    "color": range(_SHAPE_FROM),
    "shape": range(_SHAPE_FROM, NUM_OUTPUTS - 2),
    "scored": (NUM_OUTPUTS - 2,),
    "printed": (NUM_OUTPUTS - 1,),
}


@dataclass(frozen=True)
class _Linear:
    """One member's map; `rate_K` is how common each attribute is, 0 for a shape that was never seen."""

    weight_KX: np.ndarray
    bias_K: np.ndarray
    rate_K: np.ndarray


def without_reading(predictor: Predictor) -> Predictor:
    """The same predictor, but it reads no imprint: attributes need none, and reading costs most of the time."""
    return Predictor(replace(predictor.recogniser, reader=None), predictor.gallery)


def photographs_to_fit(dataset: pd.DataFrame, *, num: int, seed: int) -> pd.DataFrame:
    """At most `num` of the photographs that members were trained on, each of a known medication."""
    photos = dataset[dataset["split"].eq("train") & dataset["medication_id"].notna()]
    return photos.sample(min(len(photos), num), random_state=seed).sort_values("photo_id")


def fit_attributes(
    train: Sequence[Observed],
    settle: Sequence[Observed],
    *,
    medications: Mapping[str, Medication],
    members: Sequence[str],
    directory: Path,
) -> AttributeSpec | None:
    """Write the maps into `directory`: fitted on `train`, temperatures on appearances of `settle` that are new to them.

    None where `train` shows fewer than `MIN_LOOKS` looks or `settle` nothing: nothing could be learnt of them.
    """
    if len({item.row["look_group"] for item in train}) < MIN_LOOKS or not settle:
        return None
    settle = [item for item in settle if item.row["appearance_role"] != "seen"] or settle
    truth_NK, settle_NK = (attribute_targets(items, medications) for items in (train, settle))
    arrays, temperatures = {}, {}
    for member in members:
        linear = fit_linear(_inputs(train, member), truth_NK)
        logit_NK = _inputs(settle, member) @ linear.weight_KX.T + linear.bias_K
        temperatures[member] = {
            name: _temperature(name, logit_NK[:, list(group)], settle_NK[:, list(group)])
            for name, group in _GROUPS.items()
        }
        divisor_K = np.concatenate([np.full(len(group), temperatures[member][name]) for name, group in _GROUPS.items()])
        arrays |= {weight_name(member): (linear.weight_KX / divisor_K[:, None]).astype(np.float32),
                   bias_name(member): (linear.bias_K / divisor_K).astype(np.float32), RATES: linear.rate_K}  # fmt: skip
    np.savez(directory / ATTRIBUTES_FILE, **arrays)
    return AttributeSpec(file=ATTRIBUTES_FILE, cues=ATTRIBUTE_CUES, temperatures=temperatures)


def attribute_targets(items: Sequence[Observed], medications: Mapping[str, Medication]) -> np.ndarray:
    """The catalogue's attributes (N, K) as 0 and 1; `printed` is NaN where no imprint type is known."""
    rows = [medications[item.row["medication_id"]] for item in items]
    return np.array([
        [float(color in row.colors) for color in COLORS]
        + [float(shape == row.shape) for shape in SHAPES]
        + [float(row.score >= SCORED_FROM)]
        + [math.nan if row.imprint_type is None else float(row.imprint_type == "PRINTED")]
        for row in rows
    ])  # fmt: skip


def fit_linear(input_NX: np.ndarray, truth_NK: np.ndarray) -> _Linear:
    """Ridge-held logistic regressions: one each for colours, scored and printed, one of many classes for the shape."""
    mean_X, sd_X = input_NX.mean(axis=0), input_NX.std(axis=0) + 1e-6
    scaled_NX = (input_NX - mean_X) / sd_X
    weight_KX, bias_K, rate_K = np.zeros((NUM_OUTPUTS, len(mean_X))), np.zeros(NUM_OUTPUTS), np.zeros(NUM_OUTPUTS)
    for k in (k for name, group in _GROUPS.items() if name != "shape" for k in group):
        weight_KX[k], bias_K[k], rate_K[k] = _binary(scaled_NX, truth_NK[:, k])
    shapes = slice(_SHAPE_FROM, NUM_OUTPUTS - 2)
    weight_KX[shapes], bias_K[shapes], rate_K[shapes] = _of_many(scaled_NX, truth_NK[:, shapes].argmax(axis=1))
    weight_KX /= sd_X
    return _Linear(weight_KX, bias_K - weight_KX @ mean_X, rate_K)


def _binary(scaled_NX: np.ndarray, truth_N: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Weights, bias and rate; an attribute that all have or none is told by its rate alone."""
    from sklearn.linear_model import LogisticRegression

    known_N = ~np.isnan(truth_N)
    wanted_N = truth_N[known_N].astype(int)
    rate = (wanted_N.sum() + 0.5) / (len(wanted_N) + 1)
    if len(np.unique(wanted_N)) < 2:
        return np.zeros(scaled_NX.shape[1]), math.log(rate / (1 - rate)), rate
    model = LogisticRegression(C=_STRENGTH, max_iter=300).fit(scaled_NX[known_N], wanted_N)
    return model.coef_[0], float(model.intercept_[0]), rate


def _of_many(scaled_NX: np.ndarray, class_N: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights (C, X), biases and rates (C,) of all shapes."""
    from sklearn.linear_model import LogisticRegression

    num_classes = len(SHAPES)
    rate_C = np.bincount(class_N, minlength=num_classes) / len(class_N)
    weight_CX, bias_C = np.zeros((num_classes, scaled_NX.shape[1])), np.where(rate_C > 0, 0.0, _NEVER)
    found = np.flatnonzero(rate_C)
    if len(found) > 1:
        model = LogisticRegression(C=_STRENGTH, max_iter=300).fit(scaled_NX, class_N)
        two = len(found) == 2
        weight_CX[found] = np.concatenate([-model.coef_ / 2, model.coef_ / 2]) if two else model.coef_
        bias_C[found] = np.concatenate([-model.intercept_ / 2, model.intercept_ / 2]) if two else model.intercept_
    return weight_CX, bias_C, rate_C


def _temperature(name: str, logit_NG: np.ndarray, truth_NG: np.ndarray) -> float:
    """The one divisor of a group's logits under which its attributes are likeliest; unlearnt shapes are left out."""
    known_NG = ~np.isnan(truth_NG)
    learnt_N = logit_NG.max(axis=0)[truth_NG.argmax(axis=1)] > _NEVER / 2

    def loss(log_temperature: float) -> float:
        scaled_NG = logit_NG / math.exp(log_temperature)
        if name == "shape":
            shifted_NG = scaled_NG - scaled_NG.max(axis=1, keepdims=True)
            log_p_NG = shifted_NG - np.log(np.exp(shifted_NG).sum(axis=1, keepdims=True))
            return float(-log_p_NG[learnt_N][truth_NG[learnt_N] > 0].sum())
        signed_NG = np.where(truth_NG > 0, scaled_NG, -scaled_NG)
        return float(np.logaddexp(0, -signed_NG[known_NG]).sum())

    return math.exp(minimize_scalar(loss, bounds=(-1.0, 2.0), method="bounded").x)


def _inputs(items: Sequence[Observed], member: str) -> np.ndarray:
    return np.stack([attribute_inputs(item.side.embeddings[member], item.side.features) for item in items])
