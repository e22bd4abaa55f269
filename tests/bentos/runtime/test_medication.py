"""Medications, their names and appearances."""

import pytest
from pydantic import ValidationError

from bentos.runtime.medication import ImprintToken, appearance_id_of, derive_appearances, look_group_of
from bentos.runtime.spl import parse_color, parse_shape
from tests.builders import medication


@pytest.mark.parametrize(
    "overrides",
    [
        {"ndc11": "12345-678-90"},
        {"ndc11": "1234567890"},
        {"colors": ("MAUVE",)},
        {"colors": ()},
        {"shape": "BLOB"},
        {"size_mm": 0},
        {"size_mm": -3},
        {"size_mm": float("nan")},
        {"score": 9},
        {"imprint_type": "ETCHED"},
        {"surprise": 1},
    ],
)
def test_facts_outside_the_vocabulary_are_refused(overrides):
    with pytest.raises(ValidationError):
        medication(**overrides)


def test_the_clinical_drug_is_the_rxnorm_name_without_the_brand():
    branded = medication(rxnorm_name="tadalafil 5 MG Oral Tablet [Cialis]")
    assert branded.clinical_drug == medication(rxnorm_name="Tadalafil 5 MG  Oral Tablet").clinical_drug


def test_the_clinical_drug_falls_back_on_generic_name_and_strength():
    assert medication(rxnorm_name=None, generic_name="ATOMOXETINE", strength="10 MG").clinical_drug == (
        "atomoxetine 10 mg"
    )


def test_unrecorded_strengths_do_not_count_as_one_drug():
    one, other = (medication(n, rxnorm_name=None, generic_name="sotalol", strength=None) for n in (1, 2))
    assert one.clinical_drug != other.clinical_drug


def test_the_same_tablet_under_another_ndc_is_the_same_appearance():
    one, other = medication(1), medication(1, ndc11="99999-0001-01", labeler="REPACKER")
    (appearance,) = derive_appearances([one, other])
    assert appearance.medication_ids == (one.medication_id, other.medication_id)


def test_imprint_order_and_punctuation_do_not_make_another_appearance():
    tokens = (ImprintToken(text="te-st"), ImprintToken(text="a1"))
    assert appearance_id_of(medication(1, imprint=tokens)) == appearance_id_of(medication(1))


@pytest.mark.parametrize("overrides", [{"size_mm": 9.0}, {"score": 2}])
def test_size_and_score_make_another_appearance_of_the_same_look(overrides):
    assert appearance_id_of(medication(1, **overrides)) != appearance_id_of(medication(1))
    assert look_group_of(medication(1, **overrides)) == look_group_of(medication(1))


def test_spl_words_are_read_in_any_case():
    assert parse_color(" white ") == "WHITE"
    assert parse_color("grey") == "GRAY"
    assert parse_shape("pentagon") == "PENTAGON (5 sided)"
