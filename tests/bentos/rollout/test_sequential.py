"""The interval of a difference may be looked at all the time: simulated, since its theory is for large numbers."""

import math

import numpy as np
import pytest

from bentos.rollout.sequential import (
    LOG_SCALE,
    PROPORTION_SCALE,
    Moments,
    always_valid_p,
    difference,
    mixture_radius,
    moments_of,
)

PROPORTION = (0.0, 1.0)


def watched(rng: np.random.Generator, *, rates: tuple[float, float], share: float, num: int, alpha: float) -> bool:
    """Whether an experiment that is looked at after every tenth answer is ever called different."""
    mine = rng.random(num) < share
    seen = rng.random(num) < np.where(mine, rates[0], rates[1])
    arms = {True: Moments(prior=PROPORTION), False: Moments(prior=PROPORTION)}
    for i, (arm, value) in enumerate(zip(mine, seen, strict=True)):
        arms[bool(arm)].add(float(value))
        if i % 10 or min(arms[True].num, arms[False].num) < 20:
            continue
        found = difference(arms[True], arms[False], alpha=alpha, scale=PROPORTION_SCALE)
        if found.low > 0 or found.high < 0:
            return True
    return False


@pytest.mark.parametrize(("rate", "share"), [(0.02, 0.1), (0.3, 0.1), (0.5, 0.5), (0.9, 0.02)])
def test_equal_variants_are_seldom_called_different_however_often_one_looks(rate: float, share: float) -> None:
    rng = np.random.default_rng(1)
    alarms = sum(watched(rng, rates=(rate, rate), share=share, num=1500, alpha=0.05) for _ in range(120))
    assert alarms / 120 <= 0.05


def test_a_real_difference_is_found() -> None:
    rng = np.random.default_rng(2)
    assert all(watched(rng, rates=(0.6, 0.3), share=0.2, num=1500, alpha=0.05) for _ in range(20))


def test_sessions_count_as_one_draw_each() -> None:
    """A hundred answers of one session tell less than a hundred of a hundred sessions."""
    values = [float(i % 10 < 5) for i in range(100)]
    apart = moments_of(((value, None) for value in values), prior=PROPORTION)
    named = moments_of(((value, f"s{i}") for i, value in enumerate(values)), prior=PROPORTION)
    together = moments_of(((value, f"s{value}") for value in values), prior=PROPORTION)
    assert named.variance_of_mean == pytest.approx(apart.variance_of_mean)
    assert together.mean == apart.mean
    assert together.variance_of_mean > 10 * apart.variance_of_mean


def test_moments_are_those_of_the_textbook() -> None:
    values = np.random.default_rng(0).normal(3, 2, 500)
    found = moments_of((value, None) for value in values)
    assert found.mean == pytest.approx(values.mean())
    assert found.variance_of_mean == pytest.approx(values.var() / 500)


def test_p_and_interval_agree() -> None:
    for estimate, variance in ((0.3, 0.004), (0.05, 0.001), (0.2, 0.03)):
        p = always_valid_p(estimate, variance=variance, scale=LOG_SCALE)
        if p < 1:
            assert mixture_radius(variance, alpha=p, scale=LOG_SCALE) == pytest.approx(estimate, rel=1e-6)


def test_nothing_seen_decides_nothing() -> None:
    found = difference(Moments(prior=PROPORTION), Moments(prior=PROPORTION), alpha=0.05, scale=PROPORTION_SCALE)
    assert found.low < 0 < found.high
    assert math.isnan(found.candidate)
    assert mixture_radius(0.0, alpha=0.05, scale=1.0) == math.inf
