"""How common a token is on the market weighs in the imprint channel."""

import numpy as np
import pytest

from bentos.runtime.errors import ContractError
from bentos.runtime.imprint import ImprintIndex, whole_match
from bentos.runtime.imprint_world import NO_WORLD, ImprintWorld, count_tokens
from bentos.runtime.lattice import ALPHABET, sharpened
from bentos.runtime.read import Line

MARKET = [("TEVA", str(1000 + n)) for n in range(30)] + [("L484",), ("WATSON", "853"), ("WATSON", "540"), ("V",)] * 3
WORLD = count_tokens(MARKET)
IMPRINTS = [("TEVA", "3147"), ("L484",), ("93", "5256")]


def lattice(text: str) -> np.ndarray:
    """A reader that is sure of every character."""
    lattice_TK = np.full((2 * len(text) + 1, len(ALPHABET) + 1), 1e-4)
    lattice_TK[::2, -1] = 1
    for step, character in enumerate(text):
        lattice_TK[2 * step + 1, ALPHABET.index(character)] = 1
    return sharpened(lattice_TK)


def test_shares_are_of_all_tokens_and_rare_ones_are_left_to_chance():
    counted = count_tokens([("TEVA", "1"), ("TEVA", "2"), ("TEVA", "TEVA"), ()])
    assert counted.shares == {"TEVA": pytest.approx(3 / 6)}


def test_a_common_token_says_less_than_a_rare_one_of_the_same_length():
    score_A = {
        text: ImprintIndex(IMPRINTS).score(text, error_rate=0.03, world=WORLD).max() for text in ("TEVA", "3147")
    }
    assert score_A["3147"] > 10 > 3 > score_A["TEVA"] > 0


def test_without_a_world_every_token_of_a_length_says_the_same():
    assert whole_match("TEVA", error_rate=0.03) == whole_match("3147", error_rate=0.03)
    assert NO_WORLD.log_excess("TEVA", error_rate=0.03) == 0


def test_the_very_text_scores_what_a_pill_of_that_imprint_scores():
    score_A = ImprintIndex(IMPRINTS).score("TEVA 3147", error_rate=0.03, world=WORLD)
    assert score_A[0] == pytest.approx(whole_match("TEVA 3147", error_rate=0.03, world=WORLD), abs=0.2)


def test_text_that_fits_no_pill_is_floored_alike_whether_common_or_not():
    floors = [ImprintIndex([("X9",)]).score(text, error_rate=0.03, world=WORLD)[0] for text in ("TEVA", "3147")]
    assert floors == pytest.approx([np.log(0.05)] * 2, abs=0.01)


def test_a_makers_name_read_in_a_picture_says_less_than_a_number():
    index = ImprintIndex(IMPRINTS)
    read = {
        text: index.score_lines([Line(np.zeros((4, 2)), 1.0, (lattice(text),))], stray_share=0.3, world=WORLD)
        for text in ("TEVA", "3147")
    }
    assert read["3147"][0] > read["TEVA"][0] + 3
    assert read["TEVA"][0] > 0 > read["TEVA"][1]


def test_a_pill_is_spelled_by_all_its_tokens_in_any_order_and_by_nothing_less():
    index = ImprintIndex(IMPRINTS)
    assert [index.spelled_by(text) for text in ("3147 teva", "TEVA3147", "TEVA", "3I47 TEVA", "")] == [
        [0], [0], [], [], [],
    ]  # fmt: skip


def test_shares_survive_the_file_and_damage_is_refused(tmp_path):
    WORLD.write(tmp_path / "world.json")
    assert ImprintWorld.load(tmp_path / "world.json") == WORLD
    (tmp_path / "world.json").write_text('{"shares": {"TEVA": 2}}')
    with pytest.raises(ContractError):
        ImprintWorld.load(tmp_path / "world.json")
