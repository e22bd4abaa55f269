"""Names that are taken for each other: the list, words in drug names, the recommended spelling."""

import pytest

from bentos.runtime.sound_alike import listed_names, partners, sound_alike, tall_man_pairs, with_tall_man_letters


def test_tall_man_pairs_are_spelled_with_distinguishing_capitals() -> None:
    pairs = tall_man_pairs()
    assert len({pair.names for pair in pairs}) == len(pairs) >= 50
    assert frozenset(("hydralazine", "hydroxyzine")) in {pair.names for pair in pairs}
    for pair in pairs:
        assert pair.source in ("FDA", "ISMP")
        assert len(pair.names) == 2
        assert any(letter.isupper() for letter in pair.name + pair.confused_with)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("hydralazine hydrochloride 25 mg oral tablet", "Hydroxyzine Pamoate 25 MG Oral Capsule", True),
        ("metformin 500 mg / saxagliptin 5 mg oral tablet", "sitagliptin 50 mg oral tablet", True),
        ("hydromorphone 2 mg oral tablet", "morphine sulfate 15 mg oral tablet", True),
        ("oxymorphone 5 mg oral tablet", "morphine sulfate 15 mg oral tablet", False),
        ("hydralazine 25 mg oral tablet", "hydralazine 50 mg oral tablet", False),
        ("amlodipine 5 mg oral tablet", "lisinopril 5 mg oral tablet", False),
        ("", "", False),
    ],
)
def test_drugs_sound_alike_where_a_listed_name_is_a_word_of_theirs(one: str, other: str, alike: bool) -> None:
    assert sound_alike(one, other) is alike
    assert sound_alike(other, one) is alike


def test_a_name_may_have_several_partners() -> None:
    assert partners("hydroxyzine 25 mg oral tablet") == {"hydralazine", "hydromorphone"}
    assert listed_names("hydroxyzine 25 mg oral tablet") == {"hydroxyzine"}


def test_tall_man_letters_replace_the_spelling_of_listed_names_alone() -> None:
    assert with_tall_man_letters("Hydralazine 25 MG Oral Tablet") == "hydrALAZINE 25 MG Oral Tablet"
    assert with_tall_man_letters("lisinopril 5 MG Oral Tablet") == "lisinopril 5 MG Oral Tablet"
