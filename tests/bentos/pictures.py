"""Pictures as people and attackers send them: usable in odd ways, or not pictures at all."""

import io
import struct
import zlib
from functools import cache

import cv2
import numpy as np
import pillow_heif
from PIL import Image


def pill_picture(*, size_px: int = 240, seed: int = 1) -> Image.Image:
    """A white round tablet with a shaded rim on a brown table, RGB."""
    rng = np.random.default_rng(seed)
    rgb_HWC = np.full((size_px, size_px, 3), (120, 85, 60), np.uint8)
    centre, radius = (size_px // 2, size_px // 2), size_px // 4
    cv2.circle(rgb_HWC, centre, radius, (238, 236, 230), -1, cv2.LINE_AA)
    cv2.circle(rgb_HWC, centre, radius - 4, (225, 223, 218), 2, cv2.LINE_AA)
    cv2.putText(rgb_HWC, "44", (centre[0] - 22, centre[1] + 12), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (190, 188, 184), 2)
    noise_HWC = rng.normal(0, 3, rgb_HWC.shape)
    return Image.fromarray(np.clip(rgb_HWC + noise_HWC, 0, 255).astype(np.uint8))


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    """The picture's bytes in a format that Pillow writes."""
    pillow_heif.register_heif_opener()
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def jpeg(**overrides: object) -> bytes:
    """A usable JPEG of a pill."""
    return encoded(pill_picture(**overrides), "JPEG", quality=90)


@cache
def usable() -> dict[str, bytes]:
    """Odd pictures that a person expects an answer for."""
    picture = pill_picture()
    exif = Image.Exif()
    exif[0x0112] = 6
    grey_HW = np.asarray(picture.convert("L"))
    other = pill_picture(seed=2)
    return {
        "jpeg": jpeg(),
        "rotated_jpeg": encoded(picture, "JPEG", exif=exif),
        "grey_jpeg": encoded(picture.convert("L"), "JPEG"),
        "cmyk_jpeg": encoded(picture.convert("CMYK"), "JPEG"),
        "png": encoded(picture, "PNG"),
        "palette_png": encoded(picture.convert("P"), "PNG"),
        "rgba_png": encoded(picture.convert("RGBA"), "PNG"),
        "sixteen_bit_png": encoded(Image.fromarray(grey_HW.astype(np.uint16) * 257), "PNG"),
        "animated_png": encoded(picture, "PNG", save_all=True, append_images=[other]),
        "rotated_heic": encoded(picture, "HEIF", exif=exif.tobytes(), quality=70),
        "no_pill": encoded(Image.new("RGB", (240, 240), (120, 85, 60)), "JPEG"),
    }


@cache
def unusable() -> dict[str, tuple[bytes, set[str]]]:
    """Bytes that no answer can be given for, with the codes that say so."""
    whole = encoded(pill_picture(size_px=600), "JPEG", quality=95)
    heic = encoded(pill_picture(), "HEIF", quality=70)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1/x"/></svg>'
    return {
        "one_pixel": (encoded(Image.new("RGB", (1, 1), (255, 255, 255)), "PNG"), {"too_small"}),
        "thin_line": (encoded(Image.new("RGB", (4000, 1), (90, 90, 90)), "PNG"), {"too_small"}),
        "too_large": (whole + bytes(20 * 2**20), {"too_large"}),
        "empty": (b"", {"empty_file"}),
        "text_named_jpg": (b"this is not a picture\n" * 20, {"unsupported_format"}),
        "svg": (svg, {"unsupported_format"}),
        "pdf": (b"%PDF-1.7\n" + bytes(500), {"unsupported_format"}),
        "truncated_jpeg": (whole[: len(whole) // 2], {"truncated", "undecodable"}),
        "jpeg_header_alone": (whole[:20], {"truncated", "undecodable", "unsupported_format"}),
        "truncated_heic": (heic[: len(heic) // 2], {"truncated", "undecodable", "unsupported_format"}),
        "huge_png": (huge_png(60_000), {"too_many_pixels"}),
        "endless_png_header": (huge_png(2**31 - 1, rows=1), {"too_many_pixels", "undecodable", "unsupported_format"}),
    }


def huge_png(side: int, *, rows: int | None = None) -> bytes:
    """A black one-bit PNG of side x side pixels, under a megabyte; only the first `rows` rows where given."""
    packer = zlib.compressobj(1)
    row = bytes(1 + (side + 7) // 8) if rows is None else bytes(64)
    data = b"".join(packer.compress(row) for _ in range(side if rows is None else rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
