"""Looks at possible lines: which together say most, in which direction, and texts that stand there twice."""

import numpy as np
import pytest

from bentos.runtime.lattice import ALPHABET, BLANK, greedy_text
from bentos.runtime.looks import Look, best_together, in_one_direction, most_said, said_once, still_to_read
from bentos.runtime.text_regions import TextRegion

WHOLE, UPPER, LOWER, ELSEWHERE = (10, 10, 60, 40), (10, 10, 60, 18), (10, 32, 60, 18), (150, 20, 60, 20)


def region(left: float, top: float, width: float, height: float) -> TextRegion:
    corners = [[left, top], [left + width, top], [left + width, top + height], [left, top + height]]
    return TextRegion(np.array(corners, float), 0.9)


def look(text: str, box: tuple = WHOLE, *, sure: float = 0.99, turn: int = 0, at: TextRegion | None = None) -> Look:
    """A region that reads `text`, each step with probability `sure`."""
    codes = [code for character in text for code in (ALPHABET.index(character), BLANK)] or [BLANK]
    lattice_TK = np.full((len(codes), BLANK + 1), (1 - sure) / BLANK)
    lattice_TK[np.arange(len(codes)), codes] = sure
    return Look(at or region(*box), turn, lattice_TK)


def both_ways(upright: Look, on_its_head: str, *, sure: float = 0.99) -> list[Look]:
    return [upright, look(on_its_head, turn=2, at=upright.region, sure=sure)]


def texts(lines: list) -> list[str]:
    return [greedy_text(max(own, key=lambda one: one.nats).lattice_TK) for own in lines]


def test_two_lines_that_say_more_stand_for_the_region_that_covers_both() -> None:
    merged, upper, lower = [look("33", sure=0.8)], [look("93", UPPER)], [look("311", LOWER)]
    assert texts(best_together([merged, upper, lower])) == ["93", "311"]


def test_a_region_that_says_more_stands_for_its_parts() -> None:
    whole, left = [look("TEVA")], [look("TE", UPPER)]
    assert texts(best_together([whole, left, [look("5", LOWER, sure=0.5)]])) == ["TEVA"]


def test_lines_that_do_not_overlap_are_all_kept() -> None:
    assert texts(best_together([[look("GG")], [look("335", ELSEWHERE)]])) == ["GG", "335"]
    assert best_together([]) == []


def test_longer_and_surer_text_says_more_and_no_text_nothing() -> None:
    said = [most_said([look(text, sure=sure)]) for text, sure in (("", 0.99), ("A", 0.9), ("AB", 0.9), ("AB", 0.99))]
    assert said[0] == 0
    assert said == sorted(said)


def test_lines_are_read_in_the_direction_in_which_together_they_say_most() -> None:
    lines = [both_ways(look("LZD"), "071", sure=0.5), both_ways(look("600", ELSEWHERE), "009")]
    kept = in_one_direction(lines)
    assert [[one.turn for one in own] for own in kept] == [[0], [0]]


def test_both_directions_stay_where_neither_says_more() -> None:
    lines = [both_ways(look("600"), "009")]
    assert in_one_direction(lines) == lines
    assert in_one_direction([]) == []


@pytest.mark.parametrize(("second", "expected"), [("5256", ["5256"]), ("5258", ["5256"]), ("93", ["5256", "93"])])
def test_a_text_that_stands_twice_is_one_line_which_may_be_either(second, expected) -> None:
    merged = said_once([[look("5256")], [look(second, ELSEWHERE, sure=0.9)]])
    assert texts(merged) == expected
    assert sum(map(len, merged)) == 2


def test_two_short_texts_that_differ_are_two_lines() -> None:
    assert len(said_once([[look("10")], [look("16", ELSEWHERE)]])) == 2


def test_unsure_lines_are_read_the_other_way_round_too() -> None:
    unsure = look("3", UPPER, sure=0.6)
    assert still_to_read([unsure]) == [(unsure.region, 2)]


def test_a_sure_line_tells_the_direction_of_the_others_and_settles_its_place() -> None:
    first = [look("TEVA"), look("33", UPPER, sure=0.6), look("8", ELSEWHERE, sure=0.6)]
    assert still_to_read(first) == []


def test_text_that_reads_on_its_head_as_well_is_never_sure() -> None:
    assert not look("600").is_sure
    assert look("TEVA").is_sure
    assert not look("T").is_sure
