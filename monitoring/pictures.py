"""Small pictures for reports: a test photograph, and the reference picture of a medication, as data URIs."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from bentos.runtime.decode import decode

_THUMBNAIL_PX = 132
_JPEG_QUALITY = 78
_BACKDROP = 206


@dataclass(frozen=True)
class Pictures:
    """Finds pictures in a dataset: rows with photo_id, medication_id, role, side and path (relative to `home`)."""

    rows: pd.DataFrame
    home: Path

    def photo(self, photo_id: str) -> str | None:
        """The photograph as a small JPEG data URI; None where the dataset does not hold it."""
        found = self.rows.loc[self.rows["photo_id"] == photo_id, "path"]
        return self._thumbnail(found.iloc[0]) if len(found) else None

    def references(self, medication_id: str | None) -> list[str]:
        """One small reference picture per side of a medication, front first; empty where there is none."""
        mine = self.rows[(self.rows["medication_id"] == medication_id) & (self.rows["role"] == "reference")]
        first = mine.sort_values("side", key=lambda side: side != "front", kind="stable").drop_duplicates("side")
        return [self._thumbnail(path) for path in first["path"].head(2)]

    def _thumbnail(self, path: str) -> str:
        return data_uri(thumbnail((self.home / path).read_bytes()))


def thumbnail(data: bytes, *, size_px: int = _THUMBNAIL_PX) -> np.ndarray:
    """Decode as the runtime does, lay a cut-out on a light backdrop, and fit into a square; (S, S, 3) uint8."""
    picture = decode(data)
    rgb_HWC = picture.rgb_HWC
    if picture.alpha_HW is not None:
        alpha = picture.alpha_HW[..., None].astype(np.float32) / 255
        rgb_HWC = (rgb_HWC * alpha + _BACKDROP * (1 - alpha)).astype(np.uint8)
    height, width = rgb_HWC.shape[:2]
    scale = size_px / max(height, width)
    small = cv2.resize(
        rgb_HWC, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    canvas = np.full((size_px, size_px, 3), _BACKDROP, np.uint8)
    top, left = (size_px - small.shape[0]) // 2, (size_px - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def data_uri(rgb_HWC: np.ndarray) -> str:
    """The picture as a JPEG data URI."""
    _, encoded = cv2.imencode(".jpg", rgb_HWC[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def contact_sheet(pictures: Sequence[bytes], *, columns: int = 8, size_px: int = _THUMBNAIL_PX) -> np.ndarray:
    """Thumbnails side by side in rows; (H, W, 3) uint8. At least one picture."""
    tiles = [thumbnail(data, size_px=size_px) for data in pictures]
    blank = np.full((size_px, size_px, 3), _BACKDROP, np.uint8)
    rows = [tiles[i : i + columns] for i in range(0, len(tiles), columns)]
    width = min(columns, len(tiles))
    return np.concatenate([np.concatenate([*row, *[blank] * (width - len(row))], axis=1) for row in rows])
