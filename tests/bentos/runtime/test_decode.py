"""Decoding: every kind of picture a phone or a person sends comes out as the same upright RGB."""

import io

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from bentos.runtime.decode import decode

QUARTERS = np.zeros((60, 100, 3), np.uint8)
QUARTERS[:30, :50], QUARTERS[:30, 50:], QUARTERS[30:, :50], QUARTERS[30:, 50:] = (
    (220, 30, 30), (30, 220, 30), (30, 30, 220), (220, 220, 30))  # fmt: skip
CORNERS = [(5, 5), (5, 94), (54, 5), (54, 94)]


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def corners(rgb_HWC: np.ndarray) -> list[np.ndarray]:
    return [rgb_HWC[y, x].astype(int) for y, x in CORNERS]


def assert_quarters(rgb_HWC: np.ndarray, *, tolerance: int = 40) -> None:
    for found, expected in zip(corners(rgb_HWC), corners(QUARTERS), strict=True):
        assert np.abs(found - expected).max() <= tolerance


def heic(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(image).save(buffer, quality=90, enc_params={"preset": "ultrafast"}, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("jpeg", encoded(Image.fromarray(QUARTERS), "JPEG", quality=95)),
        ("progressive jpeg", encoded(Image.fromarray(QUARTERS), "JPEG", quality=95, progressive=True)),
        ("cmyk jpeg", encoded(Image.fromarray(QUARTERS).convert("CMYK"), "JPEG", quality=95)),
        ("png", encoded(Image.fromarray(QUARTERS), "PNG")),
        ("palette png", encoded(Image.fromarray(QUARTERS).convert("P", palette=Image.Palette.ADAPTIVE), "PNG")),
        ("opaque rgba png", encoded(Image.fromarray(QUARTERS).convert("RGBA"), "PNG")),
        ("heic", heic(Image.fromarray(QUARTERS))),
    ],
)
def test_every_format_and_colour_mode_gives_the_same_colours(name: str, data: bytes) -> None:
    picture = decode(data)
    assert picture.rgb_HWC.shape == (60, 100, 3)
    assert picture.rgb_HWC.dtype == np.uint8
    assert picture.alpha_HW is None
    assert (picture.width, picture.height, picture.scale) == (100, 60, 1.0)
    assert_quarters(picture.rgb_HWC)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    undo = {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_270}  # fmt: skip
    stored = Image.fromarray(QUARTERS)
    stored = stored.transpose(undo[orientation]) if orientation in undo else stored
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = decode(encoded(stored, "JPEG", quality=95, exif=exif))
    assert (picture.width, picture.height) == (100, 60)
    assert_quarters(picture.rgb_HWC)


def test_a_heic_that_says_it_is_turned_comes_out_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(QUARTERS).transpose(Image.Transpose.ROTATE_90)
    picture = decode(heic(stored, exif=exif.tobytes()))
    assert (picture.width, picture.height, picture.format) == (100, 60, "HEIF")
    assert_quarters(picture.rgb_HWC)


def test_sixteen_bit_grey_keeps_its_lightness() -> None:
    grey_HW = np.tile(np.linspace(0, 65535, 100), (60, 1)).astype(np.uint16)
    picture = decode(encoded(Image.fromarray(grey_HW), "PNG"))
    expected_W = np.rint(grey_HW[0] / 257).astype(int)
    assert np.abs(picture.rgb_HWC[30, :, 1].astype(int) - expected_W).max() <= 1


def test_grey_and_black_and_white_pictures_become_rgb() -> None:
    for mode in ("L", "1", "LA"):
        assert decode(encoded(Image.new(mode, (40, 30)), "PNG")).rgb_HWC.shape == (30, 40, 3)


def test_a_cut_out_keeps_its_alpha_and_stands_on_mid_grey() -> None:
    rgba_HWC = np.dstack([QUARTERS, np.zeros((60, 100), np.uint8)])
    rgba_HWC[:30, :, 3] = 255
    picture = decode(encoded(Image.fromarray(rgba_HWC), "PNG"))
    assert picture.alpha_HW is not None
    assert np.array_equal(picture.alpha_HW > 127, rgba_HWC[..., 3] > 127)
    assert (picture.rgb_HWC[30:] == 128).all()
    assert np.array_equal(picture.rgb_HWC[:30], QUARTERS[:30])


def test_a_transparent_palette_entry_counts_as_alpha() -> None:
    stored = Image.new("P", (40, 30), 0)
    stored.putpalette([200, 0, 0, 0, 200, 0])
    stored.paste(1, (10, 10, 30, 20))
    picture = decode(encoded(stored, "PNG", transparency=0))
    assert picture.alpha_HW is not None
    assert int((picture.alpha_HW > 0).sum()) == 200


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.new("RGB", (40, 30), color) for color in ("red", "blue")]
    picture = decode(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]))
    assert tuple(picture.rgb_HWC[10, 10]) == (255, 0, 0)


def test_large_pictures_are_bounded_and_say_by_how_much() -> None:
    for kind in ("JPEG", "PNG"):
        picture = decode(encoded(Image.fromarray(QUARTERS).resize((3000, 1800)), kind), max_side_px=800)
        assert picture.rgb_HWC.shape == (480, 800, 3)
        assert picture.scale == pytest.approx(800 / 3000)
        assert (picture.width, picture.height) == (3000, 1800)


def test_damaged_exif_counts_as_none() -> None:
    data = encoded(Image.fromarray(QUARTERS), "JPEG", quality=95, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff\x00")
    assert_quarters(decode(data).rgb_HWC)
