"""How many photographs a second one core draws: `python -m data.rendering.speed`."""

import argparse
import time
from collections.abc import Sequence

import cv2

from bentos.runtime.medication import Medication, Side
from data.catalogue.formulary import read_formulary
from data.rendering.render import render_photo

_SIDES: tuple[Side, ...] = ("front", "back")
_WARM_UP = 60
_WARM_UP_SEED = 10_000


def photos_per_cpu_second(medications: Sequence[Medication], *, photos_per_side: int, size_px: int = 224) -> float:
    """Measured speed of `render_photo` on one thread, textures warm, each side's surface built anew."""
    cv2.setNumThreads(1)
    for number in range(_WARM_UP):
        render_photo(medications[0], side="front", seed=_WARM_UP_SEED + number, pool="train", size_px=size_px)
    start = time.process_time()
    for medication in medications:
        for side in _SIDES:
            for number in range(photos_per_side):
                render_photo(medication, side=side, seed=number, pool="train", size_px=size_px)
    return len(medications) * len(_SIDES) * photos_per_side / (time.process_time() - start)


def main() -> None:
    """Measure and say how many pictures a core draws in a second."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--medications", type=int, default=12)
    parser.add_argument("--photos-per-side", type=int, default=24)
    options = parser.parse_args()
    medications = read_formulary()[: options.medications]
    figure = photos_per_cpu_second(medications, photos_per_side=options.photos_per_side)
    print(f"{figure:.0f} pictures of 224 px a second on one core")  # noqa: T201


if __name__ == "__main__":
    main()
