"""Which optional cues are worth a weight: those that make pills of looks they were not weighed on surer.

Shapes: Q queries, A appearances, C cues, L look groups.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from training.fit import WORLD, FusionProblem, fit_fusion, log_posterior

_NUM_FOLDS = 3


def useful_cues(
    names: Sequence[str],
    problem: FusionProblem,
    looks: Sequence[str],
    *,
    optional: Sequence[str],
    unknown_prior: float,
) -> tuple[str, ...]:
    """Those of `optional` that lower the log loss on looks left out, by more than the gain's standard error.

    Each is tried alone beside all cues that are not optional, by cross-validation over look groups: a cue that
    says what the others say already is dropped, not left to fit the noise. `names` are those of the problem's cues,
    `looks` the look groups of its queries.
    """
    given = [name not in optional for name in names]
    without_L = _held_out_losses(problem, np.array(given), looks, unknown_prior=unknown_prior)
    kept = []
    for cue in optional:
        chosen = np.array([is_given or name == cue for is_given, name in zip(given, names, strict=True)])
        gain_L = without_L - _held_out_losses(problem, chosen, looks, unknown_prior=unknown_prior)
        kept += [cue] if gain_L.mean() > gain_L.std() / np.sqrt(len(gain_L)) else []
    return tuple(kept)


def _held_out_losses(
    problem: FusionProblem, chosen_C: np.ndarray, looks: Sequence[str], *, unknown_prior: float
) -> np.ndarray:
    """Log loss of each look group (L,) under weights that were fitted on other look groups."""
    _, look_Q = np.unique(looks, return_inverse=True)
    cues_QAC = problem.cues_QAC[:, :, chosen_C]
    loss_Q = np.zeros(len(look_Q))
    for fold in range(_NUM_FOLDS):
        left_Q = look_Q % _NUM_FOLDS == fold
        if left_Q.all() or not left_Q.any():
            continue
        weights_C, bias = fit_fusion(_part(problem, cues_QAC, ~left_Q), unknown_prior=unknown_prior)
        part = _part(problem, cues_QAC, left_Q)
        score_QA = np.where(part.active_QA, part.cues_QAC @ weights_C + bias, -np.inf)
        log_p_QA, log_world_Q = log_posterior(score_QA, unknown_prior=unknown_prior)
        right_Q = log_p_QA[np.arange(len(score_QA)), part.truth_Q]
        loss_Q[left_Q] = -problem.weight_Q[left_Q] * np.where(part.truth_Q == WORLD, log_world_Q, right_Q)
    return np.bincount(look_Q, weights=loss_Q)


def _part(problem: FusionProblem, cues_QAC: np.ndarray, kept_Q: np.ndarray) -> FusionProblem:
    weight_Q = problem.weight_Q[kept_Q]
    return replace(problem, cues_QAC=cues_QAC[kept_Q], active_QA=problem.active_QA[kept_Q],
                   truth_Q=problem.truth_Q[kept_Q], weight_Q=weight_Q / weight_Q.sum())  # fmt: skip
