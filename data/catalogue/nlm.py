"""Reads the NLM/C3PI catalogue of RxIMAGE reference pictures, typing the oddities it is known for.

Source: US National Library of Medicine, Computational Photography Project for Pill Identification; facts as recorded
about 2010-2018. What is tolerated, and how:
- imprint tokens joined by `;`, in a few rows by `:` or `,`; a registered-trade-mark sign typed as a token is dropped;
- two-tone colours as a JSON list, a missing imprint type, imprint colour or labeler as an empty cell;
- RxCUI `0`: no RxNorm concept, and the name beside it is the product's: neither is taken as RxNorm's;
- one product under one labeler code with several imprints (an old and a new one): every row is kept, and
  `NlmCatalogue.imprint_conflicts` names them;
- reference pictures that no row names: `NlmCatalogue.orphan_pictures` names them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bentos.runtime.medication import ImprintToken, Medication, fold_imprint
from data.catalogue.rxnorm import DrugName, parse_drug_name, parse_product_strength
from data.catalogue.table import Row, read_medications, read_rows

COLUMNS = (
    "ndc11",
    "part",
    "rxcui",
    "rxnorm_name",
    "generic_name",
    "proprietary_name",
    "labeler",
    "imprint",
    "imprint_type",
    "imprint_color",
    "color",
    "shape",
    "score",
    "size_mm",
    "symbol",
    "n_rximage",
    "image_files",
)
_TOKEN_ENDS = re.compile(r"[;:,]")
_NOT_A_TOKEN = ("", "(R)")
_SYMBOL = {"TRUE": True, "FALSE": False}


@dataclass(frozen=True)
class ImprintConflict:
    """Rows of one labeler's product, the same to look at, for which the catalogue names several imprints."""

    clinical_drug: str
    medication_ids: tuple[str, ...]
    imprints: tuple[str, ...]


@dataclass(frozen=True)
class NlmCatalogue:
    """The catalogue's rows, and the reference pictures each of them names (file names, by medication id)."""

    medications: list[Medication]
    image_files: Mapping[str, tuple[str, ...]]

    @property
    def gallery_medications(self) -> list[Medication]:
        """The medications with at least one reference picture."""
        return [medication for medication in self.medications if self.image_files[medication.medication_id]]

    @property
    def imprint_conflicts(self) -> list[ImprintConflict]:
        """Products recorded with several imprints although labeler, drug, colours, shape and size agree."""
        products: dict[tuple, list[Medication]] = {}
        for medication in self.medications:
            if medication.rxcui:
                products.setdefault(_product(medication), []).append(medication)
        return [_conflict(rows) for rows in products.values() if len({_folded(row) for row in rows}) > 1]

    def orphan_pictures(self, images: Path) -> list[str]:
        """File names of the JPEG pictures under `images` that belong to no row, sorted."""
        named = {name for files in self.image_files.values() for name in files}
        return sorted(path.name for path in images.glob("*.jpg") if path.name not in named)


def read_nlm_catalogue(path: Path) -> NlmCatalogue:
    """Read the catalogue in file order.

    Raises:
        CatalogueError: a fact is outside its vocabulary or range, or an NDC and part occurs twice.
        FileNotFoundError: there is no such file.
    """
    read = list(read_medications(path, read_rows(path, required=COLUMNS), parse=_medication))
    return NlmCatalogue(
        medications=[medication for medication, _ in read],
        image_files={medication.medication_id: _files(row) for medication, row in read},
    )


def _medication(row: Row) -> Medication:
    has_concept = row["rxcui"] not in ("", "0")
    drug = row["rxnorm_name"] if has_concept else ""
    named = parse_drug_name(drug) if drug else _named_by_product(row)
    return Medication(
        ndc11=row["ndc11"],
        part=row["part"],
        rxcui=row["rxcui"] if has_concept else None,
        rxnorm_name=drug or None,
        generic_name=row["generic_name"],
        proprietary_name=row["proprietary_name"] or None,
        labeler=row["labeler"] or None,
        strength=named.strength,
        dosage_form=named.dosage_form,
        imprint=_imprint(row["imprint"]),
        imprint_type=row["imprint_type"] or None,
        imprint_color=row["imprint_color"] or None,
        colors=_colors(row["color"]),
        shape=row["shape"],
        score=row["score"],
        size_mm=row["size_mm"],
        symbol=_symbol(row["symbol"]),
    )


def _named_by_product(row: Row) -> DrugName:
    return DrugName(strength=parse_product_strength(row["proprietary_name"]), dosage_form=None, brand=None)


def _imprint(text: str) -> tuple[ImprintToken, ...]:
    tokens = (token.strip() for token in _TOKEN_ENDS.split(text))
    return tuple(ImprintToken(text=token) for token in tokens if token not in _NOT_A_TOKEN)


def _colors(text: str) -> tuple[str, ...]:
    if not text.startswith("["):
        return (text,)
    colors = json.loads(text)
    if not isinstance(colors, list) or not all(isinstance(color, str) for color in colors):
        raise ValueError(f"color: expected a list of names, not {text!r}")
    return tuple(colors)


def _symbol(text: str) -> bool:
    if text not in _SYMBOL:
        raise ValueError(f"symbol: expected TRUE or FALSE, not {text!r}")
    return _SYMBOL[text]


def _files(row: Row) -> tuple[str, ...]:
    return tuple(name for name in row["image_files"].split("|") if name)


def _product(medication: Medication) -> tuple:
    labeler_code = medication.ndc11.split("-", maxsplit=1)[0]
    look = tuple(sorted(medication.colors)), medication.shape, medication.size_mm
    return labeler_code, medication.clinical_drug, medication.part, *look


def _folded(medication: Medication) -> tuple[str, ...]:
    return tuple(sorted({fold_imprint(token.text) for token in medication.imprint}))


def _conflict(rows: list[Medication]) -> ImprintConflict:
    return ImprintConflict(
        clinical_drug=rows[0].clinical_drug,
        medication_ids=tuple(row.medication_id for row in rows),
        imprints=tuple(dict.fromkeys(row.imprint_text for row in rows)),
    )
