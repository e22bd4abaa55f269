"""What is asked for next: the observation that tells most about the drug, never one that tells nothing."""

import numpy as np
import pytest

from bentos.runtime.answer import PillMetadata
from bentos.runtime.ask import READ_RATE, Candidates, information_bits, next_observation
from bentos.runtime.medication import ImprintToken, derive_appearances
from tests.builders import medication, recogniser_spec

CUES = recogniser_spec().cues


def candidates(*medications, weights=None, unknown=0.0, num_inside=None) -> Candidates:
    appearances = tuple(derive_appearances([item])[0] for item in medications)
    drugs = tuple((item.clinical_drug,) for item in medications)
    weights = [1.0] * len(medications) if weights is None else weights
    weight_A = np.append((1 - unknown) * np.array(weights, float) / sum(weights), unknown)
    return Candidates(appearances, drugs, weight_A, len(medications) if num_inside is None else num_inside)


def pill(number: int, *, imprint: str = "SAME", **overrides):
    return medication(number, imprint=(ImprintToken(text=imprint),) if imprint else (), **overrides)


def asked(found: Candidates, *, num_pictures: int = 2, typed: dict | None = None, **options):
    return next_observation(
        found, metadata=PillMetadata(**(typed or {})), num_pictures=num_pictures, cues=CUES, **options
    )


ALIKE = {"size_mm": 8.0, "colors": ("WHITE",), "shape": "ROUND"}


@pytest.mark.parametrize(
    ("pills", "question", "options"),
    [
        ([pill(1, imprint="A1"), pill(2, imprint="B2")], "imprint", ()),
        ([pill(1, size_mm=8), pill(2, size_mm=10), pill(3, size_mm=10)], "size_mm", ("8 mm", "10 mm")),
        ([pill(1), pill(2, colors=("BLUE",))], "color", ("WHITE", "BLUE")),
        ([pill(1), pill(2, shape="OVAL")], "shape", ("ROUND", "OVAL")),
        ([pill(1), pill(2)], "pharmacist", ()),
        ([pill(1, imprint="")], "pharmacist", ()),
    ],
    ids=["imprint", "size", "colour", "shape", "nothing differs", "one is left"],
)
def test_what_splits_the_set_is_asked_for_with_its_outcomes(pills, question, options):
    ask = asked(candidates(*pills))
    assert (ask.question, ask.options) == (question, options)


def test_sizes_are_offered_as_numbers_a_ruler_tells_apart():
    ask = asked(candidates(*(pill(i, size_mm=size) for i, size in enumerate((8, 8, 9, 10, 14), start=1))))
    assert ask.sentence == "measure the longest side: 8, 10 or 14 mm?"


def test_sizes_that_a_ruler_hardly_tells_apart_are_worth_little():
    near, far = (asked(candidates(pill(1, size_mm=8), pill(2, size_mm=size))).bits for size in (8.5, 12))
    assert near < 0.2 < 0.9 < far <= 1


def test_what_tells_drugs_apart_comes_before_what_tells_appearances_apart():
    one, other = pill(1, imprint="A1"), pill(2, imprint="B2", rxnorm_name=pill(1).rxnorm_name)
    third = pill(3, imprint="A1", colors=("BLUE",))
    assert asked(candidates(one, other, third, weights=(0.45, 0.45, 0.1))).question == "color"


def test_where_the_drug_is_known_and_not_proven_the_set_is_to_shrink():
    one, other = pill(1, imprint="A1"), pill(2, imprint="B2", rxnorm_name=pill(1).rxnorm_name)
    ask = asked(candidates(one, other))
    assert (ask.question, ask.bits) == ("imprint", 0.0)
    assert ask.expected_remaining < 1.2


def test_where_nothing_splits_the_set_the_other_side_is_more_evidence():
    assert asked(candidates(pill(1, imprint="A1")), num_pictures=1, typed={"imprint": "A1"}).question == "other_side"
    assert asked(candidates(pill(1, imprint="A1")), typed={"imprint": "A1"}).question == "pharmacist"


def test_the_posterior_weighs_what_tells_apart_the_likely_ones_comes_first():
    three = [pill(1, size_mm=8), pill(2, size_mm=12), pill(3, size_mm=8, colors=("BLUE",))]
    assert asked(candidates(*three, weights=(1, 1, 0.01))).question == "size_mm"
    assert asked(candidates(*three, weights=(1, 0.01, 1))).question == "color"


def test_a_pill_that_may_be_none_of_the_set_is_asked_for_its_imprint():
    ask = asked(candidates(pill(1, imprint="A1"), unknown=0.5))
    assert ask.question == "imprint"
    assert 0.5 < ask.bits <= 1


def test_the_other_side_tells_as_much_as_the_reader_reads():
    two = candidates(pill(1, imprint="A1"), pill(2, imprint="B2"))
    ask = asked(two, num_pictures=1, typed={"imprint": "A1"})
    assert ask.question == "other_side"
    assert ask.bits == pytest.approx(READ_RATE, abs=1e-4)
    assert ask.expected_remaining == pytest.approx(READ_RATE * 1 + (1 - READ_RATE) * 2, abs=0.01)


def test_a_part_of_the_imprint_is_not_all_of_it():
    two = candidates(pill(1, imprint="AB12"), pill(2, imprint="AB13"))
    assert asked(two, typed={"imprint": "AB"}).question == "imprint"
    assert asked(two, typed={"imprint": "AB12"}).question == "pharmacist"


def test_characters_that_people_exchange_do_not_tell_pills_apart():
    assert asked(candidates(pill(1, imprint="O1"), pill(2, imprint="0I"))).question == "pharmacist"


def test_what_has_been_said_is_not_asked_again():
    two = candidates(pill(1), pill(2, colors=("BLUE",)))
    assert asked(two, typed={"color": "white"}).question == "pharmacist"


def test_what_was_typed_and_does_not_fit_is_to_be_checked():
    ask = asked(candidates(pill(1), pill(2)), typed={"imprint": "X"}, contradictions=["the typed imprint"])
    assert (ask.question, ask.sentence) == ("imprint", "check the typed imprint, it does not fit the picture")


def test_a_picture_that_cannot_be_judged_is_taken_again():
    ask = asked(candidates(pill(1, imprint="A1"), pill(2)), retake="the picture is blurred: hold still")
    assert (ask.question, ask.sentence) == ("retake", "the picture is blurred: hold still")


def test_an_empty_gallery_leaves_the_pharmacist():
    assert asked(candidates(unknown=1.0, weights=())).question == "pharmacist"


def test_information_is_never_more_than_there_is_to_know():
    four = candidates(*(pill(i, imprint=f"A{i}") for i in range(1, 5)))
    perfect_AO = np.eye(5)
    assert information_bits(perfect_AO, four) == pytest.approx(2.0)
    assert information_bits(np.full((5, 3), 1 / 3), four) == pytest.approx(0.0, abs=1e-9)
