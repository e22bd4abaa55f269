"""What is not a usable picture gets a code and a sentence, quickly and within bounded memory."""

import io
import resource
import struct
import time
import zlib

import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from bentos.runtime.decode import MAX_BYTES, decode
from bentos.runtime.errors import InputError
from bentos.runtime.locate import locate


def noise_image(size_px: int = 160) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 255, (size_px, size_px, 3), np.uint8))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def heic() -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(noise_image(64)).save(buffer, enc_params={"preset": "ultrafast"})
    return buffer.getvalue()


KNOWN_CODES = ("empty_file", "unsupported_format", "too_many_pixels", "too_small", "truncated", "undecodable")
JPEG, PNG, HEIC = saved(noise_image(), "JPEG"), saved(noise_image(), "PNG"), heic()


def png_claiming(width: int, height: int, *, data: bytes = b"\0" * 1000) -> bytes:
    """A well-formed PNG whose header promises width x height pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def jpeg_claiming(width: int, height: int) -> bytes:
    at = JPEG.index(b"\xff\xc0")
    return JPEG[: at + 5] + struct.pack(">HH", height, width) + JPEG[at + 9 :]


def jpeg_of_many_scans() -> bytes:
    """A progressive JPEG that repeats its last scan; each costs a pass over the whole picture."""
    progressive = saved(noise_image(64), "JPEG", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    return progressive[:-2] + scan * 500 + b"\xff\xd9"


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("empty_file", b""),
        ("unsupported_format", b"This is a shopping list, not a photograph.\n" * 20),
        ("unsupported_format", b"\x00\x00"),
        ("unsupported_format", b"%PDF-1.7\n"),
        ("unsupported_format", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("unsupported_format", saved(noise_image(), "GIF")),
        ("unsupported_format", saved(noise_image(), "BMP")),
        ("unsupported_format", saved(noise_image(), "TIFF")),
        ("unsupported_format", saved(noise_image(), "WEBP")),
        ("too_large", JPEG + b"\0" * MAX_BYTES),
        ("truncated", JPEG[: len(JPEG) // 2]),
        ("truncated", PNG[: len(PNG) // 2]),
        ("undecodable", jpeg_of_many_scans()),
        ("too_many_pixels", png_claiming(60_000, 60_000)),
        ("too_many_pixels", png_claiming(10_000, 10_000)),
        ("too_many_pixels", png_claiming(2_000_000_000, 1)),
        ("too_many_pixels", jpeg_claiming(60_000, 60_000)),
        ("too_small", saved(Image.new("RGB", (3, 3)), "PNG")),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_code_and_a_sentence(code: str, data: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(InputError) as caught:
        decode(data)
    assert caught.value.code == code
    assert caught.value.sentence.endswith(".")
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    "data",
    [
        HEIC[: len(HEIC) * 2 // 3],
        HEIC[:64] + b"no picture follows" * 50,
        b"\xff\xd8\xff\xe0" + b"no picture follows" * 50,
        b"\x89PNG\r\n\x1a\n" + b"no picture follows" * 50,
    ],
)
def test_the_beginning_of_a_picture_is_not_one(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        decode(data)
    assert caught.value.code in ("truncated", "undecodable")


def test_a_bomb_costs_no_memory() -> None:
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError):
        decode(png_claiming(60_000, 60_000, data=b"\0" * 50_000_000))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 200_000


def decoded_or_refused(data: bytes) -> str:
    try:
        picture = decode(data)
    except InputError as error:
        return error.code
    return "picture" if picture.rgb_HWC.dtype == np.uint8 and picture.rgb_HWC.ndim == 3 else "not a picture"


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    original=st.sampled_from([JPEG, PNG, HEIC]),
    damage=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=12),
    kept=st.floats(0.02, 1),
)
def test_a_damaged_file_is_decoded_or_refused_but_never_anything_else(
    original: bytes, damage: list[tuple[float, int]], kept: float
) -> None:
    data = bytearray(original)
    for where, value in damage:
        data[int(where**3 * (len(data) - 1))] = value
    outcome = decoded_or_refused(bytes(data[: int(kept * len(data))]))
    assert outcome in ("picture", *KNOWN_CODES)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    width=st.integers(16, 90), height=st.integers(16, 90), seed=st.integers(0, 9), kind=st.sampled_from("nsbw"),
)  # fmt: skip
def test_locating_never_fails_whatever_the_picture(width: int, height: int, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    rgb_HWC = {
        "n": rng.integers(0, 255, (height, width, 3)),
        "s": np.kron(rng.integers(0, 255, (2, 2, 3)), np.ones((height // 2 + 1, width // 2 + 1, 1)))[:height, :width],
        "b": np.zeros((height, width, 3)),
        "w": np.full((height, width, 3), 255),
    }[kind].astype(np.uint8)
    for located in locate(rgb_HWC):
        assert located.mask_HW.shape == (height, width)
        assert located.mask_HW.any()
        assert 0 <= located.confidence <= 1
        assert located.box.x + located.box.width <= width
        assert located.box.y + located.box.height <= height
