"""The content store: pictures filed under the SHA-256 of their bytes, free of EXIF and other metadata."""

import hashlib
import io
import os
from pathlib import Path

from PIL import Image

from bentos.runtime.decode import Picture

PHOTOS = "photos"
_EXTENSIONS = {"JPEG": "jpg", "PNG": "png"}
_METADATA = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif", "photoshop", "comment", "iptc", "mp"}
_JPEG_END = b"\xff\xd9"
_JPEG_QUALITY = 95


def stored_form(data: bytes, *, picture: Picture) -> tuple[bytes, str]:
    """The bytes to keep and their file extension.

    JPEG and PNG without metadata are kept as they came; anything else is encoded anew from the upright
    `picture`, so that neither EXIF (GPS) nor a trailing second picture is kept.
    """
    if picture.format in _EXTENSIONS and _is_bare(data):
        return data, _EXTENSIONS[picture.format]
    return _encoded(picture)


def _is_bare(data: bytes) -> bool:
    with Image.open(io.BytesIO(data)) as image:
        if image.format not in _EXTENSIONS or getattr(image, "n_frames", 1) > 1:
            return False
        if image.format == "PNG":
            return not _METADATA & set(image.info) and not getattr(image, "text", {}) and b"eXIf" not in data
        return not _METADATA & set(image.info) and data.endswith(_JPEG_END)


def _encoded(picture: Picture) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    image = Image.fromarray(picture.rgb_HWC)
    if picture.alpha_HW is None and picture.format != "PNG":
        image.save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
        return buffer.getvalue(), "jpg"
    if picture.alpha_HW is not None:
        image.putalpha(Image.fromarray(picture.alpha_HW))
    image.save(buffer, "PNG", compress_level=3)
    return buffer.getvalue(), "png"


def store(home: Path, data: bytes, *, extension: str) -> tuple[str, str]:
    """File `data` under `home`; returns its SHA-256 in hex and its path relative to `home`.

    A picture that is there already is not written again; a crash leaves no half-written file under its name.
    """
    digest = hashlib.sha256(data).hexdigest()
    relative = f"{PHOTOS}/{digest[:2]}/{digest}.{extension}"
    path = home / relative
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(data)
        partial.replace(path)
    return digest, relative
