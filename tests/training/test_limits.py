"""Limits on `identified`: both promises hold together, and whole imprints have limits of their own."""

import numpy as np
import pytest

from bentos.runtime.limits import StatusLimits
from training.calibration_config import CalibrationConfig
from training.limits import Verdicts, group_limits, score_limits

CONFIG = CalibrationConfig()


def verdicts(uncertainty, best, wrong=False, spelled=False) -> Verdicts:
    num = len(best)
    flags = [np.broadcast_to(np.asarray(value, bool), num).copy() for value in (wrong, spelled)]
    return Verdicts(np.broadcast_to(np.asarray(uncertainty, float), num).copy(), np.asarray(best, float), *flags)


def everyone(said: Verdicts) -> np.ndarray:
    return np.ones(len(said.best_N), bool)


def passing(said: Verdicts, limits, *, size: int) -> np.ndarray:
    line = limits.unknown_limit(size)
    return (said.uncertainty_N <= limits.identified_uncertainty) & (said.best_N >= line)


def test_an_unknown_pill_that_leaves_several_candidates_open_needs_no_score_limit():
    known, foreign = verdicts(0.01, np.full(400, 5.0)), verdicts(0.5, np.full(400, 8.0))
    limits = group_limits(known, {100: foreign}, everyone, rate=0.01, config=CONFIG)
    assert passing(known, limits, size=100).all()
    assert not passing(foreign, limits, size=100).any()


def test_few_unknown_pills_pass_and_few_answers_are_wrong():
    rng = np.random.default_rng(0)
    sure = rng.random(4000) ** 2 * 0.3
    known = verdicts(sure, rng.normal(8, 3, 4000), wrong=rng.random(4000) < sure / 4)
    foreign = verdicts(rng.random(4000) * 0.3, rng.normal(4, 3, 4000))
    limits = group_limits(known, {100: foreign}, everyone, rate=0.01, config=CONFIG)
    said = passing(known, limits, size=100)
    assert said.mean() > 0.1
    assert known.wrong_N[said].mean() <= CONFIG.identified_error
    assert passing(foreign, limits, size=100).mean() <= 0.01


def test_it_is_never_said_above_the_largest_uncertainty_however_right_it_was():
    known, foreign = verdicts(np.linspace(0, 1, 5000), np.full(5000, 9.0)), verdicts(0.0, np.full(500, -9.0))
    limits = group_limits(known, {100: foreign}, everyone, rate=0.01, config=CONFIG)
    assert limits.identified_uncertainty == CONFIG.largest_uncertainty


def test_it_is_never_said_where_nothing_is_safe():
    known, foreign = verdicts(0.05, np.full(500, 9.0), wrong=True), verdicts(0.9, np.full(500, 0.0))
    limits = group_limits(known, {100: foreign}, everyone, rate=0.01, config=CONFIG)
    assert limits.identified_uncertainty == 0


def test_another_groups_answers_neither_pass_nor_count():
    spelled = np.arange(600) % 2 == 0
    known = verdicts(0.02, np.full(600, 9.0), wrong=~spelled, spelled=spelled)
    foreign = verdicts(0.02, np.where(spelled, -5.0, 20.0), spelled=spelled)
    whole = group_limits(known, {100: foreign}, lambda said: said.spelled_N, rate=0.01, config=CONFIG)
    other = group_limits(known, {100: foreign}, lambda said: ~said.spelled_N, rate=0.01, config=CONFIG)
    assert passing(known.among(spelled), whole, size=100).sum() == 300
    assert other.identified_uncertainty == 0


@pytest.mark.parametrize("heights", [(1, 2, 3), (3, 1, 2), (2, 5, 1)])
def test_the_limit_of_every_size_lets_few_unknown_pills_pass_and_no_more_are_refused_than_needed(heights):
    foreign = {size: verdicts(0.0, np.linspace(0, top, 1000))
               for size, top in zip((16, 256, 4096), heights, strict=True)}  # fmt: skip
    limits = StatusLimits(identified_uncertainty=0.5, unknown_threshold=score_limits(foreign, 0.5, rate=0.01))
    for size, said in foreign.items():
        assert 0.008 <= np.mean(said.best_N >= limits.unknown_limit(size)) <= 0.01


def test_a_size_that_needs_no_limit_has_that_of_its_neighbours():
    unsure = verdicts(0.9, np.full(1000, 50.0))
    foreign = {16: unsure, 64: verdicts(0.0, np.linspace(0, 4, 1000)), 256: unsure, 1024: verdicts(0.0, np.zeros(1000))}
    points = dict(score_limits(foreign, 0.5, rate=0.01))
    assert points[16] == points[64] == points[256] == pytest.approx(3.96, abs=0.01)
    assert points[1024] == pytest.approx(0, abs=0.01)
    assert score_limits({16: unsure}, 0.5, rate=0.01)[0][1] < -1e5


def test_the_limit_follows_a_line_in_log_size_between_its_points_and_rises_on_beyond_them():
    limits = StatusLimits(identified_uncertainty=0.1, unknown_threshold=((10, 2.0), (100, 6.0), (1000, 7.0)))
    assert [limits.unknown_limit(size) for size in (1, 10, 100, 1000)] == [2.0, 2.0, 6.0, 7.0]
    assert limits.unknown_limit(32) == pytest.approx(4.0, abs=0.05)
    assert limits.unknown_limit(10_000) == pytest.approx(9.5)
    falling = limits.model_copy(update={"unknown_threshold": ((10, 2.0), (100, 1.0))})
    assert falling.unknown_limit(1000) == 1.0
    assert limits.model_copy(update={"unknown_threshold": ((7, 3.0),)}).unknown_limit(70) == 3.0
