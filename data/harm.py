"""How much harm a confusion of two drugs does: high-alert drugs, narrow therapeutic index, names that sound alike.

Sources, each a selection of oral ingredients written for this project:
- `high_alert` in harm.csv: Institute for Safe Medication Practices (ISMP), List of High-Alert Medications in
  Community/Ambulatory Care Settings, 2021; its classes are spelled out as ingredients.
- `narrow_therapeutic_index` in harm.csv: FDA publishes no single list; these are ingredients that FDA's
  product-specific guidances or state pharmacy boards treat so, and oral antiarrhythmics dosed by level or ECG.
- Names that sound alike: `bentos.runtime.sound_alike`.

The weights are this project's own ordinal scale, for comparing two recognisers and not a clinical measure:
1 is one drug named for another, both benign.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from bentos.runtime.sound_alike import sound_alike
from data.catalogue.rxnorm import ingredients_of

HARM_LIST = Path(__file__).resolve().parent / "harm.csv"
LISTS: Final = ("high_alert", "narrow_therapeutic_index")

SAME_INGREDIENT: Final = 0.5
SOUND_ALIKE: Final = 1.5
CRITICAL: Final = 5.0

_SALTS: Final = re.compile(
    r"\b(?:acetate|aspartate|besylate|bisulfate|bromide|calcium|carbonate|chloride|citrate|dihydrate|dihydrochloride|"
    r"dipotassium|disoproxil|fumarate|hcl|hydrobromide|hydrochloride|hyclate|magnesium|malate|maleate|mandelate|"
    r"mesylate|modified|mofetil|monohydrate|mononitrate|nitrate|pamoate|phosphate|potassium|sodium|succinate|sulfate|"
    r"tartrate|tosylate|tromethamine)\b|,"
)
HarmListName = Literal["high_alert", "narrow_therapeutic_index"]


@dataclass(frozen=True)
class Harm:
    """The lists, and the weight of a confusion that follows from them. Drugs are given by clinical-drug name."""

    listed: Mapping[str, frozenset[str]]

    def is_high_alert(self, clinical_drug: str) -> bool:
        """Whether an ingredient of the drug is on ISMP's high-alert list."""
        return self._on("high_alert", clinical_drug)

    def is_narrow(self, clinical_drug: str) -> bool:
        """Whether an ingredient of the drug has a narrow therapeutic index."""
        return self._on("narrow_therapeutic_index", clinical_drug)

    def is_critical(self, clinical_drug: str) -> bool:
        """Whether an ingredient of the drug is on either list."""
        return self.is_high_alert(clinical_drug) or self.is_narrow(clinical_drug)

    def weight(self, true_drug: str, answered_drug: str) -> float:
        """Harm of answering one clinical drug where the other was shown; 0 where they are the same.

        0.5 for another strength or form of the same ingredients, 1 for another drug, 1.5 where the names sound
        alike too (a person who checks the answer overlooks it); five times that where either drug is critical,
        for whose ingredients another strength counts as another drug.
        """
        if true_drug.casefold() == answered_drug.casefold():
            return 0.0
        critical = self.is_critical(true_drug) or self.is_critical(answered_drug)
        if base_ingredients(true_drug) == base_ingredients(answered_drug):
            base = 1.0 if critical else SAME_INGREDIENT
        else:
            base = SOUND_ALIKE if sound_alike(true_drug, answered_drug) else 1.0
        return base * (CRITICAL if critical else 1.0)

    def _on(self, name: HarmListName, clinical_drug: str) -> bool:
        words = [_words(ingredient) for ingredient in ingredients_of(clinical_drug)]
        return any(listed <= found for listed in self._listed_words[name] for found in words)

    @cached_property
    def _listed_words(self) -> dict[str, list[frozenset[str]]]:
        return {name: [_words(ingredient) for ingredient in found] for name, found in self.listed.items()}


def base_ingredients(clinical_drug: str) -> frozenset[str]:
    """Ingredients of a drug without their salts: `hydroxyzine pamoate 25 mg oral capsule` gives `hydroxyzine`."""
    return frozenset(_base(ingredient) for ingredient in ingredients_of(clinical_drug))


def read_harm() -> Harm:
    """Read the built-in lists.

    Raises:
        ValueError: harm.csv names a list that does not exist.
    """
    listed: dict[str, set[str]] = {name: set() for name in LISTS}
    with HARM_LIST.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["list"] not in listed:
                raise ValueError(f"{HARM_LIST.name}: unknown list {row['list']!r}; one of {', '.join(LISTS)}")
            listed[row["list"]].add(row["ingredient"])
    frozen = {name: frozenset(ingredients) for name, ingredients in listed.items()}
    return Harm(listed=MappingProxyType(frozen))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.replace(",", " ").split())


def _base(ingredient: str) -> str:
    return " ".join(_SALTS.sub(" ", ingredient).split()) or ingredient
