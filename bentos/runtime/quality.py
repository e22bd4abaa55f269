"""Whether a picture is worth judging at all; if not, the sentence that says how to take a better one."""

import numpy as np

from bentos.runtime.contract import QualitySpec
from bentos.runtime.locate import Located
from bentos.runtime.statistics import PictureStatistics

_CUT_OFF_SHARE = 0.45

TOO_SMALL = "the pill is too small in the picture: move closer until it fills half the frame"
CUT_OFF = "the pill is cut off by the edge of the picture: take it again with the whole pill in the frame"
TOO_DARK = "the picture is too dark: take it again with more light"
OVER_EXPOSED = "the picture is over-exposed: take it again with less light or without flash"
BLURRED = "the picture is blurred: hold still, tap the pill to focus, and take it again"


def retake_reason(statistics: PictureStatistics, *, quality: QualitySpec, located: Located) -> str | None:
    """The first reason to take the picture again, as a sentence, or None."""
    reasons = (
        (statistics.pill_px < quality.min_pill_px, TOO_SMALL),
        (is_cut_off(located), CUT_OFF),
        (statistics.brightness < quality.min_brightness, TOO_DARK),
        (statistics.clipped > quality.max_clipped, OVER_EXPOSED),
        (statistics.sharpness < quality.min_sharpness, BLURRED),
    )
    return next((sentence for failed, sentence in reasons if failed), None)


def is_cut_off(located: Located) -> bool:
    """Whether the picture's edge cuts through the pill: it meets one edge over much of the pill's width."""
    mask_HW = located.mask_HW
    edges = (mask_HW[0], mask_HW[-1], mask_HW[:, 0], mask_HW[:, -1])
    return max(int(np.count_nonzero(edge)) for edge in edges) > _CUT_OFF_SHARE * located.width_px
