"""Features: numbers that stay where the pill stays, and move where it changes."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bentos.runtime.features import COLOR_BINS, TEXTURE_BINS, VisualFeatures, visual_features
from tests.bentos.runtime.pills import Drawn, drawn_pill

RED, GREEN, WHITE, GREY = (200, 40, 40), (60, 160, 70), (244, 242, 238), (140, 140, 142)


def features_of(drawn: Drawn) -> VisualFeatures:
    return visual_features(drawn.rgb_HWC, drawn.mask_HW)


def color_distance(one: VisualFeatures, other: VisualFeatures) -> float:
    return float(np.sqrt(max(0.0, 1 - np.sqrt(one.color_histogram * other.color_histogram).sum())))


def test_shapes_types_and_sums() -> None:
    features = features_of(drawn_pill())
    assert features.color_histogram.shape == (COLOR_BINS,) == (48,)
    assert features.texture_features.shape == (TEXTURE_BINS,) == (32,)
    assert features.color_histogram.dtype == features.texture_features.dtype == np.float32
    assert features.color_histogram.sum() == pytest.approx(1, abs=1e-5)
    assert (features.color_histogram >= 0).all()
    assert np.isfinite(features.texture_features).all()


@pytest.mark.parametrize("ratio", [1.0, 0.7, 0.4])
@pytest.mark.parametrize("angle_deg", [0, 33, 90])
def test_shape_ratio_is_width_over_length_however_the_pill_lies(ratio: float, angle_deg: float) -> None:
    assert features_of(drawn_pill(ratio=ratio, angle_deg=angle_deg)).shape_ratio == pytest.approx(ratio, abs=0.03)


def test_colours_far_apart_are_far_apart_and_one_colour_under_other_light_is_not() -> None:
    red, green, white, grey = (features_of(drawn_pill(rgb=rgb)) for rgb in (RED, GREEN, WHITE, GREY))
    dim = features_of(drawn_pill(rgb=tuple(round(0.75 * c) for c in RED)))
    assert color_distance(red, dim) < 0.5 < color_distance(red, green)
    assert color_distance(white, red) > 0.8
    assert color_distance(white, grey) > 0.1


def test_what_lies_around_the_pill_does_not_matter() -> None:
    here, there = features_of(drawn_pill(background=(40, 60, 90))), features_of(drawn_pill(background=(200, 180, 90)))
    assert color_distance(here, there) < 0.15


@settings(max_examples=20, deadline=None, derandomize=True)
@given(angle_deg=st.integers(1, 359))
def test_texture_is_robust_to_turning_and_tells_a_rough_pill_from_a_smooth_one(angle_deg: int) -> None:
    smooth, rough = (features_of(_speckled(strength, 0)) for strength in (0, 30))
    turned = features_of(_speckled(30, angle_deg))
    to_itself = np.linalg.norm(rough.texture_features - turned.texture_features)
    assert to_itself < 0.7 * np.linalg.norm(rough.texture_features - smooth.texture_features)


def test_a_mask_of_a_single_pixel_still_has_features() -> None:
    mask_HW = np.zeros((50, 50), bool)
    mask_HW[20, 30] = True
    features = visual_features(np.full((50, 50, 3), 90, np.uint8), mask_HW)
    assert 0 < features.shape_ratio <= 1
    assert np.isfinite(features.texture_features).all()


def _speckled(strength: float, angle_deg: float) -> Drawn:
    drawn = drawn_pill(noise=0.5, length=0.7)
    grain_HW = cv2.GaussianBlur(np.random.default_rng(5).normal(0, 1, (240, 240)), (0, 0), 2.0)
    rgb_HWC = np.clip(drawn.rgb_HWC + strength * (grain_HW / grain_HW.std())[..., None] - 30, 0, 255).astype(np.uint8)
    matrix = cv2.getRotationMatrix2D((119.5, 119.5), angle_deg, 1)
    return Drawn(cv2.warpAffine(rgb_HWC, matrix, (240, 240)), drawn.mask_HW)
