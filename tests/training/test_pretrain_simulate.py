"""The photograph simulator: repeats itself under one seed, shows the pill as the runtime would cut it out."""

import math

import numpy as np
import pytest

from bentos.runtime.locate import locate
from tests.training.sides import drawn_side
from training.pretrain.pose import cut_off, found_outline, lay_down, measured, prepare
from training.pretrain.simulate import CropSpec, simulate_crop, simulate_photo

SPEC = CropSpec(size_px=80)


def crop(number: int, *, seed: int, **how: float) -> np.ndarray:
    return simulate_crop(prepare(drawn_side(number)), np.random.default_rng(seed), spec=SPEC, **how)


@pytest.mark.parametrize("number", [0, 1])
def test_the_same_seed_gives_the_same_crop_and_another_one_another(number: int) -> None:
    assert np.array_equal(crop(number, seed=3), crop(number, seed=3))
    assert not np.array_equal(crop(number, seed=3), crop(number, seed=4))


@pytest.mark.parametrize("seed", range(12))
def test_a_crop_is_filled_outside_the_pill_and_by_it(seed: int) -> None:
    made = crop(seed % 2, seed=seed)
    assert (made.dtype, made.shape) == (np.uint8, (80, 80, 3))
    filled = (np.abs(made.astype(int) - 128).max(axis=2) <= 1).mean()
    assert 0.02 < filled < 0.75
    assert (made[0, 0] == 128).all()


def test_without_strength_and_turn_the_crop_is_nearly_the_reference() -> None:
    from bentos.runtime.preprocess import crop_pill
    from training.profiles import PROFILES

    side = drawn_side(0)
    spec = PROFILES["demo"]["fast"].preprocess.model_copy(update={"size_px": 80})
    clean = crop_pill(side.rgb_HWC, locate(side.rgb_HWC, alpha_HW=side.mask_HW.astype(np.uint8) * 255)[0], spec=spec)
    plain = crop(0, seed=1, strength=0.0, turn_rad=0.0)
    assert np.abs(plain.astype(int) - clean).mean() < 6


def test_an_elongated_pill_comes_level_however_it_lay() -> None:
    pill = prepare(drawn_side(1))
    for seed in range(8):
        made = simulate_crop(pill, np.random.default_rng(seed), spec=SPEC, strength=0.3)
        ys, xs = np.nonzero(np.abs(made.astype(int) - 128).max(axis=2) > 12)
        assert np.ptp(xs) > 1.25 * np.ptp(ys)


def test_a_tilt_shortens_the_pill_and_shows_its_wall() -> None:
    pill = prepare(drawn_side(0))
    poses = [lay_down(pill, np.random.default_rng(seed), turn_rad=0.5, strength=1.0) for seed in range(60)]
    narrow = [measured(pose.outline_NX).width_px / measured(pose.outline_NX).length_px for pose in poses]
    assert min(narrow) < 0.9
    assert min(narrow) > math.cos(math.radians(50))
    assert any(pose.wall_X.any() for pose in poses)


def test_a_cut_off_pill_loses_at_most_a_seventh_on_one_side() -> None:
    outline = prepare(drawn_side(0)).outline_NX
    for seed in range(10):
        cut = cut_off(outline, np.random.default_rng(seed))
        lost = np.linalg.norm(outline - cut, axis=1)
        assert 0 < lost.max() < 0.15 * np.ptp(outline, axis=0).max() + 1
        assert (lost == 0).mean() > 0.5


def test_a_found_outline_without_strength_is_the_true_one() -> None:
    outline = prepare(drawn_side(1)).outline_NX
    assert np.allclose(found_outline(outline, np.random.default_rng(0), strength=0.0), outline, atol=1e-3)


def test_whole_photographs_repeat_and_the_runtime_finds_the_pill_in_most() -> None:
    photos = [simulate_photo(drawn_side(seed), np.random.default_rng(seed), size_px=160) for seed in range(12)]
    again = simulate_photo(drawn_side(5), np.random.default_rng(5), size_px=160)
    assert np.array_equal(photos[5], again)
    assert {photo.shape for photo in photos} == {(160, 160, 3)}
    assert sum(bool(locate(photo)) for photo in photos) >= 10
