"""Weights that are fitted among some candidates, drawn at random, are near those of the whole gallery."""

from pathlib import Path

import numpy as np

from tests.training.worlds import make_world
from training.calibrate import Pattern, Table, drawn_candidates
from training.fit import WORLD, fit_fusion

PRIOR = 0.1
PICTURE = Pattern(("fast",), (), two_sided=False)


def test_among_drawn_candidates_the_right_ones_stay_and_the_weights_are_near(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    world = make_world(tmp_path, num=900, seed=2)
    examples = world.examples(rng.permutation(900)[:150], rng=rng)
    among = drawn_candidates(examples, num_appearances=900, num=200, rng=rng)
    assert {e.truth for e in examples} <= set(among)
    assert 200 <= len(among) <= 350
    assert (np.diff(among) > 0).all()
    names, whole = Table(world.predictor, examples).problem(PICTURE, unknown_prior=PRIOR)
    same, some = Table(world.predictor, examples, among=among).problem(PICTURE, unknown_prior=PRIOR)
    assert same == names
    known = whole.truth_Q != WORLD
    assert (among[some.truth_Q[known]] == whole.truth_Q[known]).all()
    assert np.allclose(some.cues_QAC, whole.cues_QAC[:, among], atol=1e-5)
    assert (some.active_QA == whole.active_QA[:, among]).all()
    weights, near = (fit_fusion(problem, unknown_prior=PRIOR)[0] for problem in (whole, some))
    assert np.allclose(near, weights, atol=0.1)
