"""Labelling once more with the project's own reader: what the ready OCR did not see is found, what it saw stays."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from bentos.runtime.medication import ImprintToken
from bentos.runtime.read import Reader, open_reader
from bentos.runtime.recogniser import session_options
from tests.builders import medication
from tests.training.reading_pack import blank_side
from training.pretrain.pack import Side
from training.reading.lines import LabelledSide, TextLine, overlap
from training.reading.pack import ReadingPack, pack_row, relabel, write_reading_pack
from training.reading.weights import write_reader

IMPRINT = (ImprintToken(text="HEUMANN", side="front"), ImprintToken(text="512", side="back"))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    directory = tmp_path_factory.mktemp("reader")
    return open_reader(directory, write_reader(directory), options=session_options())


def printed(text: str) -> tuple[Side, np.ndarray]:
    """A level pill with dark text across its middle, and the text's quad."""
    blank = blank_side(ratio=0.5).side
    rgb_HWC, (rows, columns) = blank.rgb_HWC.copy(), np.nonzero(blank.mask_HW)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 1.0, 3)
    size = 0.6 * np.ptp(columns) / width
    width, height = size * width, size * height
    left, bottom = columns.mean() - width / 2, rows.mean() + height / 2
    cv2.putText(rgb_HWC, text, (int(left), int(bottom)), cv2.FONT_HERSHEY_SIMPLEX, size, (20, 20, 30), 3, cv2.LINE_AA)
    quad_4X = np.array([[left, bottom - height], [left + width, bottom - height], [left + width, bottom],
                        [left, bottom]])  # fmt: skip
    return Side(rgb_HWC, blank.mask_HW), quad_4X


def pack_of(out: Path, *, front_is_known: bool) -> ReadingPack:
    """A pill of which the back's text, and the front's unless it is known, was not found."""
    pill = medication(3, imprint=IMPRINT)
    (front, front_4X), (back, _) = printed("HEUMANN"), printed("512")
    known = (TextLine(front_4X, "HEUMANN"),) if front_is_known else ()
    sides = [LabelledSide(front, known, (), complete=False), LabelledSide(back, (), (), complete=False)]
    rows = [pack_row(side, name=name, medication=pill) for name, side in zip(("front", "back"), sides, strict=True)]
    return write_reading_pack(rows, out=out)


def test_a_second_look_finds_the_lines_that_were_missed(tmp_path: Path, reader: Reader) -> None:
    found = relabel(pack_of(tmp_path / "first", front_is_known=False), reader=reader, out=tmp_path / "second")
    front, back = found.side(0), found.side(1)
    assert [line.text for line in front.lines] == ["HEUMANN"]
    assert overlap(front.lines[0].quad_4X, printed("HEUMANN")[1]) > 0.8
    assert [line.text for line in back.lines] == ["512"]
    assert found.rows["num_lines"].tolist() == [1, 1]
    assert front.complete
    assert back.complete


def test_lines_that_were_known_stay_where_they_were(tmp_path: Path, reader: Reader) -> None:
    before = pack_of(tmp_path / "first", front_is_known=True)
    found = relabel(before, reader=reader, out=tmp_path / "second")
    assert json.loads(found.rows["labels"][0])["lines"] == json.loads(before.rows["labels"][0])["lines"]
    assert np.array_equal(found.side(0).side.rgb_HWC, before.side(0).side.rgb_HWC)
    assert [line.text for line in found.side(1).lines] == ["512"]


def test_a_pill_that_was_found_whole_is_not_looked_at_again(tmp_path: Path, reader: Reader) -> None:
    pill = medication(4, imprint=IMPRINT)
    sides = [LabelledSide(printed(text)[0], (), (), complete=True) for text in ("HEUMANN", "512")]
    rows = [pack_row(side, name=str(number), medication=pill) for number, side in enumerate(sides)]
    before = write_reading_pack(rows, out=tmp_path / "first")
    assert relabel(before, reader=reader, out=tmp_path / "second").rows.equals(before.rows)
