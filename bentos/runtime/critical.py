"""Drugs whose confusion does most harm: high-alert drugs, and those of a narrow therapeutic index.

harm.csv is a selection of oral ingredients written for this project:
- `high_alert`: Institute for Safe Medication Practices (ISMP), List of High-Alert Medications in
  Community/Ambulatory Care Settings, 2021; its classes are spelled out as ingredients.
- `narrow_therapeutic_index`: FDA publishes no single list; these are ingredients that FDA's product-specific
  guidances or state pharmacy boards treat so, and oral antiarrhythmics dosed by level or ECG.
"""

import csv
import re
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

HARM_LIST: Final = Path(__file__).resolve().parent / "harm.csv"
HarmListName = Literal["high_alert", "narrow_therapeutic_index"]
_WORD: Final = re.compile(r"[a-z0-9-]+")


@lru_cache(maxsize=1)
def listed_ingredients() -> dict[str, frozenset[str]]:
    """The ingredients of each list, case-folded."""
    found: dict[str, set[str]] = {}
    with HARM_LIST.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["list"], set()).add(row["ingredient"])
    return {name: frozenset(ingredients) for name, ingredients in found.items()}


def is_high_alert(drug: str) -> bool:
    """Whether an ingredient of the drug is on ISMP's high-alert list."""
    return _on("high_alert", drug)


def is_narrow(drug: str) -> bool:
    """Whether an ingredient of the drug has a narrow therapeutic index."""
    return _on("narrow_therapeutic_index", drug)


def is_critical(drug: str) -> bool:
    """Whether an ingredient of the drug is on either list."""
    return is_high_alert(drug) or is_narrow(drug)


@lru_cache(maxsize=8192)
def _on(name: HarmListName, drug: str) -> bool:
    """An ingredient is in a drug's name where all its words are."""
    words = frozenset(_WORD.findall(drug.casefold()))
    return any(ingredient <= words for ingredient in _words()[name])


@lru_cache(maxsize=1)
def _words() -> dict[str, list[frozenset[str]]]:
    return {
        name: [frozenset(_WORD.findall(ingredient)) for ingredient in sorted(ingredients)]
        for name, ingredients in listed_ingredients().items()
    }
