"""NLM RxIMAGE reference pictures: both sides of a pill in one frame, cut out into one picture a side."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from bentos.runtime.decode import decode
from bentos.runtime.errors import InputError
from bentos.runtime.medication import Medication
from data.catalogue.nlm import read_nlm_catalogue
from data.photo import UNKNOWN_MEDICATION, Photo, Unreadable, file_stamp, files_fingerprint, first_parts, photo_key

# H W: rows and columns of a picture in pixels, C: red, green, blue.
_SIDES = ("front", "back")
# Distances are Euclidean in 8-bit Lab; the watermark stays below both limits.
_BACKGROUND_DISTANCE = 7.0
_RIM_DISTANCE = 4.0
_BACKGROUND_NOISE = 3.5
_RULER_CONTRAST = 8
_RULER_WIDTH_PX = 7
_OPENING_PX = 7
_REGROWN_PX = 4
_MIN_SIDE_SHARE = 0.006
_SIDE_BY_SIDE_ASPECT = 1.62
_MARGIN_PX = 6
_MIN_AREA_RATIO = 0.75
_SAME_EXTENT = 0.04
_HULL_GAIN = 0.03


class CutOutError(ValueError):
    """A frame in which the two sides of a pill were not found; the message says what was found instead."""


@dataclass(frozen=True)
class CutOut:
    """One side of a pill: `rgb` (H, W, 3) uint8 and its `mask` (H, W) bool, with a small margin around."""

    rgb: np.ndarray
    mask: np.ndarray


def cut_out(frame_HWC: np.ndarray) -> list[CutOut]:
    """Split a reference frame, (H, W, 3) uint8 RGB, into its front (left or top) and back.

    The plain outlines against the even grey are taken where they reach as far as the pills' rims do; for
    pills as grey as the background, of which little but the rim is seen, the rims' convex hulls are.

    Raises:
        CutOutError: the frame does not hold two alike outlines.
    """
    raw_HW, clear_HW = _distances_from_background(frame_HWC)
    outlines = _components(_regrown(_opened(clear_HW > _BACKGROUND_DISTANCE), raw_HW > _BACKGROUND_DISTANCE))
    hulls = _hulls_of_halves(_opened(clear_HW > _RIM_DISTANCE), cut=_cut(outlines))
    if not (_alike(outlines) and _reach_as_far(outlines, hulls)):
        outlines = hulls
    outlines = [_completed(outline, raw_HW) for outline in outlines]
    if not _alike(outlines):
        raise CutOutError("no two alike outlines stand out from the grey background")
    return [_crop(frame_HWC, side) for side in outlines]


def _distances_from_background(frame_HWC: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Colour distance of each pixel from the frame's border, and the same with the rulers taken out."""
    lab_HWC = cv2.cvtColor(frame_HWC, cv2.COLOR_RGB2LAB)
    border = np.concatenate([lab_HWC[:3].reshape(-1, 3), lab_HWC[-3:].reshape(-1, 3)])
    offset_HWC = lab_HWC.astype(np.float32) - np.median(border, axis=0).astype(np.float32)
    raw_HW = np.sqrt((offset_HWC**2).sum(axis=2))
    clear_HW = np.where(_ruler(lab_HWC[..., 0], raw_HW), np.float32(0), raw_HW)
    return cv2.medianBlur(raw_HW, 3), cv2.medianBlur(clear_HW, 3)


def _ruler(lightness_HW: np.ndarray, distance_HW: np.ndarray) -> np.ndarray:
    """Thin bright marks with background close by: lines, ticks and digits of the rulers."""
    window = np.ones((_RULER_WIDTH_PX, _RULER_WIDTH_PX), np.uint8)
    thin = cv2.morphologyEx(lightness_HW, cv2.MORPH_TOPHAT, window) > _RULER_CONTRAST
    on_background = cv2.erode(distance_HW, window) < _RIM_DISTANCE
    return cv2.dilate((thin & on_background).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def _opened(mask_HW: np.ndarray) -> np.ndarray:
    closed = cv2.morphologyEx(mask_HW.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return cv2.morphologyEx(closed, cv2.MORPH_OPEN, _disc(_OPENING_PX))


def _regrown(mask_HW: np.ndarray, raw_HW: np.ndarray) -> np.ndarray:
    """Give the outline back the narrow tips that the removal of rulers took."""
    near = cv2.dilate(mask_HW, _disc(2 * _REGROWN_PX + 1)) & raw_HW.astype(np.uint8)
    return cv2.morphologyEx(mask_HW | near, cv2.MORPH_OPEN, _disc(_OPENING_PX - 2))


def _disc(size_px: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size_px, size_px))


def _components(mask_HW: np.ndarray) -> list[np.ndarray]:
    contours, _ = cv2.findContours(mask_HW, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(contour) for contour in contours]
    least = max(_MIN_SIDE_SHARE * mask_HW.size, _MIN_AREA_RATIO / 2 * max(areas, default=0))
    large = [contour for contour, area in zip(contours, areas, strict=True) if area > least]
    masks = [_drawn(contour, mask_HW.shape) for contour in large]
    return sorted(masks, key=lambda mask: _centre(mask)[_cut(masks)[0] if len(masks) > 1 else 0])


def _cut(masks: list[np.ndarray]) -> tuple[int, float] | None:
    """Axis (1 side by side, 0 stacked) and position between the outlines; None where there are fewer than two."""
    if len(masks) < 2:
        return None
    centres = np.array([_centre(mask) for mask in masks])
    axis = int(np.argmax(np.ptp(centres, axis=0)))
    return axis, float(centres[:, axis].mean())


def _centre(mask_HW: np.ndarray) -> tuple[float, float]:
    x, y, width, height = cv2.boundingRect(mask_HW.astype(np.uint8))
    return y + height / 2, x + width / 2


def _hulls_of_halves(mask_HW: np.ndarray, *, cut: tuple[int, float] | None) -> list[np.ndarray]:
    """Halve what is seen; without a cut, by its aspect: two round pills stand side by side, long ones stack."""
    points = _outline_points(mask_HW)
    if not len(points):
        return []
    x, y, width, height = cv2.boundingRect(points)
    side_by_side = width > _SIDE_BY_SIDE_ASPECT * height
    axis, middle = cut or (int(side_by_side), x + width / 2 if side_by_side else y + height / 2)
    position = points[:, 1 - axis]
    halves = [points[position < middle - 1], points[position > middle + 1]]
    return [_drawn(cv2.convexHull(half), mask_HW.shape) for half in halves if len(half) > 2]


def _outline_points(mask_HW: np.ndarray) -> np.ndarray:
    """Points (N, 2), x and y, of all outer contours."""
    contours, _ = cv2.findContours(mask_HW, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.concatenate([contour.reshape(-1, 2) for contour in contours] or [np.empty((0, 2), np.int32)])


def _completed(mask_HW: np.ndarray, distance_HW: np.ndarray) -> np.ndarray:
    """Fill bites that are not background: parts of a pill almost as grey as the frame."""
    hull = _drawn(cv2.convexHull(_outline_points(mask_HW.astype(np.uint8))), mask_HW.shape)
    added = hull & ~mask_HW
    if added.sum() < _HULL_GAIN * hull.sum() or np.percentile(distance_HW[added], 75) < _BACKGROUND_NOISE:
        return mask_HW
    return hull


def _drawn(contour: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    return cv2.drawContours(np.zeros(shape, np.uint8), [contour], -1, 1, cv2.FILLED) > 0


def _reach_as_far(outlines: list[np.ndarray], hulls: list[np.ndarray]) -> bool:
    """Whether the outlines' bounding boxes are about as large as those of the hulls."""
    if len(hulls) != 2:
        return True
    sizes = [[np.array(_box_of(mask).shape) for mask in masks] for masks in (outlines, hulls)]
    return all((hull <= outline * (1 + _SAME_EXTENT) + 3).all() for outline, hull in zip(*sizes, strict=True))


def _alike(masks: list[np.ndarray]) -> bool:
    """Two outlines of about one area."""
    areas = sorted(mask.sum() for mask in masks)
    return len(areas) == 2 and areas[0] >= _MIN_AREA_RATIO * areas[1]


def _box_of(mask_HW: np.ndarray) -> np.ndarray:
    x, y, width, height = cv2.boundingRect(mask_HW.astype(np.uint8))
    return mask_HW[y : y + height, x : x + width]


def _crop(frame_HWC: np.ndarray, mask_HW: np.ndarray) -> CutOut:
    x, y, width, height = cv2.boundingRect(mask_HW.astype(np.uint8))
    rows = slice(max(y - _MARGIN_PX, 0), y + height + _MARGIN_PX)
    columns = slice(max(x - _MARGIN_PX, 0), x + width + _MARGIN_PX)
    return CutOut(rgb=frame_HWC[rows, columns].copy(), mask=mask_HW[rows, columns].copy())


@dataclass(frozen=True)
class RxImageSource:
    """The NLM's reference pictures, two photographs a frame.

    `directory` holds `catalogue.csv` and `images/`; or the pictures alone, which are then labelled by the NDC-11
    their names begin with. Pictures of no catalogue row show up in the quarantine.
    """

    directory: Path
    medications: Iterable[Medication] = field(kw_only=True)
    name: str = field(default="rximage", kw_only=True)

    @property
    def fingerprint(self) -> str:
        """Digest over the pictures' names, sizes and modification times."""
        return files_fingerprint(self._paths())

    def _paths(self) -> list[Path]:
        images = self.directory / "images"
        return sorted((images if images.is_dir() else self.directory).glob("*.jpg"))

    def _owner_of(self) -> Callable[[str], str | None]:
        table = self.directory / "catalogue.csv"
        if table.is_file():
            rows = read_nlm_catalogue(table).image_files.items()
            return {file: medication_id for medication_id, files in rows for file in files}.get
        first = first_parts(self.medications)
        return lambda file: first.get(file.partition("_")[0])

    def photos(self, *, skip: Callable[[str], bool]) -> Iterator[Photo | Unreadable]:
        """Stream both sides of each frame that is not known yet."""
        owner_of = self._owner_of()
        for path in self._paths():
            stamp = file_stamp(path)
            if skip(photo_key(path.name, stamp=stamp)):
                continue
            known = [skip(photo_key(f"{path.name}#{side}", stamp=stamp)) for side in _SIDES]
            if not all(known):
                yield from self._read(path, owner_of(path.name), stamp=stamp)

    def _read(self, path: Path, medication_id: str | None, *, stamp: str) -> Iterator[Photo | Unreadable]:
        if medication_id is None:
            yield Unreadable(path.name, self.name, "no row of the catalogue names it", stamp, UNKNOWN_MEDICATION)
            return
        try:
            sides = cut_out(decode(path.read_bytes()).rgb_HWC)
        except (CutOutError, InputError) as error:
            yield Unreadable(path.name, self.name, str(error), stamp)
            return
        for side, cut in zip(_SIDES, sides, strict=True):
            yield Photo(
                data=_png(cut),
                name=f"{path.name}#{side}",
                source=self.name,
                role="reference",
                medication_id=medication_id,
                group=f"{self.name}/{path.name}",
                side=side,
                conditions={"background": "cut out", "light": "studio", "blur": "sharp"},
                stamp=stamp,
            )


def _png(cut: CutOut) -> bytes:
    bgra_HWC = np.dstack([cut.rgb[..., ::-1], cut.mask.astype(np.uint8) * 255])
    return cv2.imencode(".png", bgra_HWC, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()
