"""The limits on saying `identified`: few errors among the answers, few unknown pills among them, most answers kept.

Both promises are kept by two limits at once, on the uncertainty and on the score, chosen together: an unknown pill
that leaves several candidates open needs no higher score limit. Where typed text is the answer's whole imprint, to
the letter, other limits hold than where it is part of it or misread.

Shapes: N examples, A appearances, G clinical drugs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from bentos.runtime.contract import PatternSpec
from bentos.runtime.gallery import Gallery
from bentos.runtime.limits import ScoreBySize, StatusLimits
from training.calibration_config import CalibrationConfig
from training.examples import Example
from training.fit import log_posterior

SIZES = (16, 64, 256, 1024)
_NUM_CANDIDATES = 60
_NO_LIMIT = -1e6
_ABOVE = 1e-6


@dataclass(frozen=True)
class Verdicts:
    """What would be said of N examples; (N,) each. `spelled_N`: the typed text is the first answer's whole imprint."""

    uncertainty_N: np.ndarray
    best_N: np.ndarray
    wrong_N: np.ndarray
    spelled_N: np.ndarray

    def among(self, chosen_N: np.ndarray) -> "Verdicts":
        """Those of the chosen examples; the others pass no limit."""
        return Verdicts(self.uncertainty_N, np.where(chosen_N, self.best_N, -np.inf), self.wrong_N, self.spelled_N)


@dataclass(frozen=True)
class Judge:
    """Turns scores over one gallery into verdicts on N examples."""

    gallery: Gallery
    examples: Sequence[Example]
    typed_imprint: bool
    unknown_prior: float

    def verdicts(self, score_NA: np.ndarray, *, temperature: float) -> Verdicts:
        """The verdict on each example, for scores (N, A) in nats, -inf where a candidate is masked."""
        log_p_NA, _ = log_posterior(score_NA / temperature, unknown_prior=self.unknown_prior)
        shares_AG = self._shares_AG
        p_NG = np.asarray((shares_AG.T @ np.exp(log_p_NA).T).T)
        drug_N, first_N = p_NG.argmax(axis=1), score_NA.argmax(axis=1)
        truth_N = [example.truth for example in self.examples]
        return Verdicts(
            uncertainty_N=np.clip(1 - p_NG.max(axis=1), 0, 1),
            best_N=score_NA.max(axis=1),
            wrong_N=np.asarray(shares_AG[truth_N, drug_N]).ravel() == 0,
            spelled_N=np.array([a in spelled for a, spelled in zip(first_N, self._spelled, strict=True)], bool),
        )

    @cached_property
    def _shares_AG(self) -> csr_matrix:
        appearance_I, drug_I, share_I = self.gallery.index.drug_shares
        return csr_matrix((share_I, (appearance_I, drug_I)))

    @cached_property
    def _spelled(self) -> list[set[int]]:
        if not self.typed_imprint:
            return [set()] * len(self.examples)
        spelled_by = self.gallery.index.imprints.spelled_by
        return [set(spelled_by(example.typed.imprint)) for example in self.examples]


def fit_limits(
    judge: Judge,
    draft: PatternSpec,
    *,
    known_NA: np.ndarray,
    foreign_NA: np.ndarray,
    config: CalibrationConfig,
    rng: np.random.Generator,
) -> PatternSpec:
    """The draft with both promises' limits, for text that is the whole imprint and for all else.

    Args:
        known_NA: scores with every pill in the gallery.
        foreign_NA: scores with each example's own look group masked.
    """
    known = judge.verdicts(known_NA, temperature=draft.temperature)
    foreign = {
        size: judge.verdicts(score_NA, temperature=draft.temperature)
        for size, score_NA in _galleries(foreign_NA, rng=rng).items()
    }
    groups = 2 if judge.typed_imprint else 1
    rate = config.unknown_error / groups
    other = group_limits(known, foreign, lambda v: ~v.spelled_N, rate=rate, config=config)
    spelled = group_limits(known, foreign, lambda v: v.spelled_N, rate=rate, config=config) if groups == 2 else None
    return draft.model_copy(update={**other.model_dump(), "spelled": spelled})


def _galleries(score_NA: np.ndarray, *, rng: np.random.Generator) -> dict[int, np.ndarray]:
    """The scores over random galleries of several sizes, and over all: masked candidates carry -inf."""
    num = int(np.isfinite(score_NA).sum(axis=1).max())
    drawn_NA = np.where(np.isfinite(score_NA), rng.random(score_NA.shape), np.inf)
    rank_NA = drawn_NA.argsort(axis=1).argsort(axis=1)
    return {size: np.where(rank_NA < size, score_NA, -np.inf) for size in (*(n for n in SIZES if n < num), num)}


def group_limits(
    known: Verdicts,
    foreign: Mapping[int, Verdicts],
    group: Callable[[Verdicts], np.ndarray],
    *,
    rate: float,
    config: CalibrationConfig,
) -> StatusLimits:
    """The pair of limits that answers most; the uncertainty limit is 0 where no pair keeps both promises."""
    known = known.among(group(known))
    foreign = {size: verdicts.among(group(verdicts)) for size, verdicts in foreign.items()}
    largest = max(foreign)
    answered = np.isfinite(known.best_N)
    if not answered.any():
        return StatusLimits(identified_uncertainty=0.0, unknown_threshold=((1, 0.0),))
    chosen, most = StatusLimits(identified_uncertainty=0.0, unknown_threshold=score_limits(foreign, 1.0, rate=rate)), 0
    candidates = np.quantile(known.uncertainty_N[answered], np.linspace(0, 1, _NUM_CANDIDATES))
    for limit in np.unique(np.minimum(candidates, config.largest_uncertainty)):
        if limit == 0:  # says never
            continue
        points = score_limits(foreign, limit, rate=rate)
        draft = StatusLimits(identified_uncertainty=float(limit), unknown_threshold=points)
        passing_N = (known.uncertainty_N <= limit) & (known.best_N >= draft.unknown_limit(largest))
        num, errors = int(passing_N.sum()), int((passing_N & known.wrong_N).sum())
        if num > most and (errors + 1) / (num + 1) <= config.identified_error:
            chosen, most = draft, num
    return chosen


def score_limits(foreign: Mapping[int, Verdicts], uncertainty: float, *, rate: float) -> ScoreBySize:
    """For every gallery size that was looked at, the score that at most `rate` of unknown pills reach.

    Only those whose uncertainty is low enough to be named count. At a size where never too many are named the limit
    is the higher one of the nearest sizes that need one.
    """
    sizes = sorted(foreign)
    found = np.array([_limit(foreign[size], uncertainty, rate=rate) for size in sizes], float)
    if np.isnan(found).all():
        return ((sizes[-1], _NO_LIMIT),)
    below, above = pd.Series(found).ffill(), pd.Series(found).bfill()
    return tuple(zip(map(float, sizes), np.fmax(below, above).tolist(), strict=True))


def _limit(verdicts: Verdicts, uncertainty: float, *, rate: float) -> float | None:
    """Just above the score of the first unknown pill too many; None where there are never too many."""
    passing = np.sort(verdicts.best_N[verdicts.uncertainty_N <= uncertainty])[::-1]
    allowed = int(rate * (len(verdicts.best_N) + 1))
    if len(passing) <= allowed or not np.isfinite(passing[allowed]):
        return None
    return float(passing[allowed]) + _ABOVE
