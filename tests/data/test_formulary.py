"""The built-in formulary: large and hard enough, and true to the NLM catalogue."""

from collections import Counter
from pathlib import Path

import pytest

from bentos.runtime.medication import Appearance, ImprintToken, Medication, derive_appearances, fold_imprint
from bentos.runtime.sound_alike import tall_man_pairs
from data.catalogue.formulary import read_formulary
from data.catalogue.nlm import read_nlm_catalogue
from data.harm import Harm, base_ingredients
from data.lookalikes import look_alike_pairs


@pytest.fixture(scope="module")
def formulary() -> list[Medication]:
    return read_formulary()


def test_it_holds_96_medications_and_every_fact_of_them(formulary: list[Medication]) -> None:
    assert len(formulary) == 96
    for medication in formulary:
        assert all((medication.rxcui, medication.rxnorm_name, medication.labeler, medication.imprint_type))
        assert all((medication.strength, medication.dosage_form, medication.imprint))
        assert (medication.imprint_type == "PRINTED") == (medication.imprint_color is not None)


def test_every_imprint_token_carries_its_side(formulary: list[Medication]) -> None:
    assert {token.side for medication in formulary for token in medication.imprint} == {"front", "back"}


def white_round(formulary: list[Medication]) -> list[Appearance]:
    return [a for a in derive_appearances(formulary) if a.colors == ("WHITE",) and a.shape == "ROUND"]


def test_sixteen_white_round_tablets_differ_by_imprint_alone(formulary: list[Medication]) -> None:
    alike = Counter((a.size_mm, a.score, a.imprint_type) for a in white_round(formulary))
    assert max(alike.values()) >= 16


def test_there_are_eight_look_alike_pairs_some_of_them_harmful(formulary: list[Medication]) -> None:
    drug = {medication.medication_id: medication.clinical_drug for medication in formulary}
    pairs, harm = look_alike_pairs(formulary), Harm()
    assert len(pairs) >= 8
    assert sum(harm.weight(drug[pair.one], drug[pair.other]) >= 5 for pair in pairs) >= 4


def test_there_are_six_tall_man_pairs(formulary: list[Medication]) -> None:
    ingredients = {name for medication in formulary for name in base_ingredients(medication.clinical_drug)}
    assert sum(pair.names <= ingredients for pair in tall_man_pairs()) >= 6


def test_many_forms_are_there(formulary: list[Medication]) -> None:
    shapes = Counter(medication.shape for medication in formulary)
    assert len(shapes) >= 10
    assert min(shapes["OVAL"], shapes["CAPSULE"]) >= 8
    assert sum(len(set(medication.colors)) == 2 for medication in formulary) >= 8
    assert set(Counter(medication.imprint_type for medication in formulary)) == {"PRINTED", "DEBOSSED"}


def test_one_tablet_under_two_ndcs_is_one_appearance(formulary: list[Medication]) -> None:
    assert sum(len(appearance.medication_ids) > 1 for appearance in derive_appearances(formulary)) == 2


def test_high_alert_drugs_are_included(formulary: list[Medication]) -> None:
    harm = Harm()
    drugs = {medication.clinical_drug for medication in formulary}
    assert sum(map(harm.is_high_alert, drugs)) >= 15
    assert {"warfarin", "methotrexate", "digoxin"} <= {name for drug in drugs for name in base_ingredients(drug)}


def glyphs(tokens: tuple[ImprintToken, ...], *, once: bool) -> Counter[str]:
    """How often each character stands on the pill; `once` counts a repeated token (both halves, both sides) once."""
    folded = [fold_imprint(token.text) for token in tokens]
    return Counter("".join(dict.fromkeys(folded) if once else folded))


@pytest.mark.realdata
def test_its_facts_are_those_of_the_nlm_catalogue(formulary: list[Medication], shared_dir: Path) -> None:
    catalogue = read_nlm_catalogue(shared_dir / "rximage" / "catalogue.csv")
    known = {medication.medication_id: medication for medication in catalogue.gallery_medications}
    same = ("rxcui", "rxnorm_name", "strength", "dosage_form", "imprint_type", "imprint_color")
    look = ("shape", "score", "size_mm", "symbol", "clinical_drug")
    for ours in formulary:
        theirs = known[ours.medication_id]
        assert [getattr(ours, name) for name in same + look] == [getattr(theirs, name) for name in same + look]
        assert sorted(ours.colors) == sorted(theirs.colors)
        assert any(glyphs(ours.imprint, once=once) == glyphs(theirs.imprint, once=once) for once in (True, False))
        assert ours.generic_name in theirs.clinical_drug
