"""Attribute maps learn what photographs show, carry over to pills they never saw, and become cues of a recogniser."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bentos.runtime.answer import PillMetadata
from bentos.runtime.attributes import ATTRIBUTE_CUES, NUM_OUTPUTS
from bentos.runtime.enrol import build_gallery
from bentos.runtime.gallery import Gallery
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from bentos.runtime.spl import COLORS, SHAPES
from tests.builders import NOW
from tests.training.test_recogniser import CATALOGUE, assemble, make_dataset, new_photos, references, write_photo
from training.attributes import fit_linear, photographs_to_fit


def targets(color_N: np.ndarray, shape_N: np.ndarray) -> np.ndarray:
    truth_NK = np.zeros((len(color_N), NUM_OUTPUTS))
    truth_NK[np.arange(len(color_N)), color_N] = 1
    truth_NK[np.arange(len(color_N)), len(COLORS) + shape_N] = 1
    truth_NK[:, -1] = np.nan
    return truth_NK


@pytest.mark.parametrize("num_shapes", [1, 2, 3])
def test_colours_and_shapes_are_learnt_and_what_never_varies_is_told_by_its_rate(num_shapes: int) -> None:
    rng = np.random.default_rng(0)
    color_N, shape_N = rng.integers(0, 4, size=300), rng.integers(0, num_shapes, size=300)
    input_NX = np.concatenate([np.eye(4)[color_N], np.eye(3)[shape_N], rng.normal(size=(300, 5))], axis=1)
    linear = fit_linear(input_NX, targets(color_N, shape_N))
    logit_NK = input_NX @ linear.weight_KX.T + linear.bias_K
    assert (logit_NK[:, :4].argmax(axis=1) == color_N).all()
    shapes = slice(len(COLORS), len(COLORS) + len(SHAPES))
    assert (logit_NK[:, shapes].argmax(axis=1) == shape_N).all()
    assert (linear.rate_K[shapes] > 0).sum() == num_shapes
    assert not linear.weight_KX[-2:].any()
    assert 0 < linear.rate_K[-2] < 0.01


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    home, out = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("gallery")
    rng = np.random.default_rng(7)
    rows = [
        write_photo(home, item, side=side, split="train", role="seen", number=n, rng=rng)
        for i, item in enumerate(CATALOGUE)
        for side in ("front", "back")
        for n in range(3)
    ]
    recogniser = Recogniser.load(assemble(home, pd.concat([make_dataset(home), pd.DataFrame(rows)]), names=("fast",)))
    build_gallery(recogniser, medications=CATALOGUE, references=references(), out=out, name="g", now=NOW)
    return Predictor(recogniser, Gallery.load(out, recogniser=recogniser))


def test_a_recogniser_with_train_photographs_weighs_attributes_and_says_what_it_sees(predictor) -> None:
    spec = predictor.recogniser.spec
    assert spec.attributes.file in spec.files
    looked_at = [pattern for key, pattern in spec.patterns.items() if key.startswith("fast")]
    assert all(set(ATTRIBUTE_CUES) & pattern.weights.keys() == set(spec.attributes.cues) for pattern in looked_at)
    found = []
    for item, data in new_photos():
        pill = predictor.identify([data]).pills[0]
        found.append(max(pill.seen.colors, key=pill.seen.colors.get) == item.colors[0])
        assert list(pill.seen.shapes) == ["ROUND"]
        assert set(ATTRIBUTE_CUES) & pill.explanation.cues.keys() == set(spec.attributes.cues)
    assert np.mean(found) >= 0.9


def weighing_all(predictor: Predictor, gallery: Gallery) -> Predictor:
    heads = predictor.recogniser.attributes
    weighed = replace(heads, spec=heads.spec.model_copy(update={"cues": ATTRIBUTE_CUES}))
    return Predictor(replace(predictor.recogniser, attributes=weighed), gallery)


def test_another_pill_in_the_gallery_leaves_the_attributes_of_all_others_as_they_were(predictor, tmp_path) -> None:
    build_gallery(predictor.recogniser, medications=CATALOGUE[:6], references=list(references())[:12],
                  out=tmp_path, name="half", now=NOW)  # fmt: skip
    both = [weighing_all(predictor, gallery) for gallery in (Gallery.load(tmp_path), predictor.gallery)]
    for _, data in list(new_photos())[:4]:
        half, whole = [
            one.collect(one.observe([data]).pills[0].sides, members=("fast",), metadata=PillMetadata()).cues
            for one in both
        ]
        numbers = [predictor.gallery.appearances.index(a) for a in both[0].gallery.appearances]
        for name in ATTRIBUTE_CUES:
            assert whole[name][numbers] == pytest.approx(half[name], abs=1e-9)
        assert np.abs(half["seen_color"]).max() > 0.1


def test_photographs_to_fit_on_are_those_of_the_train_split(tmp_path) -> None:
    dataset = make_dataset(tmp_path)
    assert photographs_to_fit(dataset, num=50, seed=0).empty
    dataset.loc[:9, "split"] = "train"
    assert len(photographs_to_fit(dataset, num=50, seed=0)) == 10
    assert len(photographs_to_fit(dataset, num=4, seed=0)) == 4
