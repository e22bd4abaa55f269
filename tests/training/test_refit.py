"""Refitting to a site: few photographs move little, many move to the truth, and limits move only on proof."""

import numpy as np
import pytest

from bentos.runtime.predictor import Predictor
from tests.builders import pattern_spec, tiny_bundle
from training.calibrate import Pattern
from training.calibration_config import CalibrationConfig
from training.evidence_needed import cases_needed, lower_limit, risk_limit, shown_above, weight_by_look
from training.examples import Example
from training.fit import WORLD, FusionProblem
from training.limits import Judge
from training.refit import Cases, needs, rescaled, reweighted, with_limits

PRIOR = 0.1
TRUE_SCALE, TRUE_BIAS = 0.5, -2.0


def simulated(num: int, *, seed: int = 0, num_candidates: int = 30) -> Cases:
    """Two cues; in truth the first counts half and the second nothing, and both are two nats too high together."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(num_candidates, size=num)
    sd = 2.0
    ratio_NA = rng.normal(-(sd**2) / 2, sd, size=(num, num_candidates))
    ratio_NA[np.arange(num), truth] = rng.normal(sd**2 / 2, sd, size=num)
    first_NA = (ratio_NA - TRUE_BIAS) / TRUE_SCALE
    cues_NAC = np.stack([first_NA, rng.normal(0, 1, size=first_NA.shape)], axis=2)
    active_NA = np.ones((num, num_candidates), bool)
    without_NA = active_NA.copy()
    without_NA[np.arange(num), truth] = False
    problem = FusionProblem(
        cues_QAC=np.concatenate([cues_NAC, cues_NAC]),
        active_QA=np.concatenate([active_NA, without_NA]),
        truth_Q=np.concatenate([truth, np.full(num, WORLD)]),
        weight_Q=np.full(2 * num, 0.5 / num),
    )
    examples = [Example((), int(t), f"look{n}", True, None) for n, t in enumerate(truth)]
    return Cases(["fast", "accurate"], problem, examples, np.ones(num))


BEFORE = pattern_spec(weights={"fast": 1.0, "accurate": 0.0})


@pytest.mark.parametrize(("num", "low", "high"), [(1, 1.0, 1.35), (20, 1.2, 2.2), (600, 1.8, 2.2)])
def test_the_more_photographs_the_nearer_the_temperature_comes_to_the_sites_own(
    num: int, low: float, high: float
) -> None:
    temperatures = [rescaled(BEFORE, simulated(num, seed=seed), unknown_prior=PRIOR)[1] for seed in range(8)]
    assert low <= np.mean(temperatures) <= high


def test_twenty_photographs_at_random_do_not_wreck_a_calibration_that_is_right() -> None:
    right = BEFORE.model_copy(update={"weights": {"fast": TRUE_SCALE, "accurate": 0.0}, "bias": TRUE_BIAS})
    for seed in range(10):
        bias, temperature = rescaled(right, simulated(20, seed=seed), unknown_prior=PRIOR)
        assert abs(bias - TRUE_BIAS) < 1.2
        assert 0.65 < temperature < 1.55


def test_ten_photographs_of_one_pill_count_as_one_pill() -> None:
    one = simulated(10)
    same = Cases(one.names, one.problem, one.examples, np.full(10, 0.1))
    apart, together = (rescaled(BEFORE, cases, unknown_prior=PRIOR)[1] for cases in (one, same))
    assert 1 < together < apart


def test_weights_find_the_cue_that_counts_and_drop_the_one_that_does_not() -> None:
    before = pattern_spec(weights={"fast": 0.6, "accurate": 0.4})
    weights = reweighted(before, simulated(500), unknown_prior=PRIOR).weights
    assert weights["fast"] == pytest.approx(TRUE_SCALE, abs=0.12)
    assert weights["accurate"] < 0.15


def test_a_promise_needs_as_many_pills_as_the_binomial_says() -> None:
    assert [cases_needed(rate) for rate in (0.05, 0.02, 0.015, 0.01)] == [59, 149, 199, 299]
    assert needs(CalibrationConfig()) == {
        "set_threshold": 59, "unknown_threshold": 199, "identified_uncertainty": 299, "weights": 299,
    }  # fmt: skip
    assert not shown_above(1, 20, rate=0.01)
    assert shown_above(2, 20, rate=0.01)


@pytest.mark.parametrize("num", [59, 200, 1000])
def test_a_limit_of_the_sites_own_keeps_its_rate_for_new_pills_nineteen_times_in_twenty(num: int) -> None:
    rng = np.random.default_rng(num)
    beyond = []
    for _ in range(300):
        limit, own = lower_limit(rng.random(num), np.ones(num), before=0.0, rate=0.05)
        assert own
        beyond.append(limit)
    assert np.mean(np.array(beyond) <= 0.05) >= 0.92


def test_with_too_few_the_old_limit_stays_unless_it_is_contradicted() -> None:
    score = np.linspace(0, 1, 40)
    assert lower_limit(score, np.ones(40), before=-3.0, rate=0.05) == (-3.0, False)
    assert lower_limit(score, np.ones(40), before=0.02, rate=0.05) == (0.02, False)
    limit, own = lower_limit(score, np.ones(40), before=0.9, rate=0.05)
    assert not own
    assert 0.0 < limit < 0.2


def test_identified_is_said_more_only_after_three_hundred_right_answers() -> None:
    risk = np.linspace(0, 0.2, 400)
    right, one = np.zeros(400), np.ones(400)
    assert risk_limit(risk[:200], right[:200], one[:200], before=0.05, rate=0.01) == (0.05, False)
    assert risk_limit(risk, right, one, before=0.05, rate=0.01) == (pytest.approx(0.2), True)
    wrong = (np.arange(200) % 10 == 9).astype(float)
    limit, own = risk_limit(risk[:200], wrong, one[:200], before=0.05, rate=0.01)
    assert (limit < 0.02, own) == (True, False)


def test_weights_of_photographs_sum_to_the_number_of_pills() -> None:
    weight = weight_by_look(["a", "b", "a", "a"])
    assert weight.tolist() == [pytest.approx(1 / 3), 1, pytest.approx(1 / 3), pytest.approx(1 / 3)]


def test_a_set_threshold_moves_with_the_bias_so_that_the_sets_stay_the_same(tmp_path) -> None:
    """On four hundred pills the sets' coverage is the site's own, whatever the bias did."""
    predictor = Predictor.from_bundle(tiny_bundle(tmp_path))
    cases = simulated(400, num_candidates=len(predictor.gallery.appearances))
    spec, own = with_limits(predictor, Pattern(("fast",), (), False), BEFORE, cases, config=CalibrationConfig())
    score_QA = cases.raw(spec) + spec.bias
    genuine = score_QA[np.arange(400), [e.truth for e in cases.examples]]
    assert {"set_threshold", "unknown_threshold"} <= own
    assert 0.95 <= np.mean(genuine >= spec.set_threshold) <= 0.995
    line = spec.limits(spelled=False).unknown_limit(predictor.gallery.num_active)
    judge = Judge(predictor.gallery, cases.examples, typed_imprint=False, unknown_prior=PRIOR)
    foreign = judge.verdicts(score_QA[400:], temperature=spec.temperature)
    assert np.mean((foreign.best_N >= line) & (foreign.uncertainty_N <= spec.identified_uncertainty)) <= 0.02
