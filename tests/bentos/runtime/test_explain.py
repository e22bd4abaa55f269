"""The explanation: shares that sum to the score, a sentence, the reference pictures that matched."""

import pytest

from bentos.runtime.answer import PillMetadata
from bentos.runtime.explain import in_words
from bentos.runtime.predictor import Predictor
from tests.builders import jpeg, pattern_spec, recogniser_spec, tiny_bundle, tiny_catalogue, tiny_picture

BIAS = -1.25


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    patterns = {key: pattern_spec(bias=BIAS) for key in recogniser_spec().patterns}
    return Predictor.from_bundle(tiny_bundle(tmp_path_factory.mktemp("bundle"), patterns=patterns))


def photo(number: int, side: str = "front") -> bytes:
    return jpeg(tiny_picture(tiny_catalogue()[number], side=side))


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("typed", [{}, {"imprint": "A2", "size_mm": 9}, {"color": "white", "shape": "round"}])
def test_cues_and_base_sum_to_the_score_and_the_lead(predictor, number, typed):
    pill = predictor.identify([photo(number)], metadata=PillMetadata(**typed)).pills[0]
    why, (first, second, *_) = pill.explanation, pill.alternatives
    assert why.base == BIAS
    assert sum(why.cues.values()) + why.base == pytest.approx(first.score, abs=1e-3)
    assert sum(why.against_runner_up.values()) == pytest.approx(first.score - second.score, abs=1e-3)


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [
        ({"read_imprint": 3.0, "color_histogram": 1.0, "shape_ratio": -2.0},
         "The imprint in the picture and the colour in the picture speak for X rather than Y; "
         "the outline in the picture speaks for Y."),
        ({"fast": 0.4, "accurate": 0.3}, "The picture as a whole speaks for X rather than Y."),
        ({"imprint": 0.1, "size": -0.2}, "Nothing clearly speaks for X rather than Y."),
        ({"size": -2.0, "typed_color": -1.0}, "The size given and the typed colour speak for Y."),
    ],
)  # fmt: skip
def test_the_sentence_names_what_speaks_for_either(shares, sentence):
    assert in_words(shares, first="X", second="Y") == sentence


def test_alone_in_a_gallery_a_cue_speaks_for_or_against(predictor):
    shares = {"fast": 2.0, "shape_ratio": -1.0}
    assert in_words(shares, first="X") == (
        "The picture as a whole speaks for X; the outline in the picture speaks against it."
    )
    alone = predictor.with_gallery(predictor.gallery.subset([predictor.gallery.appearances[0].appearance_id]))
    assert "rather than" not in alone.identify([photo(0)]).pills[0].explanation.words


def test_the_sentence_names_both_medications(predictor):
    pill = predictor.identify([photo(1)], metadata=PillMetadata(imprint="A2 TEST")).pills[0]
    assert tiny_catalogue()[1].ndc11 in pill.explanation.words
    assert "typed imprint" in pill.explanation.words


@pytest.mark.parametrize("sides", [("front",), ("back",), ("front", "back"), ("back", "front")])
def test_each_photograph_names_the_reference_picture_it_matched(predictor, sides):
    pill = predictor.identify([photo(2, side) for side in sides]).pills[0]
    found = [(view.picture, view.medication_id, view.side) for view in pill.explanation.matched]
    assert found == [(i, tiny_catalogue()[2].medication_id, side) for i, side in enumerate(sides)]
    digests = {view.picture_digest for view in predictor.gallery.spec.views}
    assert all(view.picture_digest in digests for view in pill.explanation.matched)


def test_what_is_not_identified_asks_for_one_thing_in_words_and_as_a_record(predictor):
    pill = predictor.identify([photo(0)], metadata=PillMetadata(imprint="A2 TEST")).pills[0]
    assert pill.ask is not None
    assert pill.next == pill.ask.sentence
    assert pill.ask.question == "imprint"


def test_what_is_identified_asks_for_nothing(predictor):
    pill = predictor.identify([photo(3)], metadata=PillMetadata(imprint="A4 TEST", color="green")).pills[0]
    assert (pill.status, pill.next, pill.ask) == ("identified", None, None)


def test_an_empty_gallery_explains_nothing(predictor):
    pill = predictor.with_gallery(predictor.gallery.subset([])).identify([photo(0)]).pills[0]
    assert (pill.explanation.cues, pill.explanation.words, pill.explanation.matched) == ({}, "", ())
    assert pill.ask.question == "pharmacist"
