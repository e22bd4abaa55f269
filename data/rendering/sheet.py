"""Contact sheets of rendered pictures, to be looked at beside real ones."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from bentos.runtime.medication import Medication, Side
from data.rendering.render import Pool, render_photo, render_reference

_SIDES: tuple[Side, ...] = ("front", "back")


def contact_sheet(
    medications: Sequence[Medication],
    *,
    photos_per_side: int = 3,
    pool: Pool = "train",
    seed: int = 0,
    size_px: int = 224,
    with_references: bool = True,
) -> bytes:
    """One row per medication, front pictures then back pictures, as PNG bytes.

    Each side shows its reference picture (if wanted), then photographs with seeds from `seed` on.
    """
    rows = [
        np.hstack(
            [
                picture
                for side in _SIDES
                for picture in _side_row(medication, side, photos_per_side, pool, seed, size_px, with_references)
            ]
        )
        for medication in medications
    ]
    buffer = io.BytesIO()
    Image.fromarray(np.vstack(rows)).save(buffer, format="PNG", compress_level=6)
    return buffer.getvalue()


def _side_row(
    medication: Medication, side: Side, num_photos: int, pool: Pool, seed: int, size_px: int, with_reference: bool
) -> list[np.ndarray]:
    photos = [
        render_photo(medication, side=side, seed=seed + number, pool=pool, size_px=size_px).rgb_HWC
        for number in range(num_photos)
    ]
    if not with_reference:
        return photos
    return [render_reference(medication, side=side, lot=0, size_px=size_px).rgb_HWC, *photos]
