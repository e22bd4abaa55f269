"""How much must be seen before a limit may move: exact binomial bounds for limits on a share of cases.

Cases are counted by appearance: photographs of one share its weight, so that many of one prove no more than one.
Bounds are one-sided at 95 % (Clopper and Pearson 1934), continued to fractional counts by the incomplete beta
function. Shapes: N photographs.
"""

import math

import numpy as np
from scipy.special import betainc

MISTRUST = 0.05


def cases_needed(rate: float) -> int:
    """Faultless cases that show a rate of at most `rate` with 95 % confidence: 59 for 5 %, 149 for 2 %, 299 for 1 %."""
    return math.ceil(math.log(MISTRUST) / math.log1p(-rate))


def shown_below(faults: np.ndarray, cases: np.ndarray, *, rate: float) -> np.ndarray:
    """Whether so few faults in so many cases show, with 95 % confidence, a true rate of at most `rate`."""
    faults, cases = np.asarray(faults, float), np.asarray(cases, float)
    room = np.maximum(cases - faults, 1e-9)
    return 1 - betainc(faults + 1, room, rate) <= MISTRUST


def shown_above(faults: np.ndarray, cases: np.ndarray, *, rate: float) -> np.ndarray:
    """Whether so many faults in so many cases show, with 95 % confidence, a true rate above `rate`."""
    faults, cases = np.asarray(faults, float), np.asarray(cases, float)
    return (faults > 0) & (betainc(np.maximum(faults, 1e-9), np.maximum(cases - faults, 0) + 1, rate) < MISTRUST)


def weight_by_look(looks: list[str]) -> np.ndarray:
    """Weight (N,) of each photograph: one for its appearance, shared by the appearance's photographs."""
    _, number_N, count = np.unique(looks, return_inverse=True, return_counts=True)
    return 1 / count[number_N]


def lower_limit(score_N: np.ndarray, weight_N: np.ndarray, *, before: float, rate: float) -> tuple[float, bool]:
    """The score that all but `rate` of the cases reach, and whether it is the photographs' own.

    Their own is the highest score below which so few lie that the rate is shown with 95 % confidence. With too
    few cases the limit `before` stays, lowered only as far as the photographs contradict it.
    """
    order = np.argsort(score_N, kind="stable")
    ordered_N, total = score_N[order], float(weight_N.sum())
    below_N = np.cumsum(weight_N[order]) - weight_N[order]
    own_N = shown_below(below_N, np.full(len(below_N), total), rate=rate)
    if own_N.any():
        return float(ordered_N[np.flatnonzero(own_N)[-1]]), True
    tenable_N = ~shown_above(below_N, np.full(len(below_N), total), rate=rate)
    return min(before, float(ordered_N[np.flatnonzero(tenable_N)[-1]])), False


def risk_limit(
    risk_N: np.ndarray, wrong_N: np.ndarray, weight_N: np.ndarray, *, before: float, rate: float
) -> tuple[float, bool]:
    """The largest risk up to which answers are wrong at most `rate` of the time, and whether it is their own.

    As `lower_limit`: with too few answers the limit `before` stays, lowered only as far as it is contradicted.
    """
    order = np.argsort(risk_N, kind="stable")
    ordered_N = risk_N[order]
    faults_N, cases_N = np.cumsum((weight_N * wrong_N)[order]), np.cumsum(weight_N[order])
    own_N = shown_below(faults_N, cases_N, rate=rate)
    if own_N.any():
        return float(ordered_N[np.flatnonzero(own_N)[-1]]), True
    refuted_N = shown_above(faults_N, cases_N, rate=rate) & (ordered_N <= before)
    if not refuted_N.any() or not refuted_N[np.flatnonzero(ordered_N <= before)[-1]]:
        return before, False
    tenable = np.flatnonzero(~shown_above(faults_N, cases_N, rate=rate) & (ordered_N <= before))
    return (float(ordered_N[tenable[-1]]) if len(tenable) else 0.0), False
