"""The NLM catalogue: its oddities become types, its conflicts and orphans are named, the rest is refused."""

import csv
from pathlib import Path

import pytest

from data.catalogue.errors import CatalogueError
from data.catalogue.nlm import COLUMNS, NlmCatalogue, read_nlm_catalogue

ROW = {
    "ndc11": "00093-0834-01",
    "part": "1",
    "rxcui": "197528",
    "rxnorm_name": "Clonazepam 2 MG Oral Tablet",
    "generic_name": "CLONAZEPAM",
    "proprietary_name": "CLONAZEPAM 2MG TAB",
    "labeler": "TEVA",
    "imprint": "834;TEVA",
    "imprint_type": "DEBOSSED",
    "imprint_color": "",
    "color": "WHITE",
    "shape": "ROUND",
    "score": "2",
    "size_mm": "8",
    "symbol": "FALSE",
    "n_rximage": "1",
    "image_files": "00093-0834-01_X_1.jpg",
}


def read(path: Path, *rows: dict[str, str]) -> NlmCatalogue:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return read_nlm_catalogue(path)


def test_a_row_is_typed(tmp_path: Path) -> None:
    catalogue = read(tmp_path / "nlm.csv", ROW)
    (medication,) = catalogue.medications
    assert [token.text for token in medication.imprint] == ["834", "TEVA"]
    assert {token.side for token in medication.imprint} == {None}
    assert (medication.strength, medication.dosage_form) == ("2 MG", "Oral Tablet")
    assert catalogue.image_files == {"00093-0834-01.1": ("00093-0834-01_X_1.jpg",)}


@pytest.mark.parametrize(
    ("imprint", "tokens"),
    [
        ("", []),
        ("MYLAN;1610:MYLAN;1610", ["MYLAN", "1610", "MYLAN", "1610"]),
        ("MYLAN;8020,MYLAN,8020", ["MYLAN", "8020", "MYLAN", "8020"]),
        ("M;B3;5;5;", ["M", "B3", "5", "5"]),
        ("LASIX;(R)", ["LASIX"]),
    ],
)
def test_imprint_tokens_are_split_however_they_were_joined(tmp_path: Path, imprint: str, tokens: list[str]) -> None:
    (medication,) = read(tmp_path / "nlm.csv", ROW | {"imprint": imprint}).medications
    assert [token.text for token in medication.imprint] == tokens


def test_two_tone_colours_are_read_in_order(tmp_path: Path) -> None:
    (medication,) = read(tmp_path / "nlm.csv", ROW | {"color": '["GREEN", "WHITE"]', "shape": "CAPSULE"}).medications
    assert medication.colors == ("GREEN", "WHITE")


def test_a_concept_number_of_zero_is_no_concept_and_its_name_not_rxnorm_s(tmp_path: Path) -> None:
    odd = ROW | {"rxcui": "0", "rxnorm_name": "AVANDARYL", "proprietary_name": "AVANDARYL 4MG", "labeler": ""}
    (medication,) = read(tmp_path / "nlm.csv", odd).medications
    assert (medication.rxcui, medication.rxnorm_name, medication.labeler) == (None, None, None)
    assert medication.clinical_drug == "clonazepam 4 mg"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"color": "MAUVE"}, "unknown SPL colour"),
        ({"color": '["WHITE", "MAUVE"]'}, "unknown SPL colour"),
        ({"color": "[1]"}, "expected a list of names"),
        ({"color": "[WHITE"}, ""),
        ({"ndc11": "93-834-01"}, "malformed NDC-11"),
        ({"size_mm": "0"}, "greater than 0"),
        ({"part": "0"}, "part"),
        ({"symbol": "perhaps"}, "expected TRUE or FALSE"),
    ],
)
def test_what_is_no_known_oddity_is_refused(tmp_path: Path, change: dict[str, str], reason: str) -> None:
    with pytest.raises(CatalogueError) as refused:
        read(tmp_path / "nlm.csv", ROW | {"part": "2"}, ROW | change)
    assert refused.value.line == 3
    assert reason in refused.value.reason


def test_parts_of_one_kit_are_two_medications(tmp_path: Path) -> None:
    catalogue = read(tmp_path / "nlm.csv", ROW, ROW | {"part": "2", "image_files": ""})
    assert [m.medication_id for m in catalogue.medications] == ["00093-0834-01.1", "00093-0834-01.2"]
    assert [m.medication_id for m in catalogue.gallery_medications] == ["00093-0834-01.1"]


def test_conflicting_imprints_of_one_product_are_kept_and_named(tmp_path: Path) -> None:
    old = ROW | {"ndc11": "00093-0834-05", "imprint": "93;834"}
    catalogue = read(tmp_path / "nlm.csv", ROW, old, ROW | {"ndc11": "00093-0834-10", "imprint": "TEVA;834"})
    assert len(catalogue.medications) == 3
    (conflict,) = catalogue.imprint_conflicts
    assert conflict.imprints == ("834;TEVA", "93;834", "TEVA;834")
    assert (
        read(tmp_path / "nlm.csv", ROW, ROW | {"ndc11": "00093-0834-10", "imprint": "TEVA;834"}).imprint_conflicts == []
    )


def test_pictures_that_no_row_names_are_reported(tmp_path: Path) -> None:
    for name in ("00093-0834-01_X_1.jpg", "00093-0834-01_X_2.jpg", "notes.txt"):
        (tmp_path / name).touch()
    assert read(tmp_path / "nlm.csv", ROW).orphan_pictures(tmp_path) == ["00093-0834-01_X_2.jpg"]


@pytest.mark.realdata
def test_the_whole_catalogue_is_read_and_counted(shared_dir: Path) -> None:
    catalogue = read_nlm_catalogue(shared_dir / "rximage" / "catalogue.csv")
    assert len(catalogue.medications) == 5014
    assert len(catalogue.gallery_medications) == 4362
    assert len(catalogue.orphan_pictures(shared_dir / "rximage" / "images")) == 30
    assert len(catalogue.imprint_conflicts) == 35
    assert sum(not medication.imprint for medication in catalogue.medications) == 25
