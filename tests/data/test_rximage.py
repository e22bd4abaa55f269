"""Reference frames: rulers masked, sides split, the pill cut out."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from bentos.runtime.decode import decode
from data.photo import UNKNOWN_MEDICATION, Photo, Unreadable
from data.sources.rximage import CutOut, CutOutError, RxImageSource, cut_out
from tests.builders import medication
from tests.data.pictures import encoded

GREY = (118, 118, 118)


def frame(*, stacked: bool = False, rgb: tuple[int, int, int] = (225, 225, 222), marked: bool = True) -> np.ndarray:
    """Two pills on grey with a ruler along the left and the bottom, the first with a mark, uint8 (225, 300, 3)."""
    picture = np.full((225, 300, 3), GREY, np.uint8)
    centres, axes = (((155, 55), (155, 160)), (110, 45)) if stacked else (((80, 90), (220, 90)), (65, 65))
    for centre in centres:
        cv2.ellipse(picture, centre, axes, 0, 0, 360, rgb, -1, cv2.LINE_AA)
    if marked:
        cv2.line(picture, (centres[0][0] - 10, centres[0][1]), (centres[0][0] + 10, centres[0][1]), (0, 255, 0), 3)
    _ruler(picture, bottom=centres[1][1] + axes[1] + 4)
    return picture


def has_mark(side: CutOut) -> bool:
    """Whether the green mark is on this side."""
    red, green, _ = side.rgb[side.mask].astype(int).T
    return bool((green - red > 120).any())


def _ruler(picture: np.ndarray, *, bottom: int) -> None:
    cv2.line(picture, (10, 5), (10, bottom), (235, 235, 235), 1)
    cv2.line(picture, (10, bottom), (295, bottom), (235, 235, 235), 1)
    for x in range(10, 295, 10):
        cv2.line(picture, (x, bottom), (x, bottom + 4), (235, 235, 235), 1)
        cv2.putText(picture, "5", (x - 2, bottom + 11), cv2.FONT_HERSHEY_PLAIN, 0.5, (235, 235, 235), 1)


@pytest.mark.parametrize("stacked", [False, True], ids=["side by side", "stacked"])
@pytest.mark.parametrize("rgb", [(225, 225, 222), (150, 30, 40), (40, 40, 60)], ids=["white", "red", "dark"])
def test_both_sides_are_cut_out_front_first(stacked: bool, rgb: tuple[int, int, int]) -> None:
    area = np.pi * (110 * 45 if stacked else 65 * 65)
    front, back = cut_out(frame(stacked=stacked, rgb=rgb))
    assert front.mask.sum() == pytest.approx(area, rel=0.04)
    assert back.mask.sum() == pytest.approx(area, rel=0.04)
    assert [has_mark(side) for side in (front, back)] == [True, False]


def test_a_pill_almost_as_grey_as_the_frame_is_completed_from_its_rim() -> None:
    picture = frame(rgb=(123, 123, 123), marked=False)
    for centre in ((80, 90), (220, 90)):
        cv2.circle(picture, centre, 63, (80, 80, 85), 7, cv2.LINE_AA)
    front, back = cut_out(picture)
    assert min(front.mask.sum(), back.mask.sum()) > 0.9 * np.pi * 65**2


@pytest.mark.parametrize("centres", [(), ((80, 90),)], ids=["none", "one"])
def test_a_frame_without_two_sides_is_refused(centres: tuple) -> None:
    picture = np.full((225, 300, 3), GREY, np.uint8)
    for _centre in centres:
        cv2.rectangle(picture, (0, 0), (9, 9), (255, 255, 255), -1)
    with pytest.raises(CutOutError):
        cut_out(picture)


def test_the_source_labels_by_name_and_reports_what_it_cannot_use(tmp_path: Path) -> None:
    plain = np.full((225, 300, 3), GREY, np.uint8)
    for number, picture in ((1, frame()), (2, plain), (9, frame())):
        (tmp_path / f"0000{number}-0001-01_NLMIMAGE10_{number}.jpg").write_bytes(encoded(picture, quality=95))
    source = RxImageSource(tmp_path, medications=[medication(1), medication(2)])
    front, back, plain_frame, orphan = source.photos(skip=lambda key: False)
    assert [(photo.medication_id, photo.side, photo.role) for photo in (front, back)] == [
        ("00001-0001-01.1", "front", "reference"), ("00001-0001-01.1", "back", "reference"),
    ]  # fmt: skip
    assert decode(front.data).alpha_HW is not None
    assert isinstance(plain_frame, Unreadable)
    assert orphan.code == UNKNOWN_MEDICATION
    known = {item.key for item in (front, back, plain_frame, orphan)}
    assert list(source.photos(skip=known.__contains__)) == []


@pytest.mark.realdata
def test_the_reference_pictures_come_apart_cleanly(shared_dir: Path) -> None:
    """A twentieth of the frames; all 4,392 were looked at when the limits were chosen."""
    pictures = sorted((shared_dir / "rximage" / "images").glob("*.jpg"))[::20]
    for path in pictures:
        front, back = cut_out(decode(path.read_bytes()).rgb_HWC)
        assert 0.75 < front.mask.sum() / back.mask.sum() < 1.34, path.name


@pytest.mark.realdata
def test_the_catalogue_beside_the_pictures_names_their_medications(shared_dir: Path) -> None:
    source = RxImageSource(shared_dir / "rximage", medications=())
    first = next(iter(source.photos(skip=lambda key: False)))
    assert isinstance(first, Photo)
    assert first.medication_id == "00002-3228-30.1"
