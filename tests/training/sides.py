"""A small made-up pack of reference sides, discs and bars whose colour and strokes tell the pill; some real frames."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from training.pretrain.pack import PACK_FILE, Side, SidePack

SHAPES = ("ROUND", "CAPSULE")


def drawn_side(number: int) -> Side:
    """A disc, or for odd numbers a bar, with a number on it, on mid grey."""
    mask = np.zeros((96, 96), np.uint8)
    if number % 2:
        cv2.line(mask, (24, 48), (72, 48), 1, 32)
    else:
        cv2.circle(mask, (48, 48), 42, 1, -1)
    color = cv2.cvtColor(np.array([[[number * 37 % 180, 120, 220]]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
    rgb = np.where(mask[..., None] > 0, color, np.uint8(128))
    rgb = cv2.putText(rgb.copy(), f"{number:02d}", (28, 58), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (30, 30, 30), 2)
    return Side(rgb, mask > 0)


def drawn_side_pack(directory: Path, *, num_pills: int = 12, held_out: tuple[int, ...] = (3, 7)) -> SidePack:
    """A pack of `num_pills` pills with two sides each; the last two pills are twins of one look group."""
    rows = [_row(pill, side, held=pill in held_out, last=num_pills - 1) for pill in range(num_pills) for side in (0, 1)]
    directory.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_parquet(directory / PACK_FILE, index=False)
    return SidePack(directory / PACK_FILE)


def _row(pill: int, side: int, *, held: bool, last: int) -> dict:
    drawn = drawn_side(pill + 2 * side)
    rgb, mask = drawn.rgb_HWC[..., ::-1], drawn.mask_HW.astype(np.uint8) * 255
    look = min(pill, last - 1)
    return {
        "name": f"{pill}#{side}", "medication_id": f"m{pill}", "side": ("front", "back")[side],
        "appearance_id": f"a{look}", "look_group": f"g{look}", "held_out": held, "clinical_drug": f"drug {pill}",
        "colors": "WHITE;RED" if pill % 3 else "BLUE", "shape": SHAPES[pill % 2], "score": 1 + pill % 2,
        "imprint": f"{pill}", "imprint_type": ("DEBOSSED", "PRINTED", "")[pill % 3],
        "rgb": cv2.imencode(".jpg", rgb)[1].tobytes(), "mask": cv2.imencode(".png", mask)[1].tobytes(),
    }  # fmt: skip


def few_frames(shared_dir: Path, root: Path, *, num: int) -> Path:
    """A catalogue with its first `num` pictured rows, and their pictures."""
    lines = (shared_dir / "rximage" / "catalogue.csv").read_text().splitlines(keepends=True)
    pictured = [line for line in lines[1:] if ".jpg" in line][:num]
    (root / "images").mkdir(parents=True)
    (root / "catalogue.csv").write_text("".join([lines[0], *pictured]))
    for line in pictured:
        for name in line.rstrip("\n").rsplit(",", 1)[1].strip('"').split("|"):
            shutil.copy(shared_dir / "rximage" / "images" / name, root / "images" / name)
    return root
