"""The latent-imprint channel on typed text."""

import numpy as np
import pytest

from bentos.runtime.imprint import ImprintIndex, shows_typed, typed_tokens
from bentos.runtime.typing_channel import confusion_class

IMPRINTS = [("TEVA", "3147"), ("L484",), ("93", "5256"), ("93", "311"), (), ("M", "T1"), ("WATSON", "853")]


def best(text: str) -> int:
    return int(ImprintIndex(IMPRINTS).score(text, error_rate=0.03).argmax())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TEVA 3147", 0),
        ("3147;teva", 0),
        ("teva3147", 0),
        ("3I47", 0),
        ("L484", 1),
        ("L 484", 1),
        ("l-484", 1),
        ("93 5256", 2),
        ("525G 93", 2),
        ("311", 3),
        ("MT1", 5),
        ("watson 8S3", 6),
    ],
)
def test_typed_text_finds_its_pill_in_any_order_split_and_confusion(text, expected):
    assert best(text) == expected


def test_a_score_never_depends_on_the_other_imprints():
    whole = ImprintIndex(IMPRINTS).score("93 5256", error_rate=0.03)
    alone = ImprintIndex(IMPRINTS[2:3]).score("93 5256", error_rate=0.03)
    assert whole[2] == pytest.approx(alone[0], abs=1e-9)


def test_a_longer_exact_match_weighs_more_than_a_shorter_one():
    score = ImprintIndex([("93",), ("93528",)])
    assert score.score("93528", error_rate=0.03)[1] > score.score("93", error_rate=0.03)[0] > 0


def test_text_without_a_glyph_says_nothing():
    assert not ImprintIndex(IMPRINTS).score(" -;/ ", error_rate=0.03).any()


def test_a_pill_without_imprint_is_unlikely_when_text_was_typed():
    assert ImprintIndex(IMPRINTS).score("TEVA", error_rate=0.03)[4] < -2


def test_a_very_long_text_is_cut_to_eight_pieces():
    assert len(typed_tokens("A " * 1000)) == 8


def test_look_alike_characters_share_a_class():
    assert confusion_class("O0D") == confusion_class("000")
    assert np.isfinite(ImprintIndex(IMPRINTS).score("O" * 64, error_rate=0.03)).all()


@pytest.mark.parametrize(
    ("read", "typed", "expected"),
    [
        ("3147", "3147 TEVA", True),
        ("TEVA", "TEUA", True),  # a look-alike
        ("31471", "3147", True),  # a gleam read as a character
        ("50020", "500", True),
        ("BUTIN", "Mycobutin", True),  # the part in sight
        ("93", "9B", True),
        ("2080", "TEUA", False),
        ("MP", "B5", False),
        ("7426", "TV", False),
        ("5", "RP", False),
    ],
)
def test_what_was_read_is_what_was_typed_or_something_beside_it(read, typed, expected):
    assert shows_typed(read, typed) is expected


def test_a_part_of_a_long_token_counts_less_than_the_whole_and_short_tokens_have_none():
    index = ImprintIndex([("MYCOBUTIN",), ("2632",), ("BUTIN",)])
    part = index.score("BUTIN", error_rate=0.03)
    assert part[2] > part[0] > part[1] + 3
    assert index.score("MYCOBUTIN", error_rate=0.03).argmax() == 0
    assert index.score("263", error_rate=0.03)[1] < 2
