"""RxNorm names are taken apart into ingredients, strength, form and brand."""

import pytest

from data.catalogue.rxnorm import DrugName, ingredients_of, parse_drug_name, parse_product_strength

TABLET = "Oral Tablet"


@pytest.mark.parametrize(
    ("name", "strength", "form", "brand"),
    [
        ("Clonazepam 2 MG Oral Tablet", "2 MG", TABLET, None),
        ("Warfarin Sodium 2.5 MG Oral Tablet [Coumadin]", "2.5 MG", TABLET, "Coumadin"),
        (
            "24 HR Bupropion Hydrochloride 150 MG Extended Release Oral Tablet",
            "150 MG",
            f"Extended Release {TABLET}",
            None,
        ),
        ("Amlodipine 2.5 MG / Benazepril hydrochloride 10 MG Oral Capsule", "2.5 MG / 10 MG", "Oral Capsule", None),
        ("Vitamin B 12 1 MG Oral Tablet", "1 MG", TABLET, None),
        ("{35 (lamotrigine 25 MG Oral Tablet [Lamictal]) } Pack [Lamictal Kit]", None, "Pack", "Lamictal Kit"),
        ("AVANDARYL", None, None, None),
        ("", None, None, None),
    ],
)
def test_strength_form_and_brand_are_read(name: str, strength: str | None, form: str | None, brand: str | None) -> None:
    assert parse_drug_name(name) == DrugName(strength=strength, dosage_form=form, brand=brand)


@pytest.mark.parametrize(
    ("name", "ingredients"),
    [
        ("Clonazepam 2 MG Oral Tablet [Klonopin]", {"clonazepam"}),
        ("24 HR metoprolol succinate 25 MG Extended Release Oral Tablet", {"metoprolol succinate"}),
        (
            "Smoking Cessation 12 HR Bupropion 150 MG Extended Release Oral Tablet",
            {"bupropion"},
        ),
        ("Amlodipine 2.5 MG / Benazepril hydrochloride 10 MG Oral Capsule", {"amlodipine", "benazepril hydrochloride"}),
        ("Vitamin B 12 1 MG Oral Tablet", {"vitamin b 12"}),
        (
            "{35 (lamotrigine 25 MG Oral Tablet [Lamictal]) / 7 (lithium 1 MG Oral Tablet)} Pack [X]",
            {"lamotrigine", "lithium"},
        ),
        ("metronidazole ", {"metronidazole"}),
    ],
)
def test_ingredients_are_read_of_every_component(name: str, ingredients: set[str]) -> None:
    assert ingredients_of(name) == ingredients


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        ("STRATTERA 10MG", "10 MG"),
        ("HYOMAX-DT 0.375MG TABLET", "0.375 MG"),
        ("CARB/LEVO 25-100MG TAB", "25-100 MG"),
        ("PIROXICAM", None),
    ],
)
def test_a_product_s_name_may_carry_the_strength(name: str, strength: str | None) -> None:
    assert parse_product_strength(name) == strength
