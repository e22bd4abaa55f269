"""The estimators behind a recogniser: log-likelihood ratios, fusion weights, temperature, thresholds.

Shapes: Q queries, A appearances, C cues. Masked candidates carry a score of -inf.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit

from bentos.runtime.contract import LogisticSpec

WORLD = -1


@dataclass(frozen=True)
class FusionProblem:
    """Queries for one pattern of cues.

    `cues_QAC` are nats; `active_QA` masks candidates; `truth_Q` is the right candidate or `WORLD` where the
    pill is not among them; `weight_Q` sums to 1.
    """

    cues_QAC: np.ndarray
    active_QA: np.ndarray
    truth_Q: np.ndarray
    weight_Q: np.ndarray


def fit_log_ratio(genuine: np.ndarray, impostor: np.ndarray, *, limit: float = 12.0) -> LogisticSpec:
    """Logistic regression with both classes weighed equally, so that its logit is a log-likelihood ratio.

    Brummer and du Preez, "Application-independent evaluation of speaker detection" (2006).
    """
    scale = float(np.std(np.concatenate([genuine, impostor]))) or 1.0
    center = float(np.mean(np.concatenate([genuine, impostor])))
    g, i = (genuine - center) / scale, (impostor - center) / scale

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        a, b = theta
        value = np.logaddexp(0, -(a * g + b)).mean() + np.logaddexp(0, a * i + b).mean() + 1e-3 * a * a
        down, up = -expit(-(a * g + b)), expit(a * i + b)
        return value, np.array([(down * g).mean() + (up * i).mean() + 2e-3 * a, down.mean() + up.mean()])

    a, b = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B").x
    return LogisticSpec(slope=float(a / scale), intercept=float(b - a * center / scale), limit=limit)


def log_posterior(score_QA: np.ndarray, *, unknown_prior: float) -> tuple[np.ndarray, np.ndarray]:
    """Log probabilities of candidates (Q, A) and of the unknown pill (Q,); as the runtime's `posterior`."""
    num_active_Q = np.maximum(np.isfinite(score_QA).sum(axis=1), 1)
    logit_QA = score_QA + (math.log1p(-unknown_prior) - np.log(num_active_Q))[:, None]
    world = math.log(unknown_prior)
    most_Q = np.maximum(logit_QA.max(axis=1), world)
    total_Q = most_Q + np.log(np.exp(logit_QA - most_Q[:, None]).sum(axis=1) + np.exp(world - most_Q))
    return logit_QA - total_Q[:, None], world - total_Q


def fit_fusion(problem: FusionProblem, *, unknown_prior: float, ridge: float = 0.01) -> tuple[np.ndarray, float]:
    """Non-negative cue weights (C,) and bias of a conditional logit with a "none of them" alternative.

    McFadden (1974). `ridge` pulls the weights towards 1, the value for independent, calibrated cues.
    """
    num_cues = problem.cues_QAC.shape[2]
    cues_NC = problem.cues_QAC.reshape(-1, num_cues).astype(np.float64)
    chosen_QA = np.zeros(problem.active_QA.shape)
    known = np.flatnonzero(problem.truth_Q != WORLD)
    chosen_QA[known, problem.truth_Q[known]] = 1

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        score_QA = (cues_NC @ theta[:-1] + theta[-1]).reshape(chosen_QA.shape)
        score_QA[~problem.active_QA] = -np.inf
        log_p_QA, log_world_Q = log_posterior(score_QA, unknown_prior=unknown_prior)
        log_truth_Q = np.where(
            problem.truth_Q == WORLD, log_world_Q, log_p_QA[np.arange(len(score_QA)), problem.truth_Q]
        )
        residual_QA = (np.exp(log_p_QA) - chosen_QA) * problem.weight_Q[:, None]
        slope_C = residual_QA.ravel() @ cues_NC
        away_C = theta[:-1] - 1
        gradient = np.append(slope_C + 2 * ridge * away_C / num_cues, residual_QA.sum())
        return float(-(problem.weight_Q * log_truth_Q).sum() + ridge * (away_C**2).mean()), gradient

    bounds = [(0.0, 3.0)] * num_cues + [(-60.0, 60.0)]
    theta = minimize(loss, np.append(np.ones(num_cues), 0.0), jac=True, bounds=bounds, method="L-BFGS-B").x
    return theta[:-1], float(theta[-1])


def fit_temperature(score_QA: np.ndarray, truth_Q: np.ndarray, weight_Q: np.ndarray, *, unknown_prior: float) -> float:
    """The temperature that minimises the log loss (Guo et al. 2017)."""

    def loss(log_temperature: float) -> float:
        log_p_QA, log_world_Q = log_posterior(score_QA / math.exp(log_temperature), unknown_prior=unknown_prior)
        log_truth_Q = np.where(truth_Q == WORLD, log_world_Q, log_p_QA[np.arange(len(score_QA)), truth_Q])
        return float(-(weight_Q * log_truth_Q).sum())

    return math.exp(minimize_scalar(loss, bounds=(-2.0, 3.0), method="bounded").x)


def conformal_threshold(genuine_scores: np.ndarray, *, coverage: float) -> float:
    """The score that a new genuine pair reaches with at least `coverage` probability (split conformal).

    Vovk et al. 2005; the floor((n + 1)(1 - coverage))-th smallest score, -inf where n is too small.
    """
    rank = math.floor((len(genuine_scores) + 1) * (1 - coverage))
    return float(np.sort(genuine_scores)[rank - 1]) if rank >= 1 else -1e9


def risk_threshold(uncertainty: np.ndarray, wrong: np.ndarray, *, max_error: float) -> float:
    """The largest uncertainty up to which answers err at most `max_error` of the time, 0 where none is safe.

    The bound (errors + 1) / (answers + 1) is that of conformal risk control (Angelopoulos et al. 2022).
    """
    order = np.argsort(uncertainty, kind="stable")
    errors = np.cumsum(wrong[order])
    safe = np.flatnonzero((errors + 1) / (np.arange(len(order)) + 2) <= max_error)
    return float(uncertainty[order][safe[-1]]) if len(safe) else 0.0
