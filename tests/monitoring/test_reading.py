"""The reader's own measure: which strings count as tokens read, and which as false."""

import numpy as np
import pytest

from bentos.runtime.lattice import ALPHABET, BLANK
from bentos.runtime.read import Line, Reading
from monitoring.reading import composition, measure_reader, read_photo


def line(text: str) -> Line:
    """A line whose best path reads `text`."""
    codes = [code for character in text for code in (ALPHABET.index(character), BLANK)] or [BLANK]
    lattice_TK = np.full((len(codes), BLANK + 1), 1e-5)
    lattice_TK[np.arange(len(codes)), codes] = 1.0
    return Line(np.zeros((4, 2)), 1.0, (lattice_TK,))


def reading(*texts: str) -> Reading:
    return Reading(tuple(map(line, texts)))


@pytest.mark.parametrize(
    ("texts", "tokens", "whole", "num_strings", "num_false"),
    [
        (["GG335"], ["GG", "335"], {"GG", "335"}, 1, 0),
        (["335GG"], ["GG 335"], set(), 1, 1),
        (["GG335"], ["GG 335"], {"GG335"}, 1, 0),
        (["335"], ["GG", "335"], {"335"}, 1, 0),
        (["G335"], ["GG", "335"], set(), 1, 1),
        (["33"], ["GG", "335"], set(), 1, 1),
        (["M", "15"], ["M", "15"], {"15"}, 1, 0),
        (["M15"], ["M", "15"], {"15"}, 1, 0),
        (["MM"], ["M", "15"], set(), 1, 0),
        (["ABC", "335"], ["gg", "335"], {"335"}, 2, 1),
        ([""], ["GG"], set(), 0, 0),
        ([], ["GG"], set(), 0, 0),
        (["XX"], [], set(), 1, 1),
    ],
)
def test_a_string_counts_where_it_is_composed_of_whole_tokens(texts, tokens, whole, num_strings, num_false) -> None:
    photo = read_photo(reading(*texts), tokens)
    assert (photo.tokens, photo.num_strings, photo.num_false) == (whole, num_strings, num_false)


def test_of_several_ways_to_compose_a_string_the_one_with_the_fewest_tokens_is_taken() -> None:
    assert composition("1010", {"10", "1010", "1", "0"}) == ("1010",)
    assert composition("10105", {"10", "1010"}) is None


def test_shares_are_of_photographs_and_of_strings() -> None:
    photos = [read_photo(reading(*texts), ["GG", "335"]) for texts in (["GG335"], ["GG", "XY"], ["ZZ9"], [])]
    measure = measure_reader(photos)
    assert (measure.num_photos, measure.num_strings) == (4, 4)
    assert (measure.with_token, measure.false_tokens) == (0.5, 0.5)
    assert measure_reader([]).with_token == 0
