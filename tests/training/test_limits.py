"""Limits on `identified`: both promises hold together, and whole imprints have limits of their own."""

import numpy as np
import pytest

from training.calibration_config import CalibrationConfig
from training.limits import Verdicts, group_limits, score_line

CONFIG = CalibrationConfig()


def verdicts(uncertainty, best, wrong=False, spelled=False) -> Verdicts:
    num = len(best)
    flags = [np.broadcast_to(np.asarray(value, bool), num).copy() for value in (wrong, spelled)]
    return Verdicts(np.broadcast_to(np.asarray(uncertainty, float), num).copy(), np.asarray(best, float), *flags)


def everyone(said: Verdicts) -> np.ndarray:
    return np.ones(len(said.best_N), bool)


def passing(said: Verdicts, limits, *, size: int) -> np.ndarray:
    line = limits.unknown_threshold[0] + limits.unknown_threshold[1] * np.log(size)
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
def test_the_line_lies_on_or_above_the_limit_of_every_size(heights):
    foreign = {size: verdicts(0.0, np.linspace(0, top, 1000))
               for size, top in zip((16, 256, 4096), heights, strict=True)}  # fmt: skip
    intercept, slope = score_line(foreign, 0.5, rate=0.01)
    assert slope >= 0
    for size, said in foreign.items():
        assert np.mean(said.best_N >= intercept + slope * np.log(size)) <= 0.01
