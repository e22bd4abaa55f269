"""What tells two medications apart, which confusion is worst, and how it is said."""

import pytest

from bentos.runtime.look_alike import (
    NOTHING_TELLS,
    Neighbour,
    as_look_alike,
    danger,
    differences,
    most_dangerous,
    sentence,
)
from bentos.runtime.medication import ImprintToken, Medication
from tests.builders import medication


def imprint(*texts: str) -> tuple[ImprintToken, ...]:
    return tuple(ImprintToken(text=text) for text in texts)


def pill(number: int = 1, **facts) -> Medication:
    return medication(number, **{"imprint": imprint("A1", "TEST"), **facts})


def neighbour(*reasons: str, other: int = 2, **facts) -> Neighbour:
    return Neighbour(pill(1), pill(other), frozenset(reasons), **facts)


WARFARIN = pill(7, rxnorm_name="warfarin 5 MG", generic_name="warfarin")


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, ()),
        ({"imprint": imprint("test", "a-1")}, ()),
        ({"imprint": imprint("A7", "TEST")}, ("its imprint is A7 TEST, not A1 TEST",)),
        ({"imprint": ()}, ("it carries no imprint, not A1 TEST",)),
        ({"size_mm": 9.0}, ("it measures 9 mm, not 8 mm",)),
        ({"size_mm": 8.9}, ()),
        ({"colors": ("BLUE", "WHITE")}, ("it is blue and white, not white",)),
        ({"shape": "OVAL"}, ("it is oval, not round",)),
        ({"score": 2}, ("it is scored in two, not unscored",)),
        ({"imprint_type": "PRINTED"}, ("its imprint is printed, not debossed",)),
        ({"imprint_type": None}, ()),
        (
            {"imprint": imprint("A7"), "size_mm": 10.5, "score": 2},
            ("its imprint is A7, not A1 TEST", "it measures 10.5 mm, not 8 mm", "it is scored in two, not unscored"),
        ),
    ],
)
def test_differences_are_said_of_the_other_the_imprint_first(facts: dict, told: tuple[str, ...]) -> None:
    assert differences(pill(1), pill(2, **facts)) == told


def test_a_pill_without_imprint_beside_one_that_has_one() -> None:
    assert differences(pill(1, imprint=()), pill(2)) == ("its imprint is A1 TEST, where this one carries none",)


def test_the_other_side_is_named_where_only_it_differs() -> None:
    assert differences(pill(1), pill(2), other_side_differs=True) == ("turned over, its other side looks different",)


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (neighbour("same"), neighbour("sounds", "looks", "evidence", probability=0.4)),
        (neighbour("sounds", "looks"), neighbour("sounds")),
        (neighbour("sounds"), neighbour("looks", margin=0.03)),
        (neighbour("evidence", probability=0.3), neighbour("evidence", probability=0.1)),
        (neighbour("looks", margin=0.02), neighbour("looks", margin=0.01)),
        (neighbour("sounds"), neighbour("sounds", first=False)),
        (neighbour("looks"), Neighbour(pill(1), pill(2, generic_name="drug1"), frozenset({"looks"}))),
        (Neighbour(pill(1), WARFARIN, frozenset({"looks"})), neighbour("sounds")),
        (Neighbour(WARFARIN, pill(1), frozenset({"looks"})), neighbour("looks", margin=0.1)),
    ],
)
def test_confusions_have_an_order_of_danger(worse: Neighbour, better: Neighbour) -> None:
    assert danger(worse) > danger(better)
    assert most_dangerous([better, worse])[0] == worse


def test_at_most_three_are_said_each_pair_of_drugs_once_and_none_without_a_reason() -> None:
    found = [neighbour("looks", other=i) for i in (2, 3, 4, 5)]
    strengths = [Neighbour(pill(1), pill(9, rxnorm_name=f"drug9 {i} MG", strength=f"{i} MG"), frozenset({"sounds"}))
                 for i in (1, 2)]  # fmt: skip
    kept = most_dangerous([neighbour(), *found, *strengths])
    assert len(kept) == 3
    assert [item.other.generic_name for item in kept].count("drug9") == 1
    assert most_dangerous([neighbour()]) == []


def test_strengths_of_one_ingredient_are_confusions_of_their_own() -> None:
    others = [pill(i, generic_name="drug1", rxnorm_name=f"drug1 {i} MG Oral Tablet") for i in (2, 3)]
    assert len(most_dangerous(Neighbour(pill(1), other, frozenset({"looks"})) for other in others)) == 2


def test_a_warning_names_both_why_and_how_to_tell() -> None:
    one = pill(1, rxnorm_name="hydralazine 25 MG Oral Tablet", generic_name="hydralazine")
    other = pill(2, rxnorm_name="hydroxyzine 25 MG Oral Tablet", generic_name="hydroxyzine", size_mm=10.0)
    assert sentence(Neighbour(one, other, frozenset({"looks", "sounds"}))) == (
        "hydrALAZINE 25 MG Oral Tablet may be taken for hydrOXYzine 25 MG Oral Tablet, which sounds alike and looks "
        "alike: it measures 10 mm, not 8 mm"
    )
    assert "hydralazine" in sentence(Neighbour(one, other, frozenset({"looks"})))


def test_a_high_alert_neighbour_is_called_so() -> None:
    said = sentence(Neighbour(pill(1), WARFARIN, frozenset({"looks"})))
    assert said.startswith(
        "drug1 10 MG Oral Tablet may be taken for warfarin 5 MG, a high-alert drug that looks alike:"
    )


def test_where_nothing_differs_a_pharmacist_is_named() -> None:
    assert sentence(neighbour("same")).endswith(NOTHING_TELLS)


def test_the_answer_carries_the_reasons_in_one_order_and_every_difference() -> None:
    facts = {"imprint": (), "size_mm": 12.0, "colors": ("RED",), "shape": "OVAL"}
    item = as_look_alike(Neighbour(pill(1), pill(2, **facts), frozenset({"looks", "sounds"}), probability=0.2))
    assert item.reasons == ("sounds", "looks")
    assert (item.medication_id, item.taken_for) == (pill(2).medication_id, pill(1).medication_id)
    assert len(item.tell_apart) == 4
