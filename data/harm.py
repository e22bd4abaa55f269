"""How much harm a confusion of two drugs does: critical drugs weigh more, and names that sound alike.

The weights are this project's own ordinal scale, for comparing two recognisers and not a clinical measure:
1 is one drug named for another, both benign. The lists are those that warn a person who asks:
`bentos.runtime.critical` and `bentos.runtime.sound_alike`.
"""

import re
from typing import Final

from bentos.runtime.critical import is_critical, is_high_alert
from bentos.runtime.sound_alike import sound_alike
from data.catalogue.rxnorm import ingredients_of

SAME_INGREDIENT: Final = 0.5
SOUND_ALIKE: Final = 1.5
CRITICAL: Final = 5.0

_SALTS: Final = re.compile(
    r"\b(?:acetate|aspartate|besylate|bisulfate|bromide|calcium|carbonate|chloride|citrate|dihydrate|dihydrochloride|"
    r"dipotassium|disoproxil|fumarate|hcl|hydrobromide|hydrochloride|hyclate|magnesium|malate|maleate|mandelate|"
    r"mesylate|modified|mofetil|monohydrate|mononitrate|nitrate|pamoate|phosphate|potassium|sodium|succinate|sulfate|"
    r"tartrate|tosylate|tromethamine)\b|,"
)


class Harm:
    """What gates and reports ask about a confusion. Drugs are given by clinical-drug name."""

    def is_high_alert(self, clinical_drug: str) -> bool:
        """Whether an ingredient of the drug is on ISMP's high-alert list."""
        return is_high_alert(clinical_drug)

    def weight(self, true_drug: str, answered_drug: str) -> float:
        """Harm of answering one clinical drug where the other was shown; 0 where they are the same.

        0.5 for another strength or form of the same ingredients, 1 for another drug, 1.5 where the names sound
        alike too (a person who checks the answer overlooks it); five times that where either drug is critical,
        for whose ingredients another strength counts as another drug.
        """
        if true_drug.casefold() == answered_drug.casefold():
            return 0.0
        critical = is_critical(true_drug) or is_critical(answered_drug)
        if base_ingredients(true_drug) == base_ingredients(answered_drug):
            base = 1.0 if critical else SAME_INGREDIENT
        else:
            base = SOUND_ALIKE if sound_alike(true_drug, answered_drug) else 1.0
        return base * (CRITICAL if critical else 1.0)


def base_ingredients(clinical_drug: str) -> frozenset[str]:
    """Ingredients of a drug without their salts: `hydroxyzine pamoate 25 mg oral capsule` gives `hydroxyzine`."""
    return frozenset(_base(ingredient) for ingredient in ingredients_of(clinical_drug))


def _base(ingredient: str) -> str:
    return " ".join(_SALTS.sub(" ", ingredient).split()) or ingredient
