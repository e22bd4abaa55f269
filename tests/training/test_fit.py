"""The estimators behind a recogniser, on data whose truth is known."""

import numpy as np
import pytest

from bentos.runtime.fuse import posterior
from training.fit import (
    WORLD,
    FusionProblem,
    conformal_threshold,
    fit_fusion,
    fit_log_ratio,
    fit_temperature,
    log_posterior,
    risk_threshold,
)


def problem(rng, *, num=600, num_candidates=24, informative=(True, True, False)):
    """Unit-variance cues: log ratio of N(2, 1) against N(0, 1) where informative, noise elsewhere."""
    truth = rng.integers(num_candidates, size=num)
    score = rng.normal(size=(num, num_candidates, len(informative)))
    score[np.arange(num), truth] += 2 * np.array(informative)
    active = np.ones((num, num_candidates), bool)
    unknown = np.arange(num) % 10 == 0
    active[unknown, truth[unknown]] = False
    truth = np.where(unknown, WORLD, truth)
    return FusionProblem(2 * score - 2, active, truth, np.full(num, 1 / num))


def test_the_log_ratio_of_two_gaussians_is_found():
    rng = np.random.default_rng(0)
    spec = fit_log_ratio(rng.normal(2, 1, 20_000), rng.normal(0, 1, 20_000))
    assert spec.slope == pytest.approx(2, rel=0.05)
    assert spec.intercept == pytest.approx(-2, rel=0.05)


def test_fusion_trusts_informative_cues_and_drops_noise():
    weights, bias = fit_fusion(problem(np.random.default_rng(1)), unknown_prior=0.1)
    assert weights[:2] == pytest.approx([1, 1], abs=0.2)
    assert weights[2] < 0.15
    assert bias == pytest.approx(0, abs=1.5)


def test_training_and_runtime_use_the_same_posterior():
    score = np.random.default_rng(2).normal(size=(5, 7))
    score[0, 3:] = -np.inf
    log_p, log_world = log_posterior(score, unknown_prior=0.2)
    for row in range(5):
        p, unknown = posterior(score[row], unknown_prior=0.2)
        assert np.exp(log_p[row]) == pytest.approx(p)
        assert np.exp(log_world[row]) == pytest.approx(unknown)
        assert p.sum() + unknown == pytest.approx(1)


def test_temperature_repairs_overconfidence():
    data = problem(np.random.default_rng(3), informative=(True,))
    score = np.where(data.active_QA, data.cues_QAC[..., 0], -np.inf)
    honest = fit_temperature(score, data.truth_Q, data.weight_Q, unknown_prior=0.1)
    tripled = fit_temperature(score * 3, data.truth_Q, data.weight_Q, unknown_prior=0.1)
    assert tripled == pytest.approx(3 * honest, rel=0.02)


def test_a_conformal_threshold_keeps_its_coverage_on_new_pairs():
    rng = np.random.default_rng(4)
    covered = [
        (rng.normal(size=2000) >= conformal_threshold(rng.normal(size=200), coverage=0.9)).mean() for _ in range(200)
    ]
    assert 0.895 <= np.mean(covered) <= 0.92


def test_too_few_pairs_promise_coverage_by_letting_everything_in():
    assert conformal_threshold(np.array([1.0, 2.0]), coverage=0.95) < -1e8


def test_the_risk_threshold_stops_before_errors_pass_the_limit():
    uncertainty = np.linspace(0, 1, 1000)
    wrong = uncertainty > 0.5
    limit = risk_threshold(uncertainty, wrong, max_error=0.01)
    assert wrong[uncertainty <= limit].mean() <= 0.01
    assert 0.45 < limit < 0.52


def test_nothing_is_identified_where_no_limit_is_safe():
    assert risk_threshold(np.linspace(0, 1, 50), np.ones(50, bool), max_error=0.01) == 0.0
