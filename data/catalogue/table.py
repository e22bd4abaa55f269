"""Reads a CSV of medications strictly: known columns, one medication a row, no key twice."""

import csv
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from bentos.runtime.medication import Medication
from data.catalogue.errors import CatalogueError

Row = Mapping[str, str]


def read_rows(path: Path, *, required: Collection[str], optional: Collection[str] = ()) -> Iterator[tuple[int, Row]]:
    """Stream (line, row) of a UTF-8 CSV; a row that spans lines is named by its last one.

    Raises:
        CatalogueError: a column is missing, unknown or named twice, a row is too short or too long, the text is
            not UTF-8.
    """
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            _check_header(path, header, required=required, optional=optional)
            for values in reader:
                line = reader.line_num
                if values:
                    yield line, _row(path, line, header, values)
    except UnicodeDecodeError as error:
        raise CatalogueError(path, line, f"not UTF-8 text at or after this line ({error.reason})") from error
    except csv.Error as error:
        raise CatalogueError(path, line + 1, f"not a CSV row: {error}") from error


def read_medications(
    path: Path, rows: Iterator[tuple[int, Row]], *, parse: Callable[[Row], Medication]
) -> Iterator[tuple[Medication, Row]]:
    """Parse each row, refusing a second row with the same NDC-11 and part.

    Raises:
        CatalogueError: `parse` raised ValueError, or the key was seen before.
    """
    seen: dict[str, int] = {}
    for line, row in rows:
        medication = _parsed(path, line, row, parse=parse)
        first = seen.setdefault(medication.medication_id, line)
        if first != line:
            raise CatalogueError(path, line, f"duplicate id {medication.medication_id}, first on line {first}")
        yield medication, row


def _parsed(path: Path, line: int, row: Row, *, parse: Callable[[Row], Medication]) -> Medication:
    try:
        return parse(row)
    except ValidationError as error:
        raise CatalogueError(path, line, _reason(error)) from error
    except ValueError as error:
        raise CatalogueError(path, line, str(error)) from error


def _reason(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, fault['loc']))}: {_message(fault)}" for fault in error.errors())


def _message(fault: Mapping) -> str:
    text = fault["msg"].removeprefix("Value error, ")
    return text if fault["type"] == "value_error" else f"{text}, not {fault['input']!r}"


def _check_header(path: Path, header: list[str], *, required: Collection[str], optional: Collection[str]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        raise CatalogueError(path, 1, f"missing column {', '.join(missing)}")
    unknown = [name for name in header if name not in required and name not in optional]
    if unknown:
        raise CatalogueError(path, 1, f"unknown column {', '.join(map(repr, unknown))}")
    if len(set(header)) < len(header):
        raise CatalogueError(path, 1, "a column is named twice")


def _row(path: Path, line: int, header: list[str], values: list[str]) -> Row:
    if len(values) != len(header):
        raise CatalogueError(path, line, f"{len(values)} values for {len(header)} columns")
    return {name: value.strip() for name, value in zip(header, values, strict=True)}
