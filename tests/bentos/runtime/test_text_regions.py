"""Possible lines out of a finder's heat: cores grown to lines, cores that fall apart, and those that all but agree."""

import cv2
import numpy as np
import pytest

from bentos.runtime.text_regions import TextRegion, core_offset, distinct, overlapping, text_regions


def heat_with(*cores: tuple[int, int, int, int, float]) -> np.ndarray:
    """A heat (128, 256) with boxes (left, top, width, height, level) drawn one over the other."""
    heat_HW = np.zeros((128, 256), np.float32)
    for left, top, width, height, level in cores:
        cv2.rectangle(heat_HW, (left, top), (left + width - 1, top + height - 1), level, cv2.FILLED)
    return heat_HW


def region_at(left: float, top: float, width: float, height: float, *, confidence: float = 0.9) -> TextRegion:
    corners = [[left, top], [left + width, top], [left + width, top + height], [left, top + height]]
    return TextRegion(np.array(corners, float), confidence)


TWO_ROWS_IN_ONE = ((40, 30, 50, 30, 0.7), (40, 30, 50, 10, 0.95), (40, 50, 50, 10, 0.95))


def test_a_core_that_falls_apart_where_it_is_hottest_is_offered_whole_and_in_parts() -> None:
    regions = text_regions(heat_with(*TWO_ROWS_IN_ONE), threshold=0.5, split_threshold=0.85)
    middles = sorted(round(float(region.quad_XY[:, 1].mean())) for region in regions)
    assert middles == [34, 44, 54]
    assert [region.confidence for region in regions] == sorted((r.confidence for r in regions), reverse=True)


@pytest.mark.parametrize("cores", [TWO_ROWS_IN_ONE[:1], TWO_ROWS_IN_ONE[:2]])
def test_a_core_of_one_hot_part_is_one_line(cores) -> None:
    assert len(text_regions(heat_with(*cores), threshold=0.5, split_threshold=0.85)) == 1


def test_nothing_is_taken_apart_unless_asked_for() -> None:
    assert len(text_regions(heat_with(*TWO_ROWS_IN_ONE), threshold=0.5)) == 1


def test_a_line_is_its_core_grown_by_the_offset_that_shrank_it() -> None:
    offset = core_offset(100, 30)
    box = (50, 40, round(100 - 2 * offset), round(30 - 2 * offset), 0.9)
    (region,) = text_regions(heat_with(box), threshold=0.5)
    width, height = np.ptp(region.quad_XY, axis=0)
    assert (width, height) == (pytest.approx(100, abs=4), pytest.approx(30, abs=4))


def test_of_regions_that_all_but_agree_the_surest_is_kept() -> None:
    twin, other = region_at(11, 10, 60, 20, confidence=0.95), region_at(10, 60, 60, 20, confidence=0.6)
    kept = distinct([region_at(10, 10, 60, 20), other, twin], at_most=5)
    assert [region.confidence for region in kept] == [0.95, 0.6]
    assert [region.confidence for region in distinct([other, twin], at_most=1)] == [0.95]


def test_two_quads_overlap_where_they_share_enough_of_the_smaller_one() -> None:
    whole, part, beside = region_at(10, 10, 60, 40), region_at(10, 10, 60, 18), region_at(10, 52, 60, 20)
    assert overlapping(whole.quad_XY, part.quad_XY)
    assert not overlapping(whole.quad_XY, beside.quad_XY)


def test_a_region_moves_with_its_canvas_by_pixel_middles() -> None:
    scaled = region_at(10, 10, 60, 20).scaled(np.array([2.0, 2.0]))
    np.testing.assert_allclose(scaled.quad_XY[0], [20.5, 20.5])
    assert np.ptp(scaled.quad_XY[:, 0]) == pytest.approx(120)
