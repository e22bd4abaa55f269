"""Difference hashes: alike for the same photograph, far apart for another."""

import cv2
import numpy as np
import pytest

from data.duplicates import NEAR_BITS, difference_hash
from tests.data.pictures import encoded, pill_on_table


def bits_between(first: np.ndarray, second: np.ndarray) -> int:
    return (int(difference_hash(first), 16) ^ int(difference_hash(second), 16)).bit_count()


def recompressed(picture: np.ndarray) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(encoded(picture, quality=30), np.uint8), cv2.IMREAD_COLOR)[..., ::-1].copy()


@pytest.mark.parametrize(
    "change",
    [
        recompressed,
        lambda picture: cv2.resize(picture, (90, 90), interpolation=cv2.INTER_AREA),
        lambda picture: np.clip(picture * 0.9 + 5, 0, 255).astype(np.uint8),
    ],
    ids=["recompressed", "smaller", "darker"],
)
def test_a_changed_copy_stays_near(change) -> None:
    assert all(bits_between(pill_on_table(seed), change(pill_on_table(seed))) <= NEAR_BITS for seed in range(20))


def test_another_photograph_is_far() -> None:
    assert min(bits_between(pill_on_table(0), pill_on_table(seed)) for seed in range(1, 40)) > 3 * NEAR_BITS
