"""A heat map over its photograph: red where it spoke for the answer, nothing outside its box."""

import numpy as np
import pytest

from bentos.overlay import around_pill, overlaid
from bentos.runtime.answer import Box, HeatMap
from bentos.runtime.decode import Picture


def picture(*, scale: float = 1.0, size_px: int = 100) -> Picture:
    rgb_HWC = np.full((size_px, size_px, 3), 128, np.uint8)
    return Picture(rgb_HWC, scale, round(size_px / scale), round(size_px / scale), "png", None)


def heat_map(shares=(2.0, 0.0, 0.0, -2.0), *, box=(20, 40, 40, 40)) -> HeatMap:
    x, y, width, height = box
    return HeatMap(picture=0, box=Box(x=x, y=y, width=width, height=height), rows=2, columns=2, shares=shares,
                   total=sum(shares))  # fmt: skip


def test_what_spoke_for_the_answer_is_red_and_what_spoke_against_it_blue():
    drawn_HWC = overlaid(picture(), heat_map()).astype(int)
    assert drawn_HWC[42, 22, 0] > drawn_HWC[42, 22, 2] + 50
    assert drawn_HWC[78, 58, 2] > drawn_HWC[78, 58, 0] + 50
    assert (drawn_HWC[:38] == 128).all()
    assert (drawn_HWC[:, 62:] == 128).all()


def test_a_box_of_the_picture_as_sent_is_laid_on_the_smaller_picture_that_was_decoded():
    drawn_HWC = overlaid(picture(scale=0.5), heat_map(box=(40, 80, 80, 80)))
    assert np.array_equal(drawn_HWC, overlaid(picture(), heat_map()))


@pytest.mark.parametrize("shares", [(0.0, 0.0, 0.0, 0.0), (1e-4, 0.0, 0.0, -1e-4)])
def test_where_nothing_was_decided_nothing_is_drawn(shares):
    assert np.abs(overlaid(picture(), heat_map(shares)).astype(int) - 128).max() <= 1


def test_the_pill_is_shown_with_a_little_around_it():
    shot = picture()
    assert around_pill(shot.rgb_HWC, shot, heat_map()).shape == (50, 50, 3)
    assert around_pill(shot.rgb_HWC, shot, heat_map(box=(90, 90, 40, 40))).size
