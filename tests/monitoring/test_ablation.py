"""Ablations: what leaving a cue out does to the ranking, and which ones there are."""

import pytest

from bentos.runtime.predictor import Predictor
from monitoring.ablation import ablate, variants, without
from monitoring.gallery_sizes import seen_photographs
from tests.monitoring.conftest import Scene


@pytest.fixture(scope="module")
def predictor(scene: Scene) -> Predictor:
    return Predictor.from_bundle(scene.bundle)


def test_every_cue_of_the_picture_is_left_out_once() -> None:
    found = variants(("fast", "accurate"), has_reader=True)
    assert found["everything"] == frozenset()
    assert found["the reader alone"] == {"fast", "accurate", "color_histogram", "shape_ratio", "texture"}
    assert found["the encoders alone"] & {"fast", "accurate"} == set()
    assert "without the reader" not in variants(("fast",), has_reader=False)


def test_a_cue_that_is_left_out_has_no_share_in_the_answer(predictor: Predictor, scene: Scene) -> None:
    seen = seen_photographs(predictor, scene.photos)[0]
    shares = without(predictor, frozenset({"color_histogram"})).answer(seen.observation).pills[0].explanation.cues
    assert shares["color_histogram"] == 0
    assert any(share != 0 for name, share in shares.items() if name != "color_histogram")
    assert predictor.answer(seen.observation).pills[0].explanation.cues["color_histogram"] != 0


def test_the_whole_ranks_as_the_predictor_itself_does(predictor: Predictor, scene: Scene) -> None:
    seen = seen_photographs(predictor, scene.photos)
    found = ablate(predictor, seen)
    first = [predictor.rank(one.observation)[0][0] in one.truth.appearance_ids for one in seen]
    assert found["everything"]["top1"]["value"] == pytest.approx(sum(first) / len(first), abs=1e-6)
    assert set(found) == set(variants(tuple(predictor.recogniser.members), has_reader=False))
