"""Which drugs are critical: by ingredient, whatever else stands in the name."""

import pytest

from bentos.runtime.critical import is_critical, is_high_alert, is_narrow, listed_ingredients


@pytest.mark.parametrize(
    ("drug", "high_alert", "narrow"),
    [
        ("warfarin sodium 5 mg oral tablet", True, True),
        ("Warfarin Sodium 5 MG Oral Tablet", True, True),
        ("digoxin 0.25 mg oral tablet", False, True),
        ("12 hr oxycodone hydrochloride 20 mg extended release oral tablet", True, False),
        ("acetaminophen 325 mg / hydrocodone bitartrate 5 mg oral tablet", True, False),
        ("apap/codeine ndc 00093-0150", True, False),
        ("{35 (lamotrigine 25 mg oral tablet [lamictal]) } pack", True, False),
        ("oxcarbazepine 150 mg oral tablet", False, False),
        ("valproic acid 250 mg oral capsule", True, True),
        ("folic acid 1 mg oral tablet", False, False),
        ("mycophenolate mofetil 250 mg oral capsule", True, False),
        ("amlodipine 5 mg oral tablet", False, False),
        ("", False, False),
    ],
)
def test_a_drug_is_critical_by_its_ingredients(drug: str, high_alert: bool, narrow: bool) -> None:
    assert (is_high_alert(drug), is_narrow(drug)) == (high_alert, narrow)
    assert is_critical(drug) == (high_alert or narrow)


def test_every_listed_ingredient_is_one_folded_name() -> None:
    assert set(listed_ingredients()) == {"high_alert", "narrow_therapeutic_index"}
    for ingredients in listed_ingredients().values():
        assert all(name == name.casefold().strip() for name in ingredients)
