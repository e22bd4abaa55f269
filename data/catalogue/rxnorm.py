"""Takes ingredients, strength, dosage form and brand out of an RxNorm drug name.

Source: RxNorm technical documentation, normal form of SCD and SBD names: `ingredient strength unit dose-form [brand]`,
several ingredients joined by ` / `, a leading duration such as `24 HR`, and packs in braces.
"""

import re
from dataclasses import dataclass

_UNITS = r"(?:MG|MCG|G|UNT|MEQ|ML|%|ACTUAT|CELLS|MMOL)"
_STRENGTH = re.compile(rf"(?<![\w.])(\d+(?:\.\d+)?\s+{_UNITS}(?:/{_UNITS})?)(?!\w)")
_BRAND = re.compile(r"\[([^\[\]]+)\]\s*$")
_PRODUCT_STRENGTH = re.compile(r"(?<![\w.])(\d[\d.]*(?:[-/]\d[\d.]*)*)\s*(MG|MCG|MEQ|G)\b", re.IGNORECASE)
_COMPONENT_ENDS = re.compile(r"\s+/\s+|[{}()]")
_LEAD = re.compile(r"^.*?\b\d+(?:\.\d+)?\s*hr\s+|^\d+\s+(?!mg\b)")
_FROM_STRENGTH = re.compile(r"\s*(?<![\w.])\d+(?:\.\d+)?\s*(?:mg|mcg|g|unt|meq|ml|%)(?!\w).*$")
_BRAND_ANYWHERE = re.compile(r"\[[^\[\]]*\]")
_PACK = re.compile(r"^\{.*\}\s*Pack\b", re.DOTALL)


@dataclass(frozen=True)
class DrugName:
    """The parts of an RxNorm name; None where the name does not say."""

    strength: str | None
    dosage_form: str | None
    brand: str | None


def parse_drug_name(name: str) -> DrugName:
    """Split `Amlodipine 5 MG / Benazepril 10 MG Oral Capsule [Lotrel]` into `5 MG / 10 MG`, form and brand."""
    brand = _BRAND.search(name)
    bare = _BRAND.sub("", name).strip()
    if _PACK.match(bare):
        return DrugName(strength=None, dosage_form="Pack", brand=brand and brand[1])
    strengths = list(_STRENGTH.finditer(bare))
    form = bare[strengths[-1].end() :].strip(" /") if strengths else ""
    return DrugName(
        strength=" / ".join(found[1] for found in strengths) or None,
        dosage_form=form or None,
        brand=brand and brand[1],
    )


def ingredients_of(name: str) -> frozenset[str]:
    """Case-folded ingredients, salt included, of a drug name or clinical drug; of every component of a pack.

    `24 HR metoprolol succinate 25 MG Extended Release Oral Tablet` gives `metoprolol succinate`.
    """
    components = _COMPONENT_ENDS.split(_BRAND_ANYWHERE.sub("", name.casefold()))
    found = (_FROM_STRENGTH.sub("", _LEAD.sub("", component.strip())).strip() for component in components)
    return frozenset(name for name in found if name and not name.isdigit() and name != "pack")


def parse_product_strength(name: str) -> str | None:
    """The strength a product's name carries, `STRATTERA 10MG` gives `10 MG`; None where it carries none."""
    found = [f"{amount} {unit.upper()}" for amount, unit in _PRODUCT_STRENGTH.findall(name)]
    return " / ".join(found) or None
