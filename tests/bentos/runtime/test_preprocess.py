"""Crops and batches: centred, turned, filled and normalised as the contract says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bentos.runtime.contract import PreprocessSpec
from bentos.runtime.locate import locate
from bentos.runtime.preprocess import canvas_matrix, crop_pill, pill_canvas, surface_rgb, to_batch
from tests.bentos.runtime.pills import drawn_pill

RED, WHITE = (200, 40, 40), (244, 242, 238)


def spec(**overrides: object) -> PreprocessSpec:
    return PreprocessSpec(
        **{"size_px": 128, "margin": 0.06, "mean": (0.5, 0.4, 0.3), "std": (0.2, 0.25, 0.5), **overrides}
    )


def crop_of(drawn, **overrides: object) -> np.ndarray:
    (located,) = locate(drawn.rgb_HWC)
    return crop_pill(drawn.rgb_HWC, located, spec=spec(**overrides))


def is_pill(crop_SSC: np.ndarray) -> np.ndarray:
    return np.abs(crop_SSC.astype(int) - 128).max(axis=2) > 30


@pytest.mark.parametrize("angle_deg", [0, 30, 90, -60])
def test_an_elongated_pill_lies_along_the_crop_and_leaves_the_margin(angle_deg: float) -> None:
    crop_SSC = crop_of(drawn_pill(ratio=0.4, length=0.6, angle_deg=angle_deg, rgb=RED))
    assert crop_SSC.shape == (128, 128, 3)
    assert crop_SSC.dtype == np.uint8
    rows, columns = np.nonzero(is_pill(crop_SSC))
    assert np.ptp(columns) + 1 == pytest.approx(128 / 1.12, abs=6)
    assert np.ptp(rows) + 1 == pytest.approx(0.4 * 128 / 1.12, abs=6)
    assert columns.min() + columns.max() == pytest.approx(127, abs=4)
    assert rows.min() + rows.max() == pytest.approx(127, abs=4)


def test_the_background_is_filled_or_kept_as_the_spec_says() -> None:
    drawn = drawn_pill(rgb=RED, background=(60, 150, 60))
    filled_SSC, kept_SSC = crop_of(drawn, fill_rgb=(10, 20, 30)), crop_of(drawn, keep_background=True)
    assert tuple(filled_SSC[2, 2]) == (10, 20, 30)
    assert kept_SSC[2, 2, 1] > kept_SSC[2, 2, 0] + 40
    assert np.abs(filled_SSC[64, 64].astype(int) - kept_SSC[64, 64]).max() <= 1


def test_the_surface_fills_the_crop_where_the_spec_says_so_but_not_around_a_cut_out() -> None:
    drawn = drawn_pill(rgb=RED, background=(60, 150, 90))
    crop_SSC = crop_of(drawn, fill_with_surface=True)
    plain_SSC = crop_of(drawn)
    assert np.abs(crop_SSC[2, 2].astype(int) - (60, 150, 90)).max() <= 12
    assert np.abs(crop_SSC[64, 64].astype(int) - plain_SSC[64, 64]).max() <= 1
    alpha_HW = np.where(np.abs(drawn.rgb_HWC.astype(int) - RED).max(axis=2) < 60, 255, 0).astype(np.uint8)
    cut_out = locate(drawn.rgb_HWC, alpha_HW=alpha_HW)[0]
    assert tuple(crop_pill(drawn.rgb_HWC, cut_out, spec=spec(fill_with_surface=True))[2, 2]) == (128, 128, 128)


@pytest.mark.parametrize(
    ("columns_of_surface", "expected"), [(40, (90.0, 120.0, 30.0)), (0, (1.0, 2.0, 3.0))], ids=["some", "none"]
)
def test_black_bars_are_no_surface(columns_of_surface, expected) -> None:
    pixels_HWC = np.zeros((128, 128, 3), np.uint8)
    pixels_HWC[:, :columns_of_surface] = (90, 120, 30)
    weight_HW = np.zeros((128, 128), np.float32)
    weight_HW[40:80, 40:80] = 1
    assert surface_rgb(pixels_HWC, weight_HW, unknown=(1.0, 2.0, 3.0)) == expected


def test_a_crop_hardly_depends_on_the_size_of_the_picture() -> None:
    crops = [crop_of(drawn_pill(size_px=size_px, rgb=RED, noise=0.5)) for size_px in (200, 400, 700)]
    for crop_SSC in crops[1:]:
        assert np.abs(crop_SSC.astype(int) - crops[0]).mean() < 6


@pytest.mark.parametrize(("ratio", "angle_deg", "size_px"), [(0.4, 30.0, 300), (0.4, -70.0, 900), (1.0, 20.0, 600)])
def test_the_matrix_of_a_canvas_says_where_a_point_of_the_picture_comes_to_lie(ratio, angle_deg, size_px) -> None:
    drawn = drawn_pill(size_px=size_px, ratio=ratio, angle_deg=angle_deg, length=0.6, noise=0.0)
    (located,) = locate(drawn.rgb_HWC)
    point_X = np.rint(np.array(located.centre_xy) + 0.05 * size_px)
    dot_HW = np.hypot(*(np.indices(drawn.mask_HW.shape)[::-1] - point_X[:, None, None])) < 0.025 * size_px
    drawn.rgb_HWC[dot_HW] = (200, 0, 0)
    canvas_HWC, _ = pill_canvas(drawn.rgb_HWC, located, size=(256, 128), margin=0.05)
    matrix = canvas_matrix(located, size=(256, 128), margin=0.05)
    rows, columns = np.nonzero(canvas_HWC[..., 0].astype(int) - canvas_HWC[..., 1] > 100)
    assert matrix @ [*point_X, 1] == pytest.approx([columns.mean(), rows.mean()], abs=0.5)


def test_batches_are_normalised_by_the_spec_alone() -> None:
    crop_SSC = np.random.default_rng(1).integers(0, 256, (128, 128, 3), np.uint8)
    batch = to_batch([crop_SSC, crop_SSC], spec=spec())
    expected_SSC = (crop_SSC / 255 - np.array([0.5, 0.4, 0.3])) / np.array([0.2, 0.25, 0.5])
    assert batch.shape == (2, 3, 128, 128)
    assert batch.dtype == np.float32
    assert batch.flags["C_CONTIGUOUS"]
    np.testing.assert_allclose(batch[1], expected_SSC.transpose(2, 0, 1), atol=1e-5)
    assert to_batch([], spec=spec()).shape == (0, 3, 128, 128)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(angle_deg=st.floats(-90, 90), length=st.floats(0.3, 0.8))
def test_a_turned_pill_gives_the_same_crop_or_the_one_turned_round(angle_deg: float, length: float) -> None:
    upright = crop_of(drawn_pill(ratio=0.4, length=0.6, rgb=RED, second_rgb=WHITE)).astype(int)
    crop_SSC = crop_of(drawn_pill(ratio=0.4, length=length, angle_deg=angle_deg, rgb=RED, second_rgb=WHITE))
    same, turned = (np.abs(crop_SSC.astype(int) - other).mean() for other in (upright, upright[::-1, ::-1]))
    assert min(same, turned) < 12
