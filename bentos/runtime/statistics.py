"""How a picture was taken, in numbers: what quality checks, the router, ingest and drift all read."""

from dataclasses import asdict, dataclass

import cv2
import numpy as np

from bentos.runtime.locate import Located

_SHARPNESS_SIDE_PX = 160
_CLIPPED_FROM = 253
_SURROUNDINGS = 0.2


@dataclass(frozen=True)
class PictureStatistics:
    """Statistics of one pill in one picture (of the whole picture where no pill was found).

    sharpness: root mean square of the Laplacian of lightness (0-255) on and around the pill, scaled to 160 px.
    brightness: 90th percentile of lightness on and around the pill, 0 to 1.
    contrast: standard deviation of the pill's lightness, 0 to 1. saturation: mean HSV saturation of the pill,
    0 to 1. clipped: share of the pill's pixels with all channels blown out. pill_px: its longest side.
    pill_share: its share of the picture. elongation: length over width, at least 1.
    """

    sharpness: float
    brightness: float
    contrast: float
    saturation: float
    clipped: float
    pill_px: float
    pill_share: float
    elongation: float

    def as_dict(self) -> dict[str, float]:
        """Name to value."""
        return asdict(self)


def picture_statistics(rgb_HWC: np.ndarray, located: Located | None) -> PictureStatistics:
    """Measure a picture, (H, W, 3) uint8, and the pill located in it."""
    area_HWC, mask_HW = _surroundings(rgb_HWC, located)
    grey_HW = cv2.cvtColor(area_HWC, cv2.COLOR_RGB2GRAY)
    inside_NC = area_HWC[mask_HW]
    lightness_N = grey_HW[mask_HW]
    high_N = inside_NC.max(axis=1).astype(np.float32)
    low_N = inside_NC.min(axis=1).astype(np.float32)
    return PictureStatistics(
        sharpness=_sharpness(grey_HW),
        brightness=float(np.percentile(grey_HW, 90)) / 255,
        contrast=float(lightness_N.std()) / 255,
        saturation=float(((high_N - low_N) / np.maximum(high_N, 1)).mean()),
        clipped=float((low_N >= _CLIPPED_FROM).mean()),
        pill_px=float(located.length_px) if located else 0.0,
        pill_share=float(located.mask_HW.mean()) if located else 0.0,
        elongation=float(located.length_px / located.width_px) if located else 1.0,
    )


def _surroundings(rgb_HWC: np.ndarray, located: Located | None) -> tuple[np.ndarray, np.ndarray]:
    """The pill's box with a border around, and the pill's mask in it, at most a few hundred pixels across."""
    height, width = rgb_HWC.shape[:2]
    if located is None:
        area_HWC, mask_HW = rgb_HWC, np.ones((height, width), np.uint8)
    else:
        box, border = located.box, round(_SURROUNDINGS * located.width_px)
        rows = slice(max(box.y - border, 0), box.y + box.height + border)
        columns = slice(max(box.x - border, 0), box.x + box.width + border)
        area_HWC, mask_HW = rgb_HWC[rows, columns], located.mask_HW[rows, columns].astype(np.uint8)
    scale = _SHARPNESS_SIDE_PX / max(area_HWC.shape[:2])
    size = (max(8, round(area_HWC.shape[1] * scale)), max(8, round(area_HWC.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    mask_HW = cv2.resize(mask_HW, size, interpolation=cv2.INTER_NEAREST) > 0
    return cv2.resize(area_HWC, size, interpolation=how), mask_HW if mask_HW.any() else ~mask_HW


def _sharpness(grey_HW: np.ndarray) -> float:
    laplacian_HW = cv2.Laplacian(cv2.GaussianBlur(grey_HW, (3, 3), 0), cv2.CV_32F)
    return float(np.sqrt((laplacian_HW**2).mean()))
