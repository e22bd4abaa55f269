"""The labelled sides in one file: pictures a little larger than the reader's canvas, lines, what is left open."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from bentos.runtime.decode import decode
from bentos.runtime.medication import Medication, fold_imprint, look_group_of
from bentos.runtime.read import Reader
from data.catalogue.nlm import read_nlm_catalogue
from data.photo import Photo
from data.sources.rximage import RxImageSource
from training.pretrain.held_out import held_out
from training.pretrain.pack import PackError, Side
from training.reading.label import label_pill
from training.reading.lines import LabelledSide, TextLine

PACK_FILE = "labelled_sides.parquet"
_LONGEST_PX = 416
_JPEG_QUALITY = 92


@dataclass(frozen=True)
class ReadingPack:
    """The sides of a pack; opened lazily, so that it is cheap to send to a worker.

    Rows: `name, pill, tokens, look_group, held_out, num_lines, blank`; sides of one `pill` follow each other,
    `tokens` is its folded imprint as a JSON list, `blank`: the side is known to carry no text.
    """

    path: Path

    def __reduce__(self) -> tuple:
        """Only the way to the file is sent to another process."""
        return ReadingPack, (self.path,)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The whole table."""
        try:
            return pd.read_parquet(self.path)
        except (OSError, ValueError) as error:
            raise PackError(f"{self.path} is no pack of labelled sides: {error}") from error

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @cached_property
    def lettered(self) -> np.ndarray:
        """Numbers of the sides with known lines that may be trained on."""
        return np.flatnonzero(~self.rows["held_out"].to_numpy() & (self.rows["num_lines"].to_numpy() > 0))

    @cached_property
    def blank(self) -> np.ndarray:
        """Numbers of the sides without any text that may be trained on: room for text made up."""
        return np.flatnonzero(~self.rows["held_out"].to_numpy() & self.rows["blank"].to_numpy())

    def side(self, number: int) -> LabelledSide:
        """Decode one side."""
        row = self.rows.iloc[number]
        rgba_HWC = cv2.imdecode(np.frombuffer(row["rgb"], np.uint8), cv2.IMREAD_COLOR)
        mask_HW = cv2.imdecode(np.frombuffer(row["mask"], np.uint8), cv2.IMREAD_GRAYSCALE) > 127
        labels = json.loads(row["labels"])
        lines = tuple(TextLine(np.array(quad), text) for quad, text in labels["lines"])
        ambiguous = tuple(np.array(quad) for quad in labels["ambiguous"])
        side = Side(np.ascontiguousarray(rgba_HWC[..., ::-1]), mask_HW)
        return LabelledSide(side, lines, ambiguous, labels["complete"])


def build_reading_pack(
    rximage: Path,
    *,
    reader: Reader,
    out: Path,
    several_views: bool = True,
    on_side: Callable[[int], None] = lambda num: None,
) -> ReadingPack:
    """Label every side under `rximage` (`catalogue.csv`, `images/`) into `out/labelled_sides.parquet`.

    `several_views` as `label_pill` has it.

    Raises:
        PackError: no side was found.
    """
    medications = {row.medication_id: row for row in read_nlm_catalogue(rximage / "catalogue.csv").medications}
    rows = []
    for medication_id, photos in _pills(RxImageSource(rximage, medications=medications.values())):
        medication = medications[medication_id]
        tokens = _tokens(medication)
        blank = [LabelledSide(_side(photo), (), (), complete=False) for photo in photos]
        sides = label_pill(blank, tokens=tokens, reader=reader, several_views=several_views)
        rows += [pack_row(side, name=p.name, medication=medication) for side, p in zip(sides, photos, strict=True)]
        on_side(len(rows))
    if not rows:
        raise PackError(f"{rximage} holds no readable reference frame")
    return write_reading_pack(rows, out=out)


def relabel(
    pack: ReadingPack, *, reader: Reader, out: Path, on_side: Callable[[int], None] = lambda num: None
) -> ReadingPack:
    """Look once more, with a better reader, at the pills of which a part of the imprint was not found."""
    rows: list[dict] = []
    for numbers in pack.rows.groupby("pill", sort=False).indices.values():
        known = [pack.side(int(number)) for number in numbers]
        own = [pack.rows.iloc[number].to_dict() for number in numbers]
        if not all(side.complete for side in known):
            sides = label_pill(known, tokens=json.loads(own[0]["tokens"]), reader=reader)
            own = [row | _found(side, scale=1.0) for row, side in zip(own, sides, strict=True)]
        rows += own
        on_side(len(rows))
    return write_reading_pack(rows, out=out)


def write_reading_pack(rows: list[dict], *, out: Path) -> ReadingPack:
    """Write rows as `pack_row` makes them into `out/labelled_sides.parquet`."""
    out.mkdir(parents=True, exist_ok=True)
    draft = out / (PACK_FILE + ".part")
    pd.DataFrame(rows).to_parquet(draft, index=False)
    draft.replace(out / PACK_FILE)
    return ReadingPack(out / PACK_FILE)


def pack_row(labelled: LabelledSide, *, name: str, medication: Medication) -> dict:
    """One side as a row of the pack, scaled down where it is large."""
    rgb_HWC, mask_HW = labelled.side.rgb_HWC, labelled.side.mask_HW.astype(np.uint8) * 255
    scale = min(1.0, _LONGEST_PX / max(mask_HW.shape))
    size = tuple(max(1, round(length * scale)) for length in mask_HW.shape[::-1])
    rgb_HWC, mask_HW = (cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) for pixels in (rgb_HWC, mask_HW))
    look = look_group_of(medication)
    return {
        "name": name,
        "pill": medication.medication_id,
        "tokens": json.dumps(_tokens(medication)),
        "look_group": look,
        "held_out": held_out(look),
        **_found(labelled, scale=scale),
        "rgb": cv2.imencode(".jpg", rgb_HWC[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes(),
        "mask": cv2.imencode(".png", (mask_HW > 127).astype(np.uint8) * 255, [cv2.IMWRITE_PNG_BILEVEL, 1])[1].tobytes(),
    }


def _tokens(medication: Medication) -> list[str]:
    return [folded for token in medication.imprint if (folded := fold_imprint(token.text))]


def _found(labelled: LabelledSide, *, scale: float) -> dict:
    """The columns of a row that labelling decides."""
    return {
        "num_lines": len(labelled.lines),
        "blank": labelled.complete and not labelled.lines and not labelled.ambiguous,
        "labels": json.dumps(_labels(labelled, scale=scale)),
    }


def _labels(labelled: LabelledSide, *, scale: float) -> dict:
    def packed(quad_4X: np.ndarray) -> list:
        return np.round((quad_4X + 0.5) * scale - 0.5, 2).tolist()

    lines = [(packed(line.quad_4X), line.text) for line in labelled.lines]
    return {"lines": lines, "ambiguous": [packed(q) for q in labelled.ambiguous], "complete": labelled.complete}


def _pills(source: RxImageSource) -> Iterator[tuple[str, list[Photo]]]:
    """Both sides of each frame, with the medication that the catalogue gives it."""
    readable = (photo for photo in source.photos(skip=lambda _: False) if isinstance(photo, Photo))
    for _, photos in groupby(readable, key=lambda photo: photo.group):
        sides = list(photos)
        yield sides[0].medication_id, sides


def _side(photo: Photo) -> Side:
    picture = decode(photo.data)
    return Side(picture.rgb_HWC, picture.alpha_HW > 127)
