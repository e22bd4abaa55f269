"""Statistics and the reasons for a retake: each follows what was done to the picture."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from bentos.runtime import quality
from bentos.runtime.contract import QualitySpec
from bentos.runtime.locate import locate
from bentos.runtime.quality import retake_reason
from bentos.runtime.statistics import PictureStatistics, picture_statistics
from tests.bentos.runtime.pills import drawn_pill

LIMITS = QualitySpec(min_sharpness=2.0, max_clipped=0.6, min_pill_px=60, min_brightness=0.2)
LETTERED = cv2.putText(
    drawn_pill(length=0.7).rgb_HWC.copy(), "A 10", (70, 130), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (120, 120, 120), 2
)


def measured(rgb_HWC: np.ndarray) -> PictureStatistics:
    return picture_statistics(rgb_HWC, locate(rgb_HWC)[0])


def reason_for(rgb_HWC: np.ndarray) -> str | None:
    located = locate(rgb_HWC)[0]
    return retake_reason(picture_statistics(rgb_HWC, located), quality=LIMITS, located=located)


def test_a_good_picture_is_measured_as_such_and_needs_no_retake() -> None:
    statistics = measured(LETTERED)
    assert statistics.pill_px == pytest.approx(0.7 * 240, abs=6)
    assert statistics.pill_share == pytest.approx(np.pi * 0.35**2, abs=0.03)
    assert statistics.elongation == pytest.approx(1, abs=0.06)
    assert all(isinstance(value, float) and np.isfinite(value) for value in statistics.as_dict().values())
    assert reason_for(LETTERED) is None


def test_blur_lowers_sharpness_and_is_named() -> None:
    blurred_HWC = cv2.GaussianBlur(LETTERED, (0, 0), 5)
    assert measured(blurred_HWC).sharpness < 0.3 * measured(LETTERED).sharpness
    assert reason_for(blurred_HWC) == quality.BLURRED


def test_darkness_is_named() -> None:
    dark_HWC = (LETTERED * 0.1).astype(np.uint8)
    assert measured(dark_HWC).brightness < 0.15
    assert reason_for(dark_HWC) == quality.TOO_DARK


def test_over_exposure_is_named() -> None:
    blown_HWC = np.clip(LETTERED * 1.4, 0, 255).astype(np.uint8)
    assert measured(blown_HWC).clipped > 0.6
    assert reason_for(blown_HWC) == quality.OVER_EXPOSED


def test_a_small_pill_is_named() -> None:
    assert reason_for(drawn_pill(length=0.18).rgb_HWC) == quality.TOO_SMALL


def test_a_pill_that_the_frame_cuts_is_named_and_one_that_touches_it_is_not() -> None:
    cut_HWC = LETTERED[:, 80:]
    assert reason_for(cut_HWC) == quality.CUT_OFF
    assert reason_for(drawn_pill(length=0.97, ratio=0.6).rgb_HWC) != quality.CUT_OFF


def test_saturation_and_contrast_are_the_pills_alone() -> None:
    red, white = (measured(drawn_pill(rgb=rgb).rgb_HWC) for rgb in ((210, 30, 30), (240, 240, 240)))
    assert red.saturation > 0.7
    assert white.saturation < 0.1
    assert measured(LETTERED).contrast > 0.03


def test_a_picture_without_a_pill_is_measured_as_a_whole() -> None:
    statistics = picture_statistics(np.full((80, 120, 3), 128, np.uint8), None)
    assert statistics == replace(statistics, pill_px=0.0, pill_share=0.0, elongation=1.0, sharpness=0.0, clipped=0.0)
    assert statistics.brightness == pytest.approx(0.5, abs=0.01)
