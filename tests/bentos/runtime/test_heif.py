"""HEIC is decoded by libraries without known holes, within the limits of every other picture, or refused."""

import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from bentos.runtime import decode as decoding
from bentos.runtime.decode import decode
from bentos.runtime.errors import InputError
from bentos.runtime.heif import MINIMUM, heic_refused, weaknesses


def heic(*sizes: tuple[int, int]) -> bytes:
    """A file with one picture of each size."""
    file = pillow_heif.HeifFile()
    for width, height in sizes:
        file.add_from_pillow(Image.fromarray(np.full((height, width, 3), 90, np.uint8)))
    buffer = io.BytesIO()
    file.save(buffer, quality=50, enc_params={"preset": "ultrafast"})
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("found", "clauses"),
    [
        (MINIMUM, []),
        ({"libheif": "1.30.0", "libde265": "1.10.0"}, []),
        ({"libheif": "1.22.0", "libde265": "1.0.19"}, ["libheif 1.22.0 is older than 1.22.1"]),
        ({"libheif": "1.9.1", "libde265": "1.0.9"}, ["libheif 1.9.1 is older", "libde265 1.0.9 is older"]),
        ({"libheif": "1.23.0"}, ["libde265 of unknown version is older than"]),
    ],
)
def test_older_and_unknown_versions_are_named(found: dict[str, str], clauses: list[str]) -> None:
    said = weaknesses(found)
    assert len(said) == len(clauses)
    assert all(sentence.startswith(clause) for sentence, clause in zip(said, clauses, strict=True))


def test_with_old_libraries_heic_is_refused_before_a_byte_is_parsed_and_jpeg_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoding, "heic_refused", lambda: "libheif 1.9.1 is older than 1.22.1")
    with pytest.raises(InputError) as caught:
        decode(b"\0\0\0\x18ftypheic" + b"not a picture at all" * 10)
    assert caught.value.code == "unsupported_format"
    assert "libheif 1.9.1" in caught.value.sentence
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30)).save(buffer, "JPEG")
    assert decode(buffer.getvalue()).width == 40


def test_this_installation_takes_heic() -> None:
    assert heic_refused() is None
    assert decode(heic((64, 48))).rgb_HWC.shape == (48, 64, 3)


def test_a_heic_that_claims_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    data = bytearray(heic((64, 48)))
    at = data.index(b"ispe") + 8
    data[at : at + 8] = struct.pack(">II", 60_000, 60_000)
    with pytest.raises(InputError) as caught:
        decode(bytes(data))
    assert caught.value.code in ("too_many_pixels", "undecodable", "truncated")


def test_of_many_pictures_in_one_file_one_is_decoded() -> None:
    picture = decode(heic(*[(64, 48)] * 12))
    assert picture.rgb_HWC.shape == (48, 64, 3)


def test_of_an_animated_png_with_many_frames_one_is_decoded() -> None:
    frames = [Image.new("RGB", (40, 30), (i, 0, 0)) for i in range(64)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:])
    assert tuple(decode(buffer.getvalue()).rgb_HWC[5, 5]) == (0, 0, 0)
