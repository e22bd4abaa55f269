"""Harm of a confusion: its weight."""

import pytest

from data.harm import Harm, base_ingredients

WARFARIN_5 = "warfarin sodium 5 mg oral tablet"
WARFARIN_6 = "warfarin sodium 6 mg oral tablet"
AMLODIPINE_5 = "amlodipine 5 mg oral tablet"
AMLODIPINE_10 = "amlodipine 10 mg oral tablet"
HYDRALAZINE = "hydralazine hydrochloride 25 mg oral tablet"
HYDROXYZINE = "hydroxyzine hydrochloride 25 mg oral tablet"


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
def test_a_confusion_weighs_what_it_does(true_drug: str, answered: str, weight: float) -> None:
    harm = Harm()
    assert harm.weight(true_drug, answered) == weight
    assert harm.weight(answered, true_drug) == weight


def test_salts_do_not_make_another_ingredient() -> None:
    assert base_ingredients("metoprolol tartrate 50 mg oral tablet") == {"metoprolol"}
    assert base_ingredients("calcium carbonate 1500 mg oral tablet") == {"calcium carbonate"}
