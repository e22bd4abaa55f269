"""The plain CSV: every fact is typed, and whatever is wrong is refused with file, line and reason."""

from pathlib import Path

import pytest

from bentos.runtime.medication import ImprintToken
from data.catalogue.errors import CatalogueError
from data.catalogue.plain import read_csv_catalogue

GOOD = {
    "ndc": "00093-0834-01",
    "generic": "clonazepam",
    "drug": "Clonazepam 2 MG Oral Tablet",
    "front": "TEVA",
    "back": "8|34",
    "marking": "debossed",
    "colors": "white",
    "shape": "round",
    "score": "2",
    "size_mm": "8",
}


def write(path: Path, *rows: dict[str, str]) -> Path:
    lines = [",".join(GOOD), *(",".join(row.values()) for row in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_row_becomes_a_typed_medication(tmp_path: Path) -> None:
    (medication,) = read_csv_catalogue(write(tmp_path / "own.csv", GOOD))
    assert medication.medication_id == "00093-0834-01.1"
    assert medication.imprint == (
        ImprintToken(text="TEVA", side="front"),
        ImprintToken(text="8", side="back"),
        ImprintToken(text="34", side="back"),
    )
    assert (medication.strength, medication.dosage_form) == ("2 MG", "Oral Tablet")
    assert (medication.colors, medication.shape, medication.size_mm, medication.score) == (("WHITE",), "ROUND", 8.0, 2)
    assert (medication.imprint_type, medication.imprint_color, medication.symbol) == ("DEBOSSED", None, False)


def test_five_columns_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text("ndc,generic,colors,shape,size_mm\n00093-0834-01,clonazepam,Blue|white,HEXAGON,7.5\n")
    (medication,) = read_csv_catalogue(path)
    assert medication.colors == ("BLUE", "WHITE")
    assert (medication.shape, medication.part, medication.imprint) == ("HEXAGON (6 sided)", 1, ())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"colors": "mauve"}, "colors: unknown SPL colour 'mauve'"),
        ({"colors": ""}, "colors: "),
        ({"shape": "blob"}, "shape: unknown SPL shape 'blob'"),
        ({"ndc": "0093-0834-01"}, "ndc11: malformed NDC-11 '0093-0834-01'"),
        ({"ndc": ""}, "ndc11: malformed NDC-11 ''"),
        ({"size_mm": "0"}, "size_mm: Input should be greater than 0, not '0'"),
        ({"size_mm": "-8"}, "size_mm: Input should be greater than 0"),
        ({"size_mm": "nan"}, "size_mm: "),
        ({"size_mm": "eight"}, "size_mm: "),
        ({"score": "9"}, "score: Input should be less than or equal to 4"),
        ({"marking": "painted"}, "imprint_type: "),
        ({"generic": ""}, "generic: must not be empty"),
    ],
)
def test_a_wrong_fact_is_refused_with_file_line_and_reason(tmp_path: Path, change: dict[str, str], reason: str) -> None:
    good, bad = GOOD, GOOD | {"ndc": "00093-0833-01"} | change
    path = write(tmp_path / "own.csv", good, bad)
    with pytest.raises(CatalogueError) as refused:
        read_csv_catalogue(path)
    assert (refused.value.file, refused.value.line) == (path, 3)
    assert reason in refused.value.reason
    assert str(refused.value).startswith(f"{path}:3: ")


def test_a_second_row_with_the_same_id_is_refused_and_names_the_first(tmp_path: Path) -> None:
    path = write(tmp_path / "own.csv", GOOD, GOOD | {"ndc": "00093-0833-01"}, GOOD)
    with pytest.raises(CatalogueError, match=r"own\.csv:4: duplicate id 00093-0834-01\.1, first on line 2"):
        read_csv_catalogue(path)


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"", 1, "missing column ndc"),
        (b"ndc,generic,colors,shape\n", 1, "missing column size_mm"),
        (b"ndc,generic,colors,shape,size_mm,weight\n", 1, "unknown column 'weight'"),
        (b"ndc,generic,colors,shape,size_mm,size_mm\n", 1, "a column is named twice"),
        (b"ndc,generic,colors,shape,size_mm\n00093-0834-01,x,white,round\n", 2, "4 values for 5 columns"),
        (b"ndc,generic,colors,shape,size_mm\n\xff\xfe,x,white,round,8\n", 1, "not UTF-8 text"),
        (b'ndc,generic,colors,shape,size_mm\n00093-0834-01,"x,white,round,8\n', 2, "not a CSV row"),
        (b"ndc,generic,colors,shape,size_mm,logo\n00093-0834-01,x,white,round,8,maybe\n", 2, "expected yes or no"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: bytes, line: int, reason: str) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(content)
    with pytest.raises(CatalogueError) as refused:
        read_csv_catalogue(path)
    assert refused.value.line == line
    assert reason in refused.value.reason


def test_a_spreadsheet_s_byte_order_mark_and_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_bytes(b"\xef\xbb\xbfndc,generic,colors,shape,size_mm\r\n00093-0834-01,clonazepam,white,round,8\r\n\r\n")
    assert len(read_csv_catalogue(path)) == 1
