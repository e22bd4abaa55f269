"""Ten pills in one picture: ten answers, each with its own box."""

import numpy as np
import pytest

from bentos.runtime.decode import decode
from bentos.runtime.locate import locate
from bentos.runtime.predictor import Predictor
from data.catalogue.formulary import read_formulary
from tests.bentos.runtime.tray import HEIGHT_PX, WIDTH_PX, overlap, tray
from tests.builders import jpeg, tiny_bundle

NUM = 10


def items(seed: int) -> list:
    formulary = read_formulary()
    return [formulary[i] for i in np.random.default_rng(seed).choice(len(formulary), NUM, replace=False)]


@pytest.mark.parametrize("background", ["card", "cloth", "cork", "dark", "skin", "tray", "wood"])
def test_each_of_ten_pills_is_located_and_nothing_else(background: str) -> None:
    picture_HWC, boxes = tray(items(2), background=background, seed=2)
    found = [located.box for located in locate(picture_HWC)]
    assert len(found) == NUM
    assert min(max(overlap(box, one) for one in found) for box in boxes) > 0.7


def test_ten_pills_give_ten_answers_with_their_boxes_in_the_picture_as_sent(tmp_path) -> None:
    picture_HWC, boxes = tray(items(2), background="tray", seed=2)
    data = jpeg(picture_HWC)
    assert decode(data).rgb_HWC.shape[:2] <= (HEIGHT_PX, WIDTH_PX)
    answer = Predictor.from_bundle(tiny_bundle(tmp_path)).identify([data])
    assert len(answer.pills) == NUM
    for box in boxes:
        assert max(overlap(box, pill.box) for pill in answer.pills) > 0.7
    assert all(pill.alternatives for pill in answer.pills)
