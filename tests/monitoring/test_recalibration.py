"""A recalibration passes unless the same photographs show, beyond the noise, that it is worse."""

import dataclasses

import pytest

from monitoring.evaluate import Evaluation
from monitoring.recalibration import Comparison, changes, judge_recalibration, page
from monitoring.records import PhotoRecord, UnknownAsked
from tests.monitoring.making import FlatHarm, asked, evaluation, record


def judged(records: list[PhotoRecord], **about) -> Evaluation:
    return Evaluation(records, evaluation(records, num_medications=len({r.medication_id for r in records}), **about))


def photographs(*, wrong: int = 0, confidence: float = 0.9, outside: int = 0, named: int = 0) -> list[PhotoRecord]:
    """Forty photographs of forty pills; some wrong all the same, some outside their set, some unknown ones named."""
    return [
        record(
            number,
            photo=f"photo{number}",
            answer=asked(right=number >= wrong, confidence=confidence, in_set=number >= outside),
            unknown=(UnknownAsked(gallery_size=40, status="identified" if number < named else "uncertain",
                                  answered_medication=None, confidence=0.5, unknown_probability=0.5),),
        )
        for number in range(40)
    ]  # fmt: skip


def failed(before: Evaluation, after: Evaluation, *, coverage_shown: bool = False) -> set[str]:
    gates = judge_recalibration(Comparison(before, after), coverage_shown=coverage_shown, harm=FlatHarm())
    return {gate.name.split(":")[0] for gate in gates.failures}


def test_the_same_answers_pass() -> None:
    assert failed(judged(photographs()), judged(photographs())) == set()


def test_one_photograph_in_forty_is_noise_and_ten_are_not() -> None:
    assert failed(judged(photographs()), judged(photographs(wrong=1))) == set()
    assert failed(judged(photographs()), judged(photographs(wrong=10))) == {
        "Picture", "Picture and imprint", "Picture and part of the imprint", "Harm of confident errors per photograph",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "gate"),
    [
        ({"confidence": 0.3}, "Picture"),
        ({"outside": 9}, "Picture"),
        ({"named": 9}, "Pill not in the gallery"),
    ],
)
def test_it_is_refused_for_what_got_worse(change: dict, gate: str) -> None:
    assert failed(judged(photographs()), judged(photographs(**change))) == {gate}


def test_a_promise_of_coverage_is_held_against_these_photographs() -> None:
    before, after = judged(photographs(outside=12)), judged(photographs(outside=12))
    assert failed(before, after) == set()
    assert failed(before, after, coverage_shown=True) == {"Picture"}


def test_other_photographs_and_too_few_pills_judge_nothing() -> None:
    other = judged(photographs(), photos_digest="sha256:" + "0" * 64)
    assert failed(judged(photographs()), other) == {"Asked the same photographs"}
    few = [dataclasses.replace(judged(photographs()[:5])) for _ in range(2)]
    assert failed(*few) == {"Different pills judged"}


def test_the_page_says_what_changed_and_which_gate_failed() -> None:
    found = Comparison(judged(photographs()), judged(photographs(named=20)))
    gates = judge_recalibration(found, coverage_shown=False, harm=FlatHarm())
    text = page("Ward 7", story=["Forty photographs."], rows=changes(found), gates=gates.gates)
    assert "| unknown pill named | 0.0%" in text
    assert "| Pill not in the gallery: named all the same | 0 | at most" in text
    assert text.count("FAILED") == 1
