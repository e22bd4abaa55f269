"""How many pictures of 300 px a second ingest reads: `python -m data.speed`."""

import csv
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import cv2

from data.catalogue.formulary import read_formulary
from data.ingest import ingest
from data.rendering.render import render_photo
from data.sources.folder import LABELS, FolderSource

NUM_PICTURES = 960
SIZE_PX = 300
WORKERS = 2


def draw_folder(folder: Path, *, num: int) -> None:
    """Photographs of formulary medications as JPEG files of 300 px, with their labels."""
    medications = read_formulary()
    with (folder / LABELS).open("w", newline="") as handle:
        table = csv.writer(handle)
        table.writerow(["file", "ndc11", "background", "side"])
        for number in range(num):
            medication = medications[number % len(medications)]
            drawn = render_photo(medication, side="front", seed=number, pool="train", size_px=SIZE_PX)
            cv2.imwrite(str(folder / f"{number}.jpg"), drawn.rgb_HWC[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
            table.writerow([f"{number}.jpg", medication.ndc11, drawn.conditions["background"], "front"])


def main() -> None:
    """Draw, ingest into an empty home, say how fast."""
    with tempfile.TemporaryDirectory() as place:
        folder, home = Path(place) / "photos", Path(place) / "home"
        folder.mkdir()
        draw_folder(folder, num=NUM_PICTURES)
        medications = read_formulary()
        report = ingest([FolderSource(folder, medications=medications)], medications=medications, home=home,
                        now=datetime.now(UTC).isoformat(), workers=WORKERS,
                        on_progress=lambda source, done, total: None)  # fmt: skip
    sys.stdout.write(f"{report.pictures_per_s:.0f} pictures of {SIZE_PX} px a second, {WORKERS} workers\n")


if __name__ == "__main__":
    main()
