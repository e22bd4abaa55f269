"""Harm of a confusion: criticality by ingredient, sound-alike names, weights."""

import pytest

from data.harm import Harm, base_ingredients, read_harm

WARFARIN_5 = "warfarin sodium 5 mg oral tablet"
WARFARIN_6 = "warfarin sodium 6 mg oral tablet"
AMLODIPINE_5 = "amlodipine 5 mg oral tablet"
AMLODIPINE_10 = "amlodipine 10 mg oral tablet"
HYDRALAZINE = "hydralazine hydrochloride 25 mg oral tablet"
HYDROXYZINE = "hydroxyzine hydrochloride 25 mg oral tablet"


@pytest.fixture(scope="module")
def harm() -> Harm:
    return read_harm()


@pytest.mark.parametrize(
    ("drug", "high_alert", "narrow"),
    [
        (WARFARIN_5, True, True),
        ("Warfarin Sodium 5 MG Oral Tablet", True, True),
        ("digoxin 0.25 mg oral tablet", False, True),
        ("12 hr oxycodone hydrochloride 20 mg extended release oral tablet", True, False),
        ("acetaminophen 325 mg / hydrocodone bitartrate 5 mg oral tablet", True, False),
        ("{35 (lamotrigine 25 mg oral tablet [lamictal]) } pack", True, False),
        ("oxcarbazepine 150 mg oral tablet", False, False),
        ("mycophenolate mofetil 250 mg oral capsule", True, False),
        (AMLODIPINE_5, False, False),
        ("", False, False),
    ],
)
def test_a_drug_is_critical_by_its_ingredients(harm: Harm, drug: str, high_alert: bool, narrow: bool) -> None:
    assert (harm.is_high_alert(drug), harm.is_narrow(drug)) == (high_alert, narrow)


@pytest.mark.parametrize(
    ("true_drug", "answered", "weight"),
    [
        (WARFARIN_5, WARFARIN_5.upper(), 0.0),
        (AMLODIPINE_5, AMLODIPINE_10, 0.5),
        (AMLODIPINE_5, HYDRALAZINE, 1.0),
        (HYDRALAZINE, HYDROXYZINE, 1.5),
        (WARFARIN_5, WARFARIN_6, 5.0),
        (WARFARIN_5, AMLODIPINE_5, 5.0),
        ("glipizide 5 mg oral tablet", "glyburide 5 mg oral tablet", 7.5),
        ("hydroxyzine pamoate 25 mg oral capsule", HYDROXYZINE, 0.5),
    ],
)
def test_a_confusion_weighs_what_it_does(harm: Harm, true_drug: str, answered: str, weight: float) -> None:
    assert harm.weight(true_drug, answered) == weight
    assert harm.weight(answered, true_drug) == weight


def test_every_listed_ingredient_is_one_folded_name(harm: Harm) -> None:
    assert set(harm.listed) == {"high_alert", "narrow_therapeutic_index"}
    for ingredients in harm.listed.values():
        assert all(name == name.casefold().strip() for name in ingredients)


def test_salts_do_not_make_another_ingredient() -> None:
    assert base_ingredients("metoprolol tartrate 50 mg oral tablet") == {"metoprolol"}
    assert base_ingredients("calcium carbonate 1500 mg oral tablet") == {"calcium carbonate"}
