"""Bytes to an upright RGB picture of bounded size, or a clear refusal.

Limits are checked before any pixel is decoded. H W: rows and columns in pixels, C: red, green, blue.
"""

import io
import math
import struct
from dataclasses import dataclass

import cv2
import numpy as np
import pillow_heif
from PIL import Image, UnidentifiedImageError

from bentos.runtime.errors import InputError
from bentos.runtime.heif import heic_refused

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 64_000_000
MAX_SIDE = 30_000
MIN_SIDE = 16
MAX_SCANS = 100
MID_GREY = 128

_ORIENTATION_TAG = 0x0112
_HEIF_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
_SCAN_MARKER = b"\xff\xda"
_TRUNCATED_WORDS = ("truncated", "end of file", "not enough data", "broken data stream", "premature")


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright.

    `rgb_HWC` is uint8; `scale` is decoded over original size; `width` and `height` are those of the upright
    original. `alpha_HW` (uint8) is there only where the picture is a real cut-out; its colours then stand on
    mid-grey.
    """

    rgb_HWC: np.ndarray
    scale: float
    width: int
    height: int
    format: str
    alpha_HW: np.ndarray | None


def decode(data: bytes, *, max_side_px: int = 1600) -> Picture:
    """Decode JPEG, PNG or HEIF; longest side at most `max_side_px`; the first frame of an animation.

    EXIF orientation is applied and all metadata dropped. 16-bit, CMYK, palette and grey pictures become
    8-bit RGB.

    Raises:
        InputError: empty_file, too_large, unsupported_format, too_many_pixels, too_small, truncated, undecodable.
    """
    kind = _sniff(data)
    try:
        return _decode(data, kind=kind, max_side_px=max_side_px)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except UnidentifiedImageError as error:
        raise _undecodable(kind) from error
    except (OSError, ValueError, SyntaxError, EOFError, RuntimeError, IndexError, KeyError, struct.error) as error:
        raise _broken(kind, str(error)) from error


def _sniff(data: bytes) -> str:
    if not data:
        raise InputError("empty_file", "The file is empty.")
    if len(data) > MAX_BYTES:
        raise InputError("too_large", f"The file is larger than {MAX_BYTES // 2**20} MiB.")
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        return "HEIF"
    raise InputError("unsupported_format", "The file is not a JPEG, PNG or HEIC picture.")


def _decode(data: bytes, *, kind: str, max_side_px: int) -> Picture:
    if kind == "JPEG" and data.count(_SCAN_MARKER) > MAX_SCANS:
        raise _undecodable(kind)
    image = _open(data, kind)
    width, height = image.size
    _check_size(width, height)
    orientation = _orientation(image) if kind != "HEIF" else 1
    if kind == "JPEG":
        share = max_side_px / max(width, height)
        image.draft(None, (math.ceil(width * share), math.ceil(height * share)))
    rgb_HWC, alpha_HW = _pixels(image, max_side_px=max_side_px)
    rgb_HWC = _upright(rgb_HWC, orientation)
    alpha_HW = None if alpha_HW is None else _upright(alpha_HW, orientation)
    if orientation >= 5:
        width, height = height, width
    return Picture(rgb_HWC, rgb_HWC.shape[1] / width, width, height, kind, alpha_HW)


def _open(data: bytes, kind: str) -> Image.Image:
    if kind == "PNG" and data[12:16] == b"IHDR":
        _check_size(*struct.unpack(">II", data[16:24]))
    if kind != "HEIF":
        return Image.open(io.BytesIO(data), formats=(kind,))
    if (why := heic_refused()) is not None:
        raise InputError("unsupported_format", f"HEIC pictures are not taken here, as {why}. Send a JPEG or PNG.")
    pillow_heif.options.DECODE_THREADS = 1
    heif = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    _check_size(*heif.size)
    return heif.to_pillow()


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise _too_many_pixels()
    if min(width, height) < MIN_SIDE:
        raise InputError("too_small", f"The picture is smaller than {MIN_SIDE} pixels across.")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; damaged EXIF counts as none, as it does for every viewer."""
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except (OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, struct.error):
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _pixels(image: Image.Image, *, max_side_px: int) -> tuple[np.ndarray, np.ndarray | None]:
    if image.mode.startswith("I"):
        grey_HW = _limited(np.asarray(image).astype(np.uint16, copy=False), max_side_px)
        return cv2.cvtColor((grey_HW / 257 + 0.5).astype(np.uint8), cv2.COLOR_GRAY2RGB), None
    if not image.has_transparency_data:
        return _limited(np.asarray(image if image.mode == "RGB" else image.convert("RGB")), max_side_px), None
    rgba_HWC = _limited(np.asarray(image if image.mode == "RGBA" else image.convert("RGBA")), max_side_px)
    rgb_HWC, alpha_HW = rgba_HWC[..., :3], np.ascontiguousarray(rgba_HWC[..., 3])
    if alpha_HW.min() == 255:
        return np.ascontiguousarray(rgb_HWC), None
    weight_HW1 = alpha_HW[..., None].astype(np.float32) / 255
    return (rgb_HWC * weight_HW1 + MID_GREY * (1 - weight_HW1) + 0.5).astype(np.uint8), alpha_HW


def _limited(pixels: np.ndarray, max_side_px: int) -> np.ndarray:
    height, width = pixels.shape[:2]
    scale = max_side_px / max(height, width)
    if scale >= 1:
        return np.ascontiguousarray(pixels)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation (CIPA DC-008, tag 0x0112)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _too_many_pixels() -> InputError:
    return InputError("too_many_pixels", f"The picture has more than {MAX_PIXELS // 1_000_000} million pixels.")


def _undecodable(kind: str) -> InputError:
    return InputError("undecodable", f"The file looks like a {kind} picture but cannot be decoded.")


def _broken(kind: str, message: str) -> InputError:
    if any(word in message.lower() for word in _TRUNCATED_WORDS):
        return InputError("truncated", f"The {kind} file is incomplete: it ends before the picture does.")
    return _undecodable(kind)
