"""A cue keeps a weight only where it helps with looks that it was not weighed on."""

import numpy as np

from training.fit import WORLD, FusionProblem
from training.useful import useful_cues

NUM_A, PER_LOOK = 20, 2


def problem(*, num_looks: int = 30, seed: int = 0) -> tuple[list[str], FusionProblem, list[str]]:
    """A weak given cue, one that tells something new, one that repeats the given one, and one of noise."""
    rng = np.random.default_rng(seed)
    num = num_looks * PER_LOOK
    truth_Q = rng.integers(0, NUM_A, size=num)
    right_QA = np.eye(NUM_A)[truth_Q]
    given_QA, new_QA = (2.0 * right_QA - 0.5 + rng.normal(size=right_QA.shape) for _ in range(2))
    cues_QAC = np.stack([given_QA, new_QA, given_QA, rng.normal(size=right_QA.shape)], axis=2)
    found = FusionProblem(
        cues_QAC=np.concatenate([cues_QAC, cues_QAC]),
        active_QA=np.concatenate([np.ones_like(right_QA, bool), right_QA == 0]),
        truth_Q=np.concatenate([truth_Q, np.full(num, WORLD)]),
        weight_Q=np.repeat([0.9 / num, 0.1 / num], num),
    )
    return ["given", "new", "repeated", "noise"], found, [f"look{q // PER_LOOK}" for q in range(num)] * 2


def test_what_tells_something_new_is_kept_and_repetition_and_noise_are_dropped() -> None:
    names, found, looks = problem()
    assert useful_cues(names, found, looks, optional=names[1:], unknown_prior=0.1) == ("new",)


def test_with_a_single_look_nothing_can_be_shown_and_nothing_is_kept() -> None:
    names, found, looks = problem(num_looks=1)
    assert useful_cues(names, found, looks, optional=names[1:], unknown_prior=0.1) == ()
