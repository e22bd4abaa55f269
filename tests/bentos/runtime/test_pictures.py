"""Small reference pictures: read one by one, kept by edits, refused where they are not what was checked."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bentos.runtime.contract import GALLERY_FILE
from bentos.runtime.decode import decode
from bentos.runtime.errors import ContractError
from bentos.runtime.gallery import Gallery
from bentos.runtime.pictures import PICTURES_FILE, SIDE_PX, Pictures, write_pictures
from bentos.runtime.recogniser import Recogniser
from data.enrolment import merged
from data.gallery_edit import edit_gallery, without_medications
from tests.bentos.conftest import change_a_byte
from tests.builders import NOW, medication, tiny_bundle, tiny_catalogue, tiny_picture, tiny_references


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("pictures"))


@pytest.fixture
def gallery(bundle: Path) -> Gallery:
    return Gallery.load(bundle / "gallery")


def pictures_of(gallery: Gallery) -> dict[tuple[str, str, str], bytes | None]:
    return {
        (view.medication_id, view.side, view.picture_digest): gallery.picture(row)
        for row, view in enumerate(gallery.spec.views)
    }


def test_each_view_has_its_own_small_picture(gallery: Gallery) -> None:
    found = pictures_of(gallery)
    assert len(set(found.values())) == len(gallery.spec.views)
    for reference in tiny_references():
        picture = decode(found[reference.medication_id, reference.side, reference.picture_digest])
        assert max(picture.width, picture.height) <= SIDE_PX
        edge_C = picture.rgb_HWC[picture.height // 2, round(0.2 * picture.width)].astype(int)
        pill_C = reference.rgb_HWC[100, 45].astype(int)
        assert np.abs(edge_C - pill_C).max() < 30


def test_an_edit_keeps_pictures_with_their_views(gallery: Gallery, bundle: Path, tmp_path: Path) -> None:
    recogniser = Recogniser.load(bundle / "recogniser")
    gone = tiny_catalogue()[0].medication_id
    new = medication(9, colors=("RED",))
    reference = tiny_references()[2]
    added = type(reference)(new.medication_id, "front", tiny_picture(tiny_catalogue()[3]), None, "new", "tests")
    edit_gallery(gallery, recogniser=recogniser, out=tmp_path / "edited", name="edited", now=NOW, medications=[new],
                 references=[added], remove=[gone])  # fmt: skip
    before, after = pictures_of(gallery), pictures_of(Gallery.load(tmp_path / "edited"))
    kept = {key: data for key, data in before.items() if key[0] != gone}
    assert {key: after[key] for key in kept} == kept
    assert set(after) - set(kept) == {(new.medication_id, "front", "new")}
    assert after[new.medication_id, "front", "new"]


def test_a_gallery_without_pictures_joins_one_that_has_some(gallery: Gallery, bundle: Path, tmp_path: Path) -> None:
    recogniser = Recogniser.load(bundle / "recogniser")
    merged(tmp_path / "g", [without_pictures(gallery), only_first(gallery)], recogniser=recogniser, name="g", now=NOW)
    found = list(pictures_of(Gallery.load(tmp_path / "g")).values())
    assert found.count(None) == len(gallery.spec.views) - 2
    merged(tmp_path / "h", [without_pictures(gallery)], recogniser=recogniser, name="h", now=NOW)
    assert not (tmp_path / "h" / PICTURES_FILE).exists()
    assert Gallery.load(tmp_path / "h").picture(0) is None


def test_writing_over_itself_keeps_the_pictures(gallery: Gallery, bundle: Path, tmp_path: Path) -> None:
    recogniser = Recogniser.load(bundle / "recogniser")
    own = tmp_path / "own"
    merged(own, [gallery], recogniser=recogniser, name="g", now=NOW)
    loaded = Gallery.load(own)
    merged(own, [loaded], recogniser=recogniser, name="g", now=NOW)
    assert pictures_of(Gallery.load(own)) == pictures_of(gallery)
    with pytest.raises(ContractError, match="was replaced"):
        loaded.picture(0)


def test_a_changed_picture_is_refused_with_its_gallery(bundle: Path, gallery: Gallery, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    copied.mkdir()
    for file in (bundle / "gallery").iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    change_a_byte(copied / PICTURES_FILE, at=100)
    with pytest.raises(ContractError, match="was changed"):
        Gallery.load(copied)
    (copied / PICTURES_FILE).unlink()
    with pytest.raises(ContractError, match="missing"):
        Gallery.load(copied)
    assert (copied / GALLERY_FILE).exists()


@pytest.mark.parametrize("cut", [1, 16, 40, 10_000])
def test_a_file_of_another_form_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / PICTURES_FILE
    write_pictures(path, [b"one", None, b"three"])
    found = Pictures.open(path, num_views=3)
    assert [found.read(row) for row in range(3)] == [b"one", None, b"three"]
    assert found.selected(np.array([2, 0])).read(0) == b"three"
    with pytest.raises(ContractError):
        Pictures.open(path, num_views=2)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ContractError):
        Pictures.open(path, num_views=3)


def test_memory_does_not_grow_with_the_pictures(tmp_path: Path) -> None:
    path = tmp_path / PICTURES_FILE
    write_pictures(path, (os.urandom(200_000) for _ in range(300)))
    before = _resident_kib()
    found = Pictures.open(path, num_views=300)
    assert all(len(found.read(row)) == 200_000 for row in range(300))
    assert _resident_kib() - before < 8_000


def without_pictures(gallery: Gallery) -> Gallery:
    return replace(gallery, pictures=None)


def only_first(gallery: Gallery) -> Gallery:
    """The gallery of the first medication alone."""
    return without_medications(gallery, [item.medication_id for item in tiny_catalogue()[1:]])


def _resident_kib() -> int:
    return int(next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line).split()[1])
