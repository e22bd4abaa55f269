"""Pictures that carry what people do not know they send: place, owner, comment, profile, thumbnail, tail."""

import io
from typing import Final

import pillow_heif
from PIL import Image, ImageCms, PngImagePlugin
from PIL.TiffImagePlugin import IFDRational

PLANTED: Final = b"Ann Q. Miller 415-555-2671"
_MAKE, _ARTIST, _COPYRIGHT, _GPS, _ORIENTATION = 0x010F, 0x013B, 0x8298, 0x8825, 0x0112


def exif() -> Image.Exif:
    """Owner, device and place (48.137, 11.576), turned by a quarter."""
    made = Image.Exif()
    made[_MAKE] = made[_ARTIST] = made[_COPYRIGHT] = PLANTED.decode()
    made[_ORIENTATION] = 6
    place = made.get_ifd(_GPS)
    degrees = (IFDRational(48), IFDRational(8), IFDRational(1342, 100))
    place.update({1: "N", 2: degrees, 3: "E", 4: degrees, 29: "1960:02:03"})
    return made


def profile() -> bytes:
    """An sRGB profile whose tail names a person."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() + PLANTED


def carrying(picture: Image.Image, kind: str) -> bytes:
    """The picture as JPEG, PNG or HEIF with all of it."""
    pillow_heif.register_heif_opener()
    buffer, options = io.BytesIO(), {"exif": exif().tobytes(), "icc_profile": profile()}
    if kind == "JPEG":
        options |= {"comment": PLANTED, "quality": 92}
    elif kind == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("Author", PLANTED.decode())
    elif kind == "HEIF":
        options |= {"xmp": b"<x:xmpmeta>" + PLANTED + b"</x:xmpmeta>", "quality": 80}
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue() + (PLANTED if kind != "HEIF" else b"")
