"""Another lot of a pill: the same at no strength, moved and relit otherwise, a capsule turned about its axis."""

import numpy as np
import pytest

from tests.training.sides import drawn_side
from training.pretrain.lots import another_lot
from training.pretrain.pose import Pill, prepare


def lot(pill: Pill, seed: int, *, strength: float = 1.0) -> np.ndarray:
    return another_lot(pill, np.random.default_rng(seed), strength=strength)


@pytest.mark.parametrize("number", [0, 1])
def test_without_strength_a_lot_is_the_reference_itself(number: int) -> None:
    side, pill = drawn_side(number), prepare(drawn_side(number))
    assert np.array_equal(lot(pill, 1, strength=0.0)[side.mask_HW], lot(pill, 2, strength=0.0)[side.mask_HW])
    inner = pill.alpha_HW > 0
    changed = np.abs(lot(pill, 1, strength=0.0).astype(int) - pill.rgb_HWC.astype(int))
    assert changed[inner].max() <= 1


def test_the_same_seed_gives_the_same_lot_and_others_other_ones() -> None:
    pill = prepare(drawn_side(1))
    assert np.array_equal(lot(pill, 3), lot(pill, 3))
    assert len({lot(pill, seed).tobytes() for seed in range(6)}) == 6


def test_the_imprint_moves_against_the_outline_and_stays_readable() -> None:
    pill = prepare(drawn_side(0))
    dark = [np.argwhere(lot(pill, seed).max(axis=2) < 90).mean(axis=0) for seed in range(30)]
    moved = np.linalg.norm(np.array(dark) - np.argwhere(pill.rgb_HWC.max(axis=2) < 90).mean(0), axis=1)
    assert 0.3 < np.median(moved) < 6
    assert moved.max() < 20


def test_a_long_pill_turns_about_its_axis_and_a_round_one_does_not() -> None:
    def across(number: int) -> np.ndarray:
        pill = prepare(drawn_side(number))
        return np.array([np.argwhere(lot(pill, seed).max(axis=2) < 90).mean(axis=0)[0] for seed in range(40)])

    assert across(1).std() > 1.5 * across(0).std()


def test_a_pill_of_two_colours_keeps_them() -> None:
    side = drawn_side(1)
    rgb = side.rgb_HWC.copy()
    rgb[:, 48:][side.mask_HW[:, 48:]] = (200, 40, 30)
    pill = prepare(type(side)(rgb, side.mask_HW))
    assert not pill.plain
    for seed in range(10):
        made = lot(pill, seed).astype(int)
        assert np.abs(np.median(made[40:56, 60:80], axis=(0, 1)) - (200, 40, 30)).max() < 60
