"""A heat map drawn over the photograph it explains: red spoke for the first answer, blue for the runner-up.

H W: rows and columns in pixels, C: red, green, blue.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from bentos.runtime.answer import Answer, HeatMap
from bentos.runtime.decode import Picture, decode

_FOR: Final = np.array([205, 35, 25], np.float32)
_AGAINST: Final = np.array([35, 75, 205], np.float32)
_STRENGTH: Final = 0.65
_FULL_NATS: Final = 0.5
_BORDER: Final = 0.12


def overlaid(picture: Picture, heat_map: HeatMap) -> np.ndarray:
    """The photograph as it was decoded, with the map over its pill, uint8 (H, W, 3); faint where little was decided."""
    shares_RC = np.array(heat_map.shares, np.float32).reshape(heat_map.rows, heat_map.columns)
    top, bottom, left, right = _window(picture, heat_map)
    heat_HW = cv2.resize(shares_RC, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    heat_HW1 = (heat_HW / max(float(np.abs(heat_HW).max()), 1e-9))[..., None]
    weight_HW1 = _STRENGTH * min(1.0, float(np.abs(shares_RC).sum()) / _FULL_NATS) * np.abs(heat_HW1)
    drawn_HWC = picture.rgb_HWC.copy()
    part_HWC = drawn_HWC[top:bottom, left:right]
    tint_HWC = np.where(heat_HW1 > 0, _FOR, _AGAINST)
    part_HWC[:] = (part_HWC * (1 - weight_HW1) + tint_HWC * weight_HW1 + 0.5).astype(np.uint8)
    return drawn_HWC


def draw_heat_maps(answer: Answer, pictures: Sequence[bytes]) -> bytes:
    """The photographs of an answer below each other, each with the maps of its pills, as PNG."""
    decoded = [decode(data) for data in pictures]
    for pill in answer.pills:
        for heat_map in pill.explanation.heat_maps or ():
            shown = decoded[heat_map.picture]
            decoded[heat_map.picture] = replace(shown, rgb_HWC=overlaid(shown, heat_map))
    width = max(picture.rgb_HWC.shape[1] for picture in decoded)
    padded = [np.pad(p.rgb_HWC, ((0, 0), (0, width - p.rgb_HWC.shape[1]), (0, 0))) for p in decoded]
    return cv2.imencode(".png", np.vstack(padded)[..., ::-1])[1].tobytes()


def around_pill(rgb_HWC: np.ndarray, picture: Picture, heat_map: HeatMap) -> np.ndarray:
    """The part of a picture with the pill and a little around it."""
    top, bottom, left, right = _window(picture, heat_map)
    border = round(_BORDER * max(bottom - top, right - left))
    return rgb_HWC[max(top - border, 0) : bottom + border, max(left - border, 0) : right + border]


def _window(picture: Picture, heat_map: HeatMap) -> tuple[int, int, int, int]:
    """First and last row, first and last column of the map's box in the decoded picture."""
    box, (height, width) = heat_map.box, picture.rgb_HWC.shape[:2]
    top, left = (min(round(edge * picture.scale), limit - 1) for edge, limit in ((box.y, height), (box.x, width)))
    bottom = min(max(round((box.y + box.height) * picture.scale), top + 1), height)
    right = min(max(round((box.x + box.width) * picture.scale), left + 1), width)
    return top, bottom, left, right
