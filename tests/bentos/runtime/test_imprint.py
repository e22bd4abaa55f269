"""The latent-imprint channel on typed text."""

import numpy as np
import pytest

from bentos.runtime.imprint import ImprintIndex, typed_tokens
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
