"""Promises made on some appearances hold for others, enrolled later: coverage of sets, and the unknown gate.

A promise fitted on n cases holds for new ones with a spread of its own (Vovk 2012): bounds are those of the
beta-binomial law, at one in a thousand.
"""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.stats import betabinom

from bentos.runtime.answer import PillAnswer
from bentos.runtime.predictor import Predictor
from tests.training.worlds import World, make_world, observation_of
from training.calibrate import Pattern, Split, Table, fit_cues, fit_pattern
from training.calibration_config import CalibrationConfig
from training.examples import Example

NUM, NUM_FIT, NUM_CALIBRATE, NUM_LEFT_OUT = 2100, 150, 400, 400
CONFIG = CalibrationConfig()
PATTERNS = {"picture": Pattern(("fast",), (), False), "imprint": Pattern(("fast",), ("imprint",), False)}
RARE = 0.001


@dataclass(frozen=True)
class Fitted:
    """A predictor fitted on some appearances of a world, and photographs of others."""

    world: World
    predictor: Predictor
    left_out: list[Example]

    def answer(self, example: Example, *, question: str, active: np.ndarray | None = None) -> PillAnswer:
        gallery = self.predictor.gallery
        asked = self.predictor if active is None else self.predictor.with_gallery(replace(gallery, active_A=active))
        metadata = example.typed if question == "imprint" else None
        return asked.answer(observation_of(example), metadata=metadata).pills[0]

    def spells(self, typed: str | None, appearance_id: str) -> bool:
        gallery = self.predictor.gallery
        spelled = gallery.index.imprints.spelled_by(typed) if typed else ()
        return appearance_id in {gallery.appearances[a].appearance_id for a in spelled}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    world, rng = make_world(tmp_path_factory.mktemp("world"), num=NUM, seed=11), np.random.default_rng(12)
    parts = np.split(rng.permutation(NUM), np.cumsum([NUM_FIT, NUM_CALIBRATE, NUM_LEFT_OUT]))[:3]
    fit, calibrate, left_out = (world.examples(part, rng=rng) for part in parts)
    predictor = respecified(world.predictor, cues=fit_cues(world.predictor, fit, rng=rng))
    splits = [Split(table, table) for table in (Table(predictor, fit), Table(predictor, calibrate))]
    patterns = {pattern.key: fit_pattern(predictor, pattern, *splits, config=CONFIG, rng=rng)
                for pattern in PATTERNS.values()}  # fmt: skip
    return Fitted(world, respecified(predictor, patterns=patterns), left_out)


def respecified(predictor: Predictor, **changes) -> Predictor:
    spec = predictor.recogniser.spec.model_copy(update=changes)
    return Predictor(replace(predictor.recogniser, spec=spec), predictor.gallery)


@pytest.mark.parametrize("question", PATTERNS)
def test_sets_hold_pills_that_nothing_was_fitted_on_as_often_as_promised(fitted: Fitted, question: str) -> None:
    gallery = fitted.predictor.gallery
    held = sum(
        gallery.appearances[example.truth].medication_ids[0]
        in fitted.answer(example, question=question).prediction_set.medication_ids
        for example in fitted.left_out
    )
    below = int((NUM_CALIBRATE + 1) * (1 - CONFIG.promised_coverage))
    law = betabinom(NUM_LEFT_OUT, NUM_CALIBRATE + 1 - below, below)
    assert law.ppf(RARE) <= held <= law.ppf(1 - RARE)


@pytest.mark.parametrize("size", [64, 512, 2048])
@pytest.mark.parametrize("question", PATTERNS)
def test_unknown_pills_pass_the_gate_no_more_often_than_promised(fitted: Fitted, question: str, size: int) -> None:
    """Each left-out pill against a gallery of others, drawn anew; the line was never fitted at most of these sizes."""
    rng = np.random.default_rng(size)
    passed = sum(_passes(fitted, example, question, size, rng) for example in fitted.left_out)
    above = int(NUM_CALIBRATE * CONFIG.unknown_error) + 1
    law = betabinom(NUM_LEFT_OUT, above, NUM_CALIBRATE + 1 - above)
    assert passed <= law.ppf(1 - RARE)


def _passes(fitted: Fitted, example: Example, question: str, size: int, rng: np.random.Generator) -> bool:
    """Whether a wrong pill is named, or its score alone reaches the line of a gallery of this size."""
    others = np.setdiff1d(rng.permutation(NUM)[: size + 1], [example.truth])[:size]
    answer = fitted.answer(example, question=question, active=np.isin(np.arange(NUM), others))
    pattern = fitted.predictor.recogniser.spec.patterns[PATTERNS[question].key]
    first = answer.alternatives[0]
    limits = pattern.limits(spelled=question == "imprint" and fitted.spells(example.typed.imprint, first.appearance_id))
    above = first.score >= limits.unknown_limit(size)
    return above and answer.uncertainty.total <= limits.identified_uncertainty


def test_identified_is_right_for_pills_that_nothing_was_fitted_on(fitted: Fitted) -> None:
    answers = [(e, fitted.answer(e, question="imprint")) for e in fitted.left_out]
    named = [(e, a) for e, a in answers if a.status == "identified"]
    right = [a.medication.medication_id in fitted.predictor.gallery.appearances[e.truth].medication_ids
             for e, a in named]  # fmt: skip
    assert len(named) > 0.8 * NUM_LEFT_OUT
    assert sum(right) >= betabinom(len(named), NUM_CALIBRATE * 0.99, NUM_CALIBRATE * 0.01 + 1).ppf(RARE)
