"""The file-based sources: published layouts, labels, and what is wrong with a file."""

from collections.abc import Callable
from pathlib import Path

import pytest

from data.photo import Photo, PhotoSource, Unreadable, first_parts
from data.sources.epillid import EPillIdSource
from data.sources.folder import FolderSource
from data.sources.labelled import LayoutError
from data.sources.nlm_challenge import NlmChallengeSource
from tests.builders import medication
from tests.data.pictures import encoded, pill_on_table

JPEG = encoded(pill_on_table(1, size_px=64))
CATALOGUE = [medication(1, ndc11="00093-2080-01"), medication(2, ndc11="53489-0146-01")]


def never(key: str) -> bool:
    return False


def listed(source: PhotoSource, *, skip: Callable[[str], bool] = never) -> list[Photo | Unreadable]:
    return list(source.photos(skip=skip))


def files(directory: Path, *names: str) -> None:
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(JPEG)


def folder(directory: Path, labels: str, *names: str) -> FolderSource:
    files(directory, *names)
    (directory / "labels.csv").write_text(labels)
    return FolderSource(directory, medications=CATALOGUE)


def test_a_folder_reads_its_labels(tmp_path: Path) -> None:
    labels = "file,ndc11,background,side\na.jpg,53489-0146-01,masked,back\nb.jpg,00093-2080-01,natural,\n"
    first, second = listed(folder(tmp_path, labels, "a.jpg", "b.jpg"))
    assert (first.medication_id, first.side, first.role, first.data) == ("53489-0146-01.1", "back", "consumer", JPEG)
    assert first.conditions == {"background": "masked"}
    assert second.side == "unknown"
    assert first.group != second.group


def test_a_folder_names_files_that_are_missing_or_outside(tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(JPEG)
    labels = "file,ndc11\ngone.jpg,00093-2080-01\n../secret.jpg,00093-2080-01\n"
    assert [type(item) for item in listed(folder(tmp_path / "in", labels, "in.jpg"))] == [Unreadable, Unreadable]


def test_a_folder_keeps_labels_outside_the_catalogue_for_the_quarantine(tmp_path: Path) -> None:
    (item,) = listed(folder(tmp_path, "file,ndc11\na.jpg,11111-1111-11\n", "a.jpg"))
    assert item.medication_id == "11111-1111-11"


def test_known_files_are_not_read_again_but_changed_ones_are(tmp_path: Path) -> None:
    source = folder(tmp_path, "file,ndc11\na.jpg,00093-2080-01\nb.jpg,00093-2080-01\n", "a.jpg", "b.jpg")
    known = {item.key for item in listed(source)}
    assert listed(source, skip=known.__contains__) == []
    (tmp_path / "b.jpg").write_bytes(JPEG + b"\0")
    assert [item.name for item in listed(source, skip=known.__contains__)] == ["b.jpg"]


def test_the_fingerprint_changes_with_the_content(tmp_path: Path) -> None:
    source = folder(tmp_path, "file,ndc11\na.jpg,00093-2080-01\n", "a.jpg")
    before = source.fingerprint
    files(tmp_path, "b.jpg")
    assert source.fingerprint != before


@pytest.mark.parametrize("labels", ["name,ndc\na,b\n", None], ids=["columns", "file"])
def test_a_folder_without_its_labels_is_refused(tmp_path: Path, labels: str | None) -> None:
    source = folder(tmp_path, labels or "")
    if labels is None:
        (tmp_path / "labels.csv").unlink()
    with pytest.raises(LayoutError, match=r"labels\.csv"):
        listed(source)


def test_epillid_reads_references_and_consumer_pictures(tmp_path: Path) -> None:
    files(tmp_path / "classification_data", "fcn_mix_weight/dc_224/0.jpg", "fcn_mix_weight/dr_224/1.jpg")
    (tmp_path / "all_labels.csv").write_text(
        "images,pilltype_id,label_code_id,prod_code_id,is_ref,is_front,is_new,image_path,label\n"
        "0.jpg,53489-0146-01_BE305F72,53489,146,False,True,False,fcn_mix_weight/dc_224/0.jpg,53489-0146-01_BE305F72\n"
        "1.jpg,53489-0146-01_BE305F72,53489,146,True,False,False,fcn_mix_weight/dr_224/1.jpg,53489-0146-01_BE305F72\n"
    )
    consumer, reference = listed(EPillIdSource(tmp_path, medications=CATALOGUE))
    assert (consumer.role, consumer.side, consumer.medication_id) == ("consumer", "front", "53489-0146-01.1")
    assert (reference.role, reference.side) == ("reference", "back")
    assert consumer.group == reference.group


def test_the_challenge_pairs_reference_and_consumer_pictures(tmp_path: Path) -> None:
    front = "00093-2080-01_PART_2_OF_3_CHAL10_SF_7229B9DD.jpg"
    files(tmp_path, f"dr/{front}", "dc/1.jpg", "dc/2.jpg")
    (tmp_path / "groundTruthTable.csv").write_text(
        f"ref_images,cons_images\n{front},1.jpg\n{front},2.jpg\nodd.jpg,3.jpg\n"
    )
    *photos, odd, lost = listed(NlmChallengeSource(tmp_path, medications=CATALOGUE))
    assert [(photo.name, photo.role) for photo in photos] == [
        (f"dr/{front}", "reference"), ("dc/1.jpg", "consumer"), ("dc/2.jpg", "consumer"),
    ]  # fmt: skip
    assert {(photo.medication_id, photo.side) for photo in photos} == {("00093-2080-01.2", "front")}
    assert isinstance(odd, Unreadable)
    assert isinstance(lost, Unreadable)


def test_the_collection_takes_consumer_pictures_and_leaves_raw_files(tmp_path: Path) -> None:
    files(tmp_path, "PillProjectDisc1/images/A.JPG")
    (tmp_path / "directory_consumer_grade_images.txt").write_text(
        "00093208001|1|PillProjectDisc1/images/A.JPG|C3PI_Test|CEFACLOR\n"
        "00093208001|1|PillProjectDisc1/images/B.CR2|C3PI_Reference|CEFACLOR\n"
        "00093208001|1|PillProjectDisc1/images/C.PNG|MC_SPL_SPLIMAGE_V3.0|CEFACLOR\n"
    )
    (photo,) = listed(NlmChallengeSource(tmp_path))
    assert (photo.medication_id, photo.role) == ("00093-2080-01.1", "consumer")


def test_a_directory_of_neither_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="neither"):
        listed(NlmChallengeSource(tmp_path))


def test_a_label_without_part_means_the_first_part() -> None:
    parts = [medication(1, part=3), medication(1, part=2)]
    assert first_parts(parts) == {"00001-0001-01": "00001-0001-01.2"}
