"""Enrolment into a bundle: parts join into one gallery, bad pictures are named, another recogniser is refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from bentos.runtime.errors import ContractError
from bentos.runtime.gallery import Gallery
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from data.enrolment import Enrolled, Reference, enrol
from tests.builders import NOW, jpeg, tiny_catalogue, tiny_picture, tiny_recogniser


@pytest.fixture
def recogniser(tmp_path: Path) -> Path:
    return tiny_recogniser(tmp_path / "base" / "recogniser").directory


@pytest.fixture
def references(tmp_path: Path) -> list[Reference]:
    """Front and back of four medications, as files."""
    made = []
    for item in tiny_catalogue():
        for side in ("front", "back"):
            path = tmp_path / f"{item.ndc11}-{side}.jpg"
            path.write_bytes(jpeg(tiny_picture(item, side=side)))
            made.append(Reference(item.medication_id, path, side))
    return made


def enrolled(out: Path, recogniser: Path, references: list[Reference], *, workers: int = 1) -> Enrolled:
    return enrol(out, recogniser=recogniser, medications=tiny_catalogue(), references=references, source="tests",
                 now=NOW, workers=workers, on_progress=lambda done, total: None)  # fmt: skip


def test_a_new_bundle_answers(tmp_path: Path, recogniser: Path, references: list[Reference]) -> None:
    result = enrolled(tmp_path / "out", recogniser, references)
    assert (len(result.gallery.views), result.refused) == (8, {})
    predictor = Predictor.from_bundle(tmp_path / "out")
    assert predictor.identify([references[0].path.read_bytes()]).pills


def test_what_is_added_later_joins_what_was_there(
    tmp_path: Path, recogniser: Path, references: list[Reference]
) -> None:
    enrolled(tmp_path / "apart", recogniser, references[:4])
    enrolled(tmp_path / "apart", recogniser, references[2:])
    enrolled(tmp_path / "whole", recogniser, references)
    apart, whole = (Gallery.load(tmp_path / name / "gallery") for name in ("apart", "whole"))
    assert apart.spec.views == whole.spec.views
    np.testing.assert_allclose(apart.prototypes["fast"], whole.prototypes["fast"], atol=1e-6)


def test_several_processes_write_the_same_gallery(
    tmp_path: Path, recogniser: Path, references: list[Reference]
) -> None:
    one = enrolled(tmp_path / "one", recogniser, references)
    two = enrolled(tmp_path / "two", recogniser, references, workers=2)
    assert one.gallery.files == two.gallery.files


def test_files_without_a_pill_or_a_picture_are_named(
    tmp_path: Path, recogniser: Path, references: list[Reference]
) -> None:
    owner = tiny_catalogue()[0].medication_id
    broken, missing = tmp_path / "broken.jpg", tmp_path / "missing.jpg"
    broken.write_bytes(b"no picture")
    result = enrolled(
        tmp_path / "out",
        recogniser,
        [*references, Reference(owner, broken, "front"), Reference(owner, missing, "back")],
    )
    assert set(result.refused) == {"broken.jpg", "missing.jpg"}
    assert len(result.gallery.views) == 8


def test_a_frame_with_both_sides_gives_two_views(tmp_path: Path, recogniser: Path) -> None:
    frame = np.full((225, 300, 3), 118, np.uint8)
    for x, colour in ((80, (235, 90, 90)), (220, (225, 80, 80))):
        cv2.circle(frame, (x, 110), 55, colour, -1, cv2.LINE_AA)
    path = tmp_path / "frame.jpg"
    path.write_bytes(jpeg(frame))
    result = enrolled(tmp_path / "out", recogniser, [Reference(tiny_catalogue()[1].medication_id, path, None)])
    assert sorted(view.side for view in result.gallery.views) == ["back", "front"]


def test_a_bundle_of_another_recogniser_is_refused(
    tmp_path: Path, recogniser: Path, references: list[Reference]
) -> None:
    enrolled(tmp_path / "out", recogniser, references)
    other = tiny_recogniser(tmp_path / "other", name="another").directory
    with pytest.raises(ContractError, match="another recogniser"):
        enrolled(tmp_path / "out", other, references)
    assert Recogniser.load(tmp_path / "out" / "recogniser").digest == Recogniser.load(recogniser).digest


def test_an_enrolment_without_any_pill_is_refused(tmp_path: Path, recogniser: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.write_bytes(b"")
    with pytest.raises(ContractError, match="empty"):
        enrolled(tmp_path / "out", recogniser, [Reference(tiny_catalogue()[0].medication_id, path, "front")])
