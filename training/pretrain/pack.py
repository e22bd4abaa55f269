"""The compact pack: every reference side, cut out once, with the catalogue's facts, in one file under 50 MB.

H W: rows and columns of a picture in pixels, C: red, green, blue, N: sides.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from bentos.runtime.decode import decode
from bentos.runtime.medication import Medication, appearance_id_of, fold_imprint, look_group_of
from data.catalogue.nlm import read_nlm_catalogue
from data.photo import Photo
from data.sources.rximage import RxImageSource
from training.pretrain.held_out import held_out

PACK_FILE = "sides.parquet"
_LONGEST_PX = 160
_JPEG_QUALITY = 92
_FACTS = (
    "name", "medication_id", "side", "appearance_id", "look_group", "held_out", "clinical_drug", "colors", "shape",
    "score", "imprint", "imprint_type",
)  # fmt: skip


class PackError(ValueError):
    """A file that is no pack of sides, or one without any side to train on."""


@dataclass(frozen=True)
class Side:
    """One reference side: `rgb_HWC` uint8 and its `mask_HW` bool, at most 160 px long."""

    rgb_HWC: np.ndarray
    mask_HW: np.ndarray


@dataclass(frozen=True)
class SidePack:
    """The sides of a pack; opened lazily, so that it is cheap to send to a worker.

    Rows, in the order of the sides: `name, medication_id, side, appearance_id, look_group, held_out,
    clinical_drug, colors, shape, score, imprint, imprint_type`; `colors` and `imprint` are joined by `;`.
    """

    path: Path

    def __reduce__(self) -> tuple:
        """Only the way to the file is sent to another process."""
        return SidePack, (self.path,)

    @cached_property
    def _table(self) -> pd.DataFrame:
        try:
            return pd.read_parquet(self.path)
        except (OSError, ValueError) as error:
            raise PackError(f"{self.path} is no pack of sides: {error}") from error

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The facts alone."""
        return self._table[list(_FACTS)]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def __len__(self) -> int:
        return len(self._table)

    def side(self, number: int) -> Side:
        """Decode one side."""
        jpeg, png = self._table["rgb"].iat[number], self._table["mask"].iat[number]
        mask_HW = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE) > 127
        bgr_HWC = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        return Side(np.ascontiguousarray(bgr_HWC[..., ::-1]), mask_HW)

    def trainable(self) -> np.ndarray:
        """Numbers of the sides that may be trained on, ascending."""
        return np.flatnonzero(~self.rows["held_out"].to_numpy())


def build_side_pack(rximage: Path, *, out: Path, on_side: Callable[[int], None] = lambda num: None) -> SidePack:
    """Cut out every side under `rximage` (`catalogue.csv`, `images/`) into the one file `out/sides.parquet`.

    Frames in which no two sides are found, and those of no catalogue row, are left out.

    Raises:
        PackError: no side was found.
    """
    medications = {row.medication_id: row for row in read_nlm_catalogue(rximage / "catalogue.csv").medications}
    rows = []
    for photo in _readable(RxImageSource(rximage, medications=medications.values())):
        rows.append(_row(photo, medications[photo.medication_id]))
        on_side(len(rows))
    if not rows:
        raise PackError(f"{rximage} holds no readable reference frame")
    out.mkdir(parents=True, exist_ok=True)
    draft = out / (PACK_FILE + ".part")
    pd.DataFrame(rows).to_parquet(draft, index=False)
    draft.replace(out / PACK_FILE)
    return SidePack(out / PACK_FILE)


def _readable(source: RxImageSource) -> Iterator[Photo]:
    yield from (photo for photo in source.photos(skip=lambda _: False) if isinstance(photo, Photo))


def _row(photo: Photo, medication: Medication) -> dict:
    jpeg, png = _compact(photo.data)
    look = look_group_of(medication)
    return {
        "name": photo.name,
        "medication_id": medication.medication_id,
        "side": photo.side,
        "appearance_id": appearance_id_of(medication),
        "look_group": look,
        "held_out": held_out(look),
        "clinical_drug": medication.clinical_drug,
        "colors": ";".join(medication.colors),
        "shape": medication.shape,
        "score": medication.score,
        "imprint": ";".join(fold_imprint(token.text) for token in medication.imprint),
        "imprint_type": medication.imprint_type or "",
        "rgb": jpeg,
        "mask": png,
    }


def _compact(png: bytes) -> tuple[bytes, bytes]:
    """The cut-out as JPEG of its colours and one-bit PNG of its mask."""
    picture = decode(png)
    rgb_HWC, alpha_HW = picture.rgb_HWC, picture.alpha_HW
    scale = _LONGEST_PX / max(alpha_HW.shape)
    if scale < 1:
        size = tuple(max(1, round(length * scale)) for length in alpha_HW.shape[::-1])
        rgb_HWC, alpha_HW = (cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) for pixels in (rgb_HWC, alpha_HW))
    jpeg = cv2.imencode(".jpg", rgb_HWC[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1]
    mask_HW = (alpha_HW > 127).astype(np.uint8) * 255
    return jpeg.tobytes(), cv2.imencode(".png", mask_HW, [cv2.IMWRITE_PNG_BILEVEL, 1])[1].tobytes()
