"""Look-alike pairs follow from the facts: colours, shape, size, imprint."""

import pytest

from bentos.runtime.medication import ImprintToken, Medication
from data.lookalikes import imprint_distance, look_alike_pairs


def pill(number: int, drug: str, *imprint: str, **overrides: object) -> Medication:
    facts = {
        "ndc11": f"00093-{number:04d}-01",
        "generic_name": drug,
        "strength": "5 MG",
        "imprint": tuple(ImprintToken(text=text) for text in imprint),
        "colors": ("WHITE",),
        "shape": "ROUND",
        "size_mm": 8,
    }
    return Medication(**facts | overrides)


@pytest.mark.parametrize(
    ("one", "other", "distance"),
    [
        (["M", "A7"], ["M", "T7"], 1.0),
        (["TEVA", "54"], ["54", "teva"], 0.0),
        (["5010"], ["50I0"], 0.5),
        (["S", "8"], ["5", "B"], 1.0),
        (["L122"], ["L", "122"], 0.0),
        ([], [], 0.0),
        ([], ["10"], 2.0),
    ],
)
def test_imprints_are_compared_as_a_person_reads_them(one: list[str], other: list[str], distance: float) -> None:
    assert imprint_distance(one, other) == imprint_distance(other, one) == distance


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (pill(2, "b", "M", "T7"), True),
        (pill(2, "b", "M", "A7"), True),
        (pill(2, "b", "M", "T7", size_mm=9), True),
        (pill(2, "b", "M", "T7", size_mm=10), False),
        (pill(2, "b", "M", "T7", shape="OVAL"), False),
        (pill(2, "b", "M", "T7", colors=("PINK",)), False),
        (pill(2, "b", "M", "T9"), False),
        (pill(2, "a", "M", "T7"), False),
    ],
)
def test_a_pair_needs_other_drugs_and_nearly_the_same_look(other: Medication, alike: bool) -> None:
    assert bool(look_alike_pairs([pill(1, "a", "M", "A7"), other])) == alike


def test_long_imprints_may_differ_by_two_characters() -> None:
    pioglitazone, cilostazol = pill(1, "a", "TEVA", "7273"), pill(2, "b", "TEVA", "7231")
    (pair,) = look_alike_pairs([pioglitazone, cilostazol])
    assert (pair.one, pair.other, pair.distance) == ("00093-0001-01.1", "00093-0002-01.1", 2.0)


def test_one_tablet_under_many_ndcs_makes_one_pair() -> None:
    assert len(look_alike_pairs([pill(1, "a", "M", "A7"), pill(2, "a", "M", "A7"), pill(3, "b", "M", "T7")])) == 1
