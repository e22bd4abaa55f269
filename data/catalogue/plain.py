"""Reads our own plain CSV of medications, the format of the built-in formulary and of a user's own list.

Columns (lists inside a cell are separated by `|`; an empty cell means "not known"):

| column | holds |
|---|---|
| ndc | NDC-11 in the 5-4-2 form, `00093-0834-01` (required) |
| generic | ingredient or ingredients (required) |
| colors | SPL colours, cap and body of a capsule in this order: `white|blue` (required) |
| shape | SPL shape: `round`, `oval`, `capsule`, `hexagon` ... (required) |
| size_mm | the longest dimension in millimetres (required) |
| part | part of a kit, 1 where there is only one |
| rxcui, drug | RxNorm concept and its name, `clonazepam 2 MG Oral Tablet [Klonopin]` |
| brand, labeler | the proprietary name and who labels it |
| strength, dosage_form | read from `drug` where empty |
| front, back | imprint tokens of either side, in reading order: `TEVA`, `8|34` |
| imprint | imprint tokens whose side is not known |
| marking | `printed`, `debossed` or `embossed` |
| ink | SPL colour of a printed imprint |
| score | into how many pieces score lines divide it, 1 where there is no line |
| logo | `yes` where a drawn symbol stands on the pill besides the characters |
"""

from pathlib import Path

from bentos.runtime.medication import ImprintToken, Medication, Side
from data.catalogue.rxnorm import parse_drug_name
from data.catalogue.table import Row, read_medications, read_rows

REQUIRED = ("ndc", "generic", "colors", "shape", "size_mm")
OPTIONAL = (
    "part",
    "rxcui",
    "drug",
    "brand",
    "labeler",
    "strength",
    "dosage_form",
    "front",
    "back",
    "imprint",
    "marking",
    "ink",
    "score",
    "logo",
)
_LOGO = {"yes": True, "no": False, "": False}


def read_csv_catalogue(path: Path) -> list[Medication]:
    """Read a plain CSV of medications in file order.

    Raises:
        CatalogueError: a column is missing or unknown, a fact is outside its vocabulary or range, an id occurs twice.
        FileNotFoundError: there is no such file.
    """
    rows = read_rows(path, required=REQUIRED, optional=OPTIONAL)
    return [medication for medication, _ in read_medications(path, rows, parse=_medication)]


def _medication(row: Row) -> Medication:
    drug = _known(row, "drug")
    named = parse_drug_name(drug or "")
    return Medication(
        ndc11=row["ndc"],
        part=_known(row, "part") or 1,
        rxcui=_known(row, "rxcui"),
        rxnorm_name=drug,
        generic_name=_required(row, "generic"),
        proprietary_name=_known(row, "brand") or named.brand,
        labeler=_known(row, "labeler"),
        strength=_known(row, "strength") or named.strength,
        dosage_form=_known(row, "dosage_form") or named.dosage_form,
        imprint=(*_tokens(row, "front", side="front"), *_tokens(row, "back", side="back"), *_tokens(row, "imprint")),
        imprint_type=_upper(row, "marking"),
        imprint_color=_known(row, "ink"),
        colors=_list(row, "colors"),
        shape=row["shape"],
        score=_known(row, "score") or 1,
        size_mm=row["size_mm"],
        symbol=_logo(row),
    )


def _known(row: Row, name: str) -> str | None:
    return row.get(name) or None


def _required(row: Row, name: str) -> str:
    if not row[name]:
        raise ValueError(f"{name}: must not be empty")
    return row[name]


def _upper(row: Row, name: str) -> str | None:
    text = _known(row, name)
    return text and text.upper()


def _list(row: Row, name: str) -> tuple[str, ...]:
    return tuple(item for item in (item.strip() for item in row.get(name, "").split("|")) if item)


def _tokens(row: Row, name: str, *, side: Side | None = None) -> tuple[ImprintToken, ...]:
    return tuple(ImprintToken(text=text, side=side) for text in _list(row, name))


def _logo(row: Row) -> bool:
    word = row.get("logo", "").lower()
    if word not in _LOGO:
        raise ValueError(f"logo: expected yes or no, not {word!r}")
    return _LOGO[word]
