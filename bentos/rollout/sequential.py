"""Differences of two means that may be looked at after every answer, and decided at any of these looks.

The mixture sequential probability ratio test of Robbins (1970), in the form that Johari, Koomen, Pekelis and Walsh give
it for experiments that are watched while they run ("Always Valid Inference: Continuous Monitoring of A/B Tests",
Operations Research 70(3), 2022). Its intervals hold at all times together, asymptotically; what stands here was checked
by simulation for shares and error rates as small as ours (see the tests).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

PROPORTION_SCALE: Final = 0.1
LOG_SCALE: Final = 0.3


@dataclass
class Moments:
    """Mean of a measure over answers; those of one session are not independent and are kept together.

    `prior` holds values counted as if they had been seen once each: (0, 1) for a proportion keeps the variance from
    vanishing while nothing has happened yet (Agresti and Caffo, The American Statistician 54(4), 2000).
    """

    prior: tuple[float, ...] = ()
    num: int = 0
    total: float = 0.0
    _squares: float = 0.0
    _cross: float = 0.0
    _sizes: float = 0.0
    _by_unit: dict[str, tuple[int, float]] = field(default_factory=dict)

    def add(self, value: float, *, unit: str | None = None) -> None:
        """Count one answer, of a session where it has one."""
        num, total = self._by_unit.get(unit, (0, 0.0)) if unit else (0, 0.0)
        self.num += 1
        self.total += value
        self._squares += (total + value) ** 2 - total**2
        self._cross += (num + 1) * (total + value) - num * total
        self._sizes += (num + 1) ** 2 - num**2
        if unit:
            self._by_unit[unit] = (num + 1, total + value)

    @property
    def raw_mean(self) -> float:
        """The mean of what was seen; not a number where nothing was."""
        return self.total / self.num if self.num else math.nan

    @property
    def mean(self) -> float:
        """The mean with the prior's values."""
        return (self.total + sum(self.prior)) / (self.num + len(self.prior))

    @property
    def variance_of_mean(self) -> float:
        """Squared standard error of `mean`, with whole sessions as the units that were drawn."""
        mean, num = self.mean, self.num + len(self.prior)
        around = self._squares - 2 * mean * self._cross + mean**2 * self._sizes
        return (around + sum((value - mean) ** 2 for value in self.prior)) / num**2


@dataclass(frozen=True)
class Difference:
    """Candidate minus baseline, with an interval that holds at every look; the means are those seen."""

    candidate: float
    baseline: float
    low: float
    high: float
    num_candidate: int
    num_baseline: int
    p: float

    def as_dict(self) -> dict[str, float | int]:
        """For journal and report."""
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in vars(self).items()}


def difference(candidate: Moments, baseline: Moments | None, *, alpha: float, scale: float) -> Difference:
    """Hold two means together; against a fixed 0 where there is no baseline.

    Args:
        scale: standard deviation of the differences that matter, in the measure's unit; the test looks best there.
    """
    other = baseline or Moments(prior=(0.0,))
    estimate = candidate.mean - other.mean
    variance = candidate.variance_of_mean + other.variance_of_mean
    radius = mixture_radius(variance, alpha=alpha, scale=scale)
    return Difference(
        candidate=candidate.raw_mean,
        baseline=other.raw_mean if baseline else 0.0,
        low=estimate - radius,
        high=estimate + radius,
        num_candidate=candidate.num,
        num_baseline=other.num,
        p=always_valid_p(estimate, variance=variance, scale=scale),
    )


def mixture_radius(variance: float, *, alpha: float, scale: float) -> float:
    """Half the width of the always-valid interval around an estimate of this variance."""
    if variance <= 0:
        return math.inf
    wide = variance + scale**2
    return math.sqrt(variance * wide / scale**2 * math.log(wide / (variance * alpha**2)))


def always_valid_p(estimate: float, *, variance: float, scale: float) -> float:
    """Smallest alpha whose interval at this look leaves 0 out: 1 over the mixture likelihood ratio, at most 1."""
    if variance <= 0:
        return 1.0
    wide = variance + scale**2
    log_ratio = 0.5 * math.log(variance / wide) + scale**2 * estimate**2 / (2 * variance * wide)
    return math.exp(min(0.0, -log_ratio))


def moments_of(values: Iterable[tuple[float, str | None]], *, prior: tuple[float, ...] = ()) -> Moments:
    """Moments of (value, session or None) pairs."""
    found = Moments(prior=prior)
    for value, unit in values:
        found.add(value, unit=unit)
    return found
