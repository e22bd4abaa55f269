"""Figures of merit with their intervals: proportions, ranking, calibration, risk against coverage.

Legend: N photographs, G groups (medications), R resamples, B bins. Intervals are 95 % and resample whole
groups, because photographs of one medication are not independent (cluster bootstrap, Field and Welsh 2007).
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

NUM_RESAMPLES = 1000
NUM_BINS = 10
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Figure:
    """A measured value with its 95 % interval; `value` is None where nothing could be measured."""

    value: float | None
    low: float | None
    high: float | None
    num: int

    def as_dict(self) -> dict[str, float | int | None]:
        """The form of a figure in every JSON of the project, rounded to six places."""
        return {"value": _rounded(self.value), "low": _rounded(self.low), "high": _rounded(self.high), "num": self.num}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 6)


def wilson_interval(num_successes: float, num: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927); honest at 0 and 1 where the bootstrap has no width.

    Raises:
        ValueError: `num` is not positive.
    """
    if num <= 0:
        raise ValueError("an interval needs at least one trial")
    share = num_successes / num
    scale = 1 + _Z95**2 / num
    centre = (share + _Z95**2 / (2 * num)) / scale
    half = _Z95 * math.sqrt(share * (1 - share) / num + _Z95**2 / (4 * num**2)) / scale
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap_interval(
    numerators_N: Sequence[float],
    *,
    denominators_N: Sequence[float] | None = None,
    groups_N: Sequence[Hashable],
    seed: int = 0,
) -> tuple[float, float]:
    """95 % percentile interval of sum(numerators) / sum(denominators), whole groups drawn with replacement."""
    numerators = np.asarray(numerators_N, dtype=np.float64)
    denominators = np.ones_like(numerators) if denominators_N is None else np.asarray(denominators_N, dtype=np.float64)
    index_N, num_groups = _group_index(groups_N)
    draws_RG = _draws(num_groups, seed)
    top_R = draws_RG @ np.bincount(index_N, numerators, num_groups)
    bottom_R = draws_RG @ np.bincount(index_N, denominators, num_groups)
    usable_R = bottom_R > 0
    low, high = np.percentile(top_R[usable_R] / bottom_R[usable_R], [2.5, 97.5])
    return float(low), float(high)


def mean_figure(
    values_N: Sequence[float], *, groups_N: Sequence[Hashable], seed: int = 0, proportion: bool = True
) -> Figure:
    """Mean over photographs, with its interval; `proportion` says that it lies in [0, 1]."""
    ones_N = np.ones(len(values_N))
    return ratio_figure(values_N, denominators_N=ones_N, groups_N=groups_N, seed=seed, proportion=proportion)


def ratio_figure(
    numerators_N: Sequence[float],
    *,
    denominators_N: Sequence[float],
    groups_N: Sequence[Hashable],
    seed: int = 0,
    proportion: bool = True,
) -> Figure:
    """sum(numerators) / sum(denominators), such as right answers among those given; `num` is the denominator.

    Where every group of a proportion says the same 0 or 1, the interval is Wilson's over the number of groups.
    """
    numerators, denominators = np.asarray(numerators_N, float), np.asarray(denominators_N, float)
    total = float(denominators.sum())
    if total <= 0:
        return Figure(value=None, low=None, high=None, num=0)
    value = float(numerators.sum() / total)
    low, high = bootstrap_interval(numerators, denominators_N=denominators, groups_N=groups_N, seed=seed)
    if proportion and low == high and value in (0.0, 1.0):
        num_groups = len({group for group, weight in zip(groups_N, denominators, strict=True) if weight > 0})
        low, high = wilson_interval(value * num_groups, num_groups)
    return Figure(value=value, low=min(low, value), high=max(high, value), num=round(total))


def ece(confidences_N: Sequence[float], correct_N: Sequence[bool], *, num_bins: int = NUM_BINS) -> float:
    """Expected calibration error: mean distance of confidence from accuracy over equal-width bins (Guo et al. 2017)."""
    bins = reliability_bins(confidences_N, correct_N, num_bins=num_bins)
    total = sum(item["num"] for item in bins)
    return sum(item["num"] * abs(item["confidence"] - item["accuracy"]) for item in bins) / total if total else math.nan


def ece_figure(
    confidences_N: Sequence[float],
    correct_N: Sequence[bool],
    *,
    groups_N: Sequence[Hashable],
    seed: int = 0,
    num_bins: int = NUM_BINS,
) -> Figure:
    """ECE with its interval; resampling inflates an ECE, so the interval is widened to hold the value."""
    if len(confidences_N) == 0:
        return Figure(value=None, low=None, high=None, num=0)
    index_N, num_groups = _group_index(groups_N)
    bins_N = _bin_index(confidences_N, num_bins)
    gap_N = np.asarray(confidences_N, float) - np.asarray(correct_N, float)
    gaps_GB = np.zeros((num_groups, num_bins))
    counts_G = np.bincount(index_N, minlength=num_groups)
    np.add.at(gaps_GB, (index_N, bins_N), gap_N)
    draws_RG = _draws(num_groups, seed)
    resampled_R = np.abs(draws_RG @ gaps_GB).sum(1) / (draws_RG @ counts_G)
    low, high = np.percentile(resampled_R, [2.5, 97.5])
    value = ece(confidences_N, correct_N, num_bins=num_bins)
    return Figure(value=value, low=min(float(low), value), high=max(float(high), value), num=len(confidences_N))


def reliability_bins(
    confidences_N: Sequence[float], correct_N: Sequence[bool], *, num_bins: int = NUM_BINS
) -> list[dict[str, float]]:
    """The non-empty equal-width bins, each with mean confidence, accuracy, Wilson interval and count."""
    confidences, correct = np.asarray(confidences_N, float), np.asarray(correct_N, float)
    bins_N = _bin_index(confidences, num_bins)
    return [
        _bin(confidences[bins_N == index], correct[bins_N == index])
        for index in range(num_bins)
        if (bins_N == index).any()
    ]


def _bin(confidences: np.ndarray, correct: np.ndarray) -> dict[str, float]:
    low, high = wilson_interval(float(correct.sum()), len(correct))
    return {
        "confidence": float(confidences.mean()),
        "accuracy": float(correct.mean()),
        "low": low,
        "high": high,
        "num": len(correct),
    }


def risk_coverage(uncertainties_N: Sequence[float], correct_N: Sequence[bool]) -> list[tuple[float, float]]:
    """(coverage, error rate) when only the k least uncertain photographs are answered, k = 1..N (El-Yaniv 2010)."""
    if len(uncertainties_N) == 0:
        return []
    order = np.argsort(np.asarray(uncertainties_N, float), kind="stable")
    wrong = 1 - np.asarray(correct_N, float)[order]
    answered = np.arange(1, len(wrong) + 1)
    return list(zip((answered / len(wrong)).tolist(), (np.cumsum(wrong) / answered).tolist(), strict=True))


def area_under_risk(curve: Sequence[tuple[float, float]]) -> float:
    """Area under the risk-coverage curve; NaN for an empty curve."""
    return float(np.mean([risk for _, risk in curve])) if curve else math.nan


def auroc(negatives: Sequence[float], positives: Sequence[float]) -> float:
    """Chance that a positive scores above a negative, ties a half; NaN where either is empty."""
    if len(negatives) == 0 or len(positives) == 0:
        return math.nan
    ordered = np.sort(np.asarray(negatives, float))
    below = np.searchsorted(ordered, positives, side="left")
    not_above = np.searchsorted(ordered, positives, side="right")
    return float((below + not_above).mean() / (2 * len(ordered)))


@dataclass(frozen=True)
class Hit:
    """Where the truth stands in one ranking: expected top-1, top-5 and average precision over the order of ties."""

    top1: float
    top5: float
    average_precision: float


def expected_hit(ranking: Sequence[frozenset[str]], *, truth: str) -> Hit:
    """Expand a ranking of tied label groups into distinct labels and find the truth in it.

    Labels of one group cannot be told apart, so the truth is equally likely at each of the group's places.
    One label is relevant, so average precision is the reciprocal of its rank.
    """
    seen: set[str] = set()
    for group in ranking:
        new = group - seen
        if truth in new:
            places = range(len(seen) + 1, len(seen) + len(new) + 1)
            return Hit(
                top1=sum(place <= 1 for place in places) / len(new),
                top5=sum(place <= 5 for place in places) / len(new),
                average_precision=sum(1 / place for place in places) / len(new),
            )
        seen |= new
    return Hit(top1=0.0, top5=0.0, average_precision=0.0)


def mean_average_precision(hits: Sequence[Hit]) -> float:
    """Mean of the average precisions; NaN for none."""
    return float(np.mean([hit.average_precision for hit in hits])) if hits else math.nan


def _group_index(groups_N: Sequence[Hashable]) -> tuple[np.ndarray, int]:
    order = {group: index for index, group in enumerate(dict.fromkeys(groups_N))}
    return np.asarray([order[group] for group in groups_N], dtype=np.int64), len(order)


@lru_cache(maxsize=16)
def _draws(num_groups: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng([seed, num_groups])
    return rng.multinomial(num_groups, np.full(num_groups, 1 / num_groups), size=NUM_RESAMPLES).astype(np.float64)


def _bin_index(confidences_N: Sequence[float], num_bins: int) -> np.ndarray:
    return np.clip((np.asarray(confidences_N, float) * num_bins).astype(np.int64), 0, num_bins - 1)
