"""Refitting one pattern of cues to other photographs: held to the old values until enough is seen to leave them.

Bias, temperature and weights are posterior modes under Gaussian priors at the old values, so that few photographs
move them little; thresholds move as `training.evidence_needed` says. Shapes: Q queries, A appearances, C cues.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from bentos.runtime.contract import PatternSpec
from bentos.runtime.limits import ScoreBySize, StatusLimits
from bentos.runtime.predictor import Predictor
from training.calibrate import Pattern, Table
from training.calibration_config import CalibrationConfig
from training.evidence_needed import cases_needed, lower_limit, risk_limit, weight_by_look
from training.examples import Example
from training.fit import WORLD, FusionProblem, log_posterior
from training.limits import Judge, Verdicts

# How far a site may be expected to lie from where the recogniser was fitted: weights, bias in nats, log temperature.
SD_WEIGHT, SD_BIAS, SD_LOG_TEMPERATURE = 0.25, 1.0, 0.3
_PAST = 1e-9
_NO_SCORE = -1e6


@dataclass(frozen=True)
class Refitted:
    """A pattern refitted on `num_looks` appearances; `own` names what is the photographs' own, not the old kept."""

    spec: PatternSpec
    num_looks: int
    own: frozenset[str]


@dataclass(frozen=True)
class Cases:
    """One pattern's queries on a table: each example with its pill in the gallery, then each without."""

    names: list[str]
    problem: FusionProblem
    examples: list[Example]
    weight_N: np.ndarray

    @classmethod
    def of(cls, table: Table, pattern: Pattern, *, unknown_prior: float) -> "Cases":
        names, problem = table.problem(pattern, unknown_prior=unknown_prior)
        examples = [table.examples[q] for q in table.rows(pattern)]
        return cls(names, problem, examples, weight_by_look([e.look_group for e in examples]))

    @property
    def num_looks(self) -> int:
        """How many different appearances were photographed."""
        return len({e.look_group for e in self.examples})

    def raw(self, pattern: PatternSpec) -> np.ndarray:
        """The cues' weighted sum (Q, A), -inf for candidates that are masked out."""
        weights_C = np.array([pattern.weight(name) for name in self.names])
        return np.where(self.problem.active_QA, self.problem.cues_QAC @ weights_C, -np.inf)


def refit_pattern(
    predictor: Predictor, pattern: Pattern, weigh: Table, settle: Table, *, config: CalibrationConfig
) -> Refitted:
    """The pattern for new photographs: weights on `weigh`, all else on `settle`.

    Weights are refitted only where `settle` holds other photographs than `weigh`. Without an example of the
    pattern it stays as it is.
    """
    before = predictor.recogniser.spec.patterns[pattern.key]
    if len(settle.rows(pattern)) == 0:
        return Refitted(before, 0, frozenset())
    prior, own = predictor.recogniser.spec.unknown_prior, set()
    draft = before
    if weigh is not settle and len(weigh.rows(pattern)):
        draft = reweighted(before, Cases.of(weigh, pattern, unknown_prior=prior), unknown_prior=prior)
        own = {"weights"}
    cases = Cases.of(settle, pattern, unknown_prior=prior)
    bias, temperature = rescaled(draft, cases, unknown_prior=prior)
    moved = _moved(draft, bias=bias, temperature=temperature)
    spec, settled = with_limits(predictor, pattern, moved, cases, config=config)
    return Refitted(spec, cases.num_looks, frozenset(own | settled))


def _moved(before: PatternSpec, *, bias: float, temperature: float) -> PatternSpec:
    """Another bias and temperature; the thresholds on scores move along, so that they say what they said."""
    shift = bias - before.bias
    changes = {
        "bias": bias,
        "temperature": temperature,
        "set_threshold": before.set_threshold + shift,
        **_shifted(before.limits(spelled=False), shift).model_dump(),
    }
    if before.spelled is not None:
        changes["spelled"] = _shifted(before.spelled, shift)
    return before.model_copy(update=changes)


def _shifted(limits: StatusLimits, shift: float) -> StatusLimits:
    return limits.model_copy(update={"unknown_threshold": _raised(limits.unknown_threshold, shift)})


def _raised(points: ScoreBySize, shift: float) -> ScoreBySize:
    return tuple((size, score + shift) for size, score in points)


def _query_weights(cases: Cases, *, unknown_prior: float) -> np.ndarray:
    """(Q,): each appearance counts once, its removal as often as unknown pills are expected."""
    return np.concatenate([(1 - unknown_prior) * cases.weight_N, unknown_prior * cases.weight_N])


def rescaled(before: PatternSpec, cases: Cases, *, unknown_prior: float) -> tuple[float, float]:
    """Bias and temperature of the least log loss over the appearances, held to the old ones by their priors."""
    raw_QA = cases.raw(before)
    weight_Q, chosen_QA = _query_weights(cases, unknown_prior=unknown_prior), _chosen(cases.problem)
    old = np.array([before.bias, np.log(before.temperature)])
    sd = np.array([SD_BIAS, SD_LOG_TEMPERATURE])

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        score_QA = (raw_QA + theta[0]) / np.exp(theta[1])
        value, residual_QA = _log_loss(score_QA, cases.problem.truth_Q, weight_Q, chosen_QA, unknown_prior)
        finite_QA = np.where(np.isfinite(score_QA), score_QA, 0.0)
        slope = np.array([residual_QA.sum() / np.exp(theta[1]), -(residual_QA * finite_QA).sum()])
        away = (theta - old) / sd
        return value + 0.5 * float(away @ away), slope + away / sd

    bounds = [(old[0] - 30, old[0] + 30), (-2.0, 3.0)]
    bias, log_temperature = minimize(loss, old, jac=True, bounds=bounds, method="L-BFGS-B").x
    return float(bias), float(np.exp(log_temperature))


def reweighted(before: PatternSpec, cases: Cases, *, unknown_prior: float) -> PatternSpec:
    """Weights and bias of the least log loss at the old temperature, held to the old ones by their priors."""
    cues_QAC, active_QA = cases.problem.cues_QAC, cases.problem.active_QA
    weight_Q, chosen_QA = _query_weights(cases, unknown_prior=unknown_prior), _chosen(cases.problem)
    old = np.array([*(before.weight(name) for name in cases.names), before.bias])
    sd = np.array([SD_WEIGHT] * len(cases.names) + [SD_BIAS])

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        score_QA = np.where(active_QA, cues_QAC @ theta[:-1] + theta[-1], -np.inf) / before.temperature
        value, residual_QA = _log_loss(score_QA, cases.problem.truth_Q, weight_Q, chosen_QA, unknown_prior)
        slope_C = np.tensordot(residual_QA, cues_QAC, axes=([0, 1], [0, 1]))
        away = (theta - old) / sd
        slope = np.append(slope_C, residual_QA.sum()) / before.temperature
        return value + 0.5 * float(away @ away), slope + away / sd

    bounds = [(0.0, 3.0)] * len(cases.names) + [(old[-1] - 30, old[-1] + 30)]
    theta = minimize(loss, old, jac=True, bounds=bounds, method="L-BFGS-B").x
    weights = before.weights | dict(zip(cases.names, map(float, theta[:-1]), strict=True))
    return _moved(before, bias=float(theta[-1]), temperature=before.temperature).model_copy(update={"weights": weights})


def _chosen(problem: FusionProblem) -> np.ndarray:
    chosen_QA = np.zeros(problem.active_QA.shape)
    known = np.flatnonzero(problem.truth_Q != WORLD)
    chosen_QA[known, problem.truth_Q[known]] = 1
    return chosen_QA


def _log_loss(
    score_QA: np.ndarray, truth_Q: np.ndarray, weight_Q: np.ndarray, chosen_QA: np.ndarray, unknown_prior: float
) -> tuple[float, np.ndarray]:
    """The weighted log loss, nats, and its slope over the scores (Q, A)."""
    log_p_QA, log_world_Q = log_posterior(score_QA, unknown_prior=unknown_prior)
    log_truth_Q = np.where(truth_Q == WORLD, log_world_Q, log_p_QA[np.arange(len(score_QA)), truth_Q])
    return float(-(weight_Q * log_truth_Q).sum()), (np.exp(log_p_QA) - chosen_QA) * weight_Q[:, None]


def with_limits(
    predictor: Predictor, pattern: Pattern, draft: PatternSpec, cases: Cases, *, config: CalibrationConfig
) -> tuple[PatternSpec, set[str]]:
    """The thresholds on these cases, and which of them are the photographs' own."""
    num, weight_N = len(cases.examples), cases.weight_N
    score_QA = cases.raw(draft) + draft.bias
    genuine_N = score_QA[np.arange(num), [e.truth for e in cases.examples]]
    inside, own_set = lower_limit(
        genuine_N, weight_N, before=draft.set_threshold, rate=1 - predictor.recogniser.spec.promised_coverage
    )
    judge = Judge(predictor.gallery, cases.examples, typed_imprint="imprint" in pattern.typed,
                  unknown_prior=predictor.recogniser.spec.unknown_prior)  # fmt: skip
    said = Said(
        judge.verdicts(score_QA[:num], temperature=draft.temperature),
        judge.verdicts(score_QA[num:], temperature=draft.temperature),
        weight_N,
        num_active=predictor.gallery.num_active,
        unknown_rate=config.unknown_error / (1 if draft.spelled is None else 2),
    )
    other, own = said.limits(draft.limits(spelled=False), spelled=False, config=config)
    changes = {"set_threshold": inside, **other.model_dump()}
    if draft.spelled is not None:
        changes["spelled"], own_spelled = said.limits(draft.spelled, spelled=True, config=config)
        own |= own_spelled
    return draft.model_copy(update=changes), own | ({"set_threshold"} if own_set else set())


@dataclass(frozen=True)
class Said:
    """Verdicts with each pill in the gallery and without; `weight_N` counts each appearance once."""

    known: Verdicts
    foreign: Verdicts
    weight_N: np.ndarray
    num_active: int
    unknown_rate: float

    def limits(
        self, before: StatusLimits, *, spelled: bool, config: CalibrationConfig
    ) -> tuple[StatusLimits, set[str]]:
        """The uncertainty limit of the answers above the old line, then the line under that limit."""
        safe, own_safe = self._safe(before, spelled=spelled, config=config)
        line, own_line = self._line(before, safe, spelled=spelled)
        named = {"identified_uncertainty": own_safe, "unknown_threshold": own_line}
        limits = StatusLimits(identified_uncertainty=safe, unknown_threshold=line)
        return limits, {name for name, is_own in named.items() if is_own}

    def _safe(self, before: StatusLimits, *, spelled: bool, config: CalibrationConfig) -> tuple[float, bool]:
        known = self.known.among(self.known.spelled_N == spelled)
        answered = np.flatnonzero(known.best_N >= before.unknown_limit(self.num_active))
        if len(answered) == 0:
            return before.identified_uncertainty, False
        safe, own = risk_limit(known.uncertainty_N[answered], known.wrong_N[answered].astype(float),
                               self.weight_N[answered], before=before.identified_uncertainty,
                               rate=config.identified_error)  # fmt: skip
        return float(np.clip(safe, 0, config.largest_uncertainty)), own

    def _line(self, before: StatusLimits, safe: float, *, spelled: bool) -> tuple[ScoreBySize, bool]:
        """The line raised or lowered to fit this gallery; how it grows with the gallery stays."""
        nameable_N = (self.foreign.spelled_N == spelled) & (self.foreign.uncertainty_N <= safe)
        best_N = np.where(nameable_N, self.foreign.best_N, _NO_SCORE)
        old = before.unknown_limit(self.num_active)
        limit, own = lower_limit(-best_N, self.weight_N, before=-old, rate=self.unknown_rate)
        found = max(float(-limit), float(self.foreign.best_N.min())) + _PAST
        return _raised(before.unknown_threshold, found - old), own


def needs(config: CalibrationConfig) -> dict[str, int]:
    """Appearances that the fitting half must show before each part becomes the photographs' own."""
    limits = {
        "set_threshold": cases_needed(1 - config.promised_coverage),
        "unknown_threshold": cases_needed(config.unknown_error),
        "identified_uncertainty": cases_needed(config.identified_error),
    }
    return limits | {"weights": max(limits.values())}
