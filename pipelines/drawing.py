"""Rendered photographs of the built-in formulary as a labelled directory."""

import csv
from collections.abc import Sequence
from pathlib import Path

import cv2

from data.catalogue.formulary import read_formulary
from data.rendering.render import render_photo
from pipelines.showing import CommandFault

_COLUMNS = ("file", "ndc11", "background", "side", "light", "blur")
_JPEG_QUALITY = 90


def render_into(out: Path, *, ndc11s: Sequence[str] | None, photos_per_side: int, seed: int, pool: str) -> int:
    """Draw both sides of the chosen medications into `out` with labels.csv; returns how many pictures.

    Raises:
        CommandFault: an NDC-11 is not in the formulary.
    """
    formulary = read_formulary()
    if unknown := set(ndc11s or ()) - {medication.ndc11 for medication in formulary}:
        raise CommandFault(f"not in the formulary: {', '.join(sorted(unknown))}")
    chosen = [medication for medication in formulary if not ndc11s or medication.ndc11 in ndc11s]
    out.mkdir(parents=True, exist_ok=True)
    labels = []
    for medication in chosen:
        for side in ("front", "back"):
            for number in range(photos_per_side):
                photo = render_photo(medication, side=side, seed=seed + number, pool=pool)
                name = f"{medication.ndc11}_{side}_{number}.jpg"
                cv2.imwrite(str(out / name), photo.rgb_HWC[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
                taken = [str(photo.conditions[key]) for key in ("light", "blur")]
                labels.append([name, medication.ndc11, photo.conditions["background"], side, *taken])
    with (out / "labels.csv").open("w", newline="") as handle:
        csv.writer(handle).writerows([_COLUMNS, *labels])
    return len(labels)
