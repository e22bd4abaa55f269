"""Locating: the mask is the pill's, whatever lies around it, and nothing is found where there is nothing."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from bentos.runtime.decode import decode
from bentos.runtime.locate import locate
from data.catalogue.formulary import read_formulary
from data.rendering.render import render_photo
from data.sources.rximage import cut_out
from tests.bentos.runtime.pills import Drawn, drawn_pill, iou, surface

WHITE, BLACK, RED, GREY = (244, 244, 240), (38, 36, 40), (190, 40, 40), (150, 140, 130)


@pytest.mark.parametrize(
    ("name", "drawn", "floor"),
    [
        ("round on grey", drawn_pill(), 0.95),
        ("capsule askew", drawn_pill(ratio=0.4, angle_deg=35), 0.95),
        ("white on white", drawn_pill(rgb=WHITE, background=(250, 250, 250), noise=1.0, shadow=0.2), 0.9),
        ("black on dark", drawn_pill(rgb=BLACK, background=(70, 66, 60), length=0.6), 0.93),
        ("two-tone on bright", drawn_pill(ratio=0.36, second_rgb=RED, rgb=WHITE, background=(232, 230, 226)), 0.93),
        ("strong shadow", drawn_pill(rgb=(230, 180, 90), shadow=0.55), 0.93),
        ("nearly fills the frame", drawn_pill(length=0.94, ratio=0.9), 0.95),
        ("small and off centre", drawn_pill(length=0.16, centre=(0.25, 0.7), size_px=400), 0.93),
        ("coarse noise", drawn_pill(noise=9.0), 0.93),
    ],
)
def test_the_mask_is_the_pills(name: str, drawn: Drawn, floor: float) -> None:
    (located,) = locate(drawn.rgb_HWC)
    assert iou(located.mask_HW, drawn.mask_HW) > floor


@pytest.mark.parametrize("angle_deg", [-80, -45, -10, 0, 10, 45, 80, 90])
def test_the_long_axis_and_the_lengths_are_those_of_the_pill(angle_deg: float) -> None:
    (located,) = locate(drawn_pill(length=0.6, ratio=0.4, angle_deg=angle_deg).rgb_HWC)
    assert abs((located.angle_deg - angle_deg + 90) % 180 - 90) < 3
    assert -90 < located.angle_deg <= 90
    assert located.length_px == pytest.approx(0.6 * 240, abs=6)
    assert located.width_px == pytest.approx(0.24 * 240, abs=6)


def test_box_holds_exactly_the_mask() -> None:
    (located,) = locate(drawn_pill(ratio=0.5, angle_deg=20, centre=(0.4, 0.6)).rgb_HWC)
    rows, columns = np.nonzero(located.mask_HW)
    box = located.box
    assert (box.x, box.y) == (columns.min(), rows.min())
    assert (box.width, box.height) == (np.ptp(columns) + 1, np.ptp(rows) + 1)


@pytest.mark.parametrize("noise", [0.5, 3.0, 10.0])
@pytest.mark.parametrize("rgb", [WHITE, GREY, BLACK, (170, 120, 70)])
def test_nothing_is_found_on_an_empty_surface(rgb: tuple[int, int, int], noise: float) -> None:
    assert locate(surface(rgb=rgb, noise=noise).astype(np.uint8)) == []


def test_nothing_is_found_in_a_soft_shadow_or_on_woven_cloth() -> None:
    plain_HWC = surface(noise=1.5)
    shade_HW = np.zeros((240, 240), np.float32)
    cv2.ellipse(shade_HW, (120, 120), (80, 50), 20, 0, 360, 0.4, -1)
    shaded_HWC = plain_HWC * (1 - cv2.GaussianBlur(shade_HW, (0, 0), 18)[..., None])
    wave_N = np.sin(np.arange(240) * 1.3)
    woven_HWC = plain_HWC * (1 + 0.1 * np.outer(wave_N, wave_N)[..., None])
    for rgb_HWC in (shaded_HWC, woven_HWC):
        assert locate(np.clip(rgb_HWC, 0, 255).astype(np.uint8)) == []


def test_each_of_several_pills_is_found() -> None:
    first = drawn_pill(length=0.3, centre=(0.27, 0.3), rgb=WHITE)
    second = drawn_pill(length=0.34, ratio=0.45, angle_deg=30, centre=(0.7, 0.65), rgb=RED, onto=first.rgb_HWC)
    found = locate(second.rgb_HWC)
    assert len(found) == 2
    for true_HW in (first.mask_HW, second.mask_HW):
        assert max(iou(located.mask_HW, true_HW) for located in found) > 0.9


def test_black_bars_that_pad_a_picture_are_not_part_of_it() -> None:
    drawn = drawn_pill(ratio=0.4, length=0.8)
    padded_HWC, padded_HW = drawn.rgb_HWC.copy(), drawn.mask_HW
    padded_HWC[:60] = padded_HWC[-60:] = 0
    (located,) = locate(padded_HWC)
    assert iou(located.mask_HW, padded_HW) > 0.95


def test_a_cut_out_is_taken_as_it_is() -> None:
    drawn = drawn_pill(ratio=0.5)
    (located,) = locate(drawn.rgb_HWC, alpha_HW=drawn.mask_HW.astype(np.uint8) * 255)
    assert np.array_equal(located.mask_HW, drawn.mask_HW)
    assert located.confidence == 1
    assert locate(drawn.rgb_HWC, alpha_HW=np.zeros(drawn.mask_HW.shape, np.uint8)) == []


def test_a_large_picture_is_located_as_precisely_as_a_small_one() -> None:
    drawn = drawn_pill(size_px=900, length=0.2, ratio=0.5, angle_deg=25, centre=(0.4, 0.55))
    (located,) = locate(drawn.rgb_HWC)
    assert iou(located.mask_HW, drawn.mask_HW) > 0.94


@pytest.mark.realdata
def test_one_pill_is_found_in_every_consumer_photograph(shared_dir: Path) -> None:
    for path in sorted((shared_dir / "photos").glob("*.jpg")):
        found = locate(decode(path.read_bytes()).rgb_HWC)
        assert len(found) == 1, path.name
        assert found[0].length_px > 0.4 * found[0].mask_HW.shape[1], path.name


def test_rendered_photographs_are_located_within_their_true_outline() -> None:
    medications = read_formulary()[::4]
    rendered = [render_photo(m, side="front", seed=seed, pool="test") for seed, m in enumerate(medications)]
    found = [(locate(photo.rgb_HWC), photo.mask_HW) for photo in rendered]
    overlaps = [iou(located[0].mask_HW, true_HW) if located else 0.0 for located, true_HW in found]
    assert np.median(overlaps) > 0.93
    assert np.mean([overlap > 0.8 for overlap in overlaps]) > 0.85


@pytest.mark.realdata
def test_reference_pills_on_other_surfaces_are_located_within_their_true_outline(shared_dir: Path) -> None:
    overlaps = []
    for number, path in enumerate(sorted((shared_dir / "rximage" / "images").glob("*.jpg"))[::150]):
        side = cut_out(decode(path.read_bytes()).rgb_HWC)[0]
        ground_HWC = surface(size_px=330, rgb=(170 - 4 * number, 150 - 2 * number, 90 + 3 * number), seed=number)
        offset = (330 - side.mask.shape[0]) // 2, (330 - side.mask.shape[1]) // 2
        true_HW = np.zeros((330, 330), bool)
        window = np.s_[offset[0] : offset[0] + side.mask.shape[0], offset[1] : offset[1] + side.mask.shape[1]]
        true_HW[window] = side.mask
        ground_HWC[true_HW] = side.rgb[side.mask]
        found = locate(cv2.GaussianBlur(ground_HWC, (0, 0), 0.7).astype(np.uint8))
        overlaps.append(iou(found[0].mask_HW, true_HW) if found else 0.0)
    assert np.median(overlaps) > 0.95
    assert min(overlaps) > 0.7
