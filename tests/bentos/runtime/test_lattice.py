"""Character lattices: probabilities of strings, against enumeration of every alignment."""

from itertools import product

import numpy as np
import pytest

from bentos.runtime.lattice import ALPHABET, BLANK, Strings, greedy_text, log_nothing, log_world, sharpened


def lattice(*steps: dict[str, float]) -> np.ndarray:
    """Steps as probabilities of characters; the rest is blank."""
    rows = np.zeros((len(steps), BLANK + 1))
    for row, step in zip(rows, steps, strict=True):
        for character, probability in step.items():
            row[ALPHABET.index(character)] = probability
        row[BLANK] = 1 - row.sum()
    return rows


def collapsed(path: tuple[int, ...]) -> str:
    kept = [code for i, code in enumerate(path) if i == 0 or code != path[i - 1]]
    return "".join(ALPHABET[code] for code in kept if code != BLANK)


def enumerated(lattice_TK: np.ndarray) -> dict[str, float]:
    """Probability of every string by summing over all paths."""
    total: dict[str, float] = {}
    for path in product(range(BLANK + 1), repeat=len(lattice_TK)):
        string = collapsed(path)
        total[string] = total.get(string, 0.0) + float(
            np.prod([row[k] for row, k in zip(lattice_TK, path, strict=True)])
        )
    return total


@pytest.fixture
def blurred() -> np.ndarray:
    return sharpened(lattice({"8": 0.6, "B": 0.3}, {"5": 0.5, "S": 0.3}, {"5": 0.2}))


def test_string_probabilities_are_those_of_all_alignments(blurred):
    truth = enumerated(blurred)
    world = np.log(sum(p * (1 / 20) ** len(string) for string, p in truth.items() if string))
    assert log_world(blurred) == pytest.approx(world, abs=1e-9)
    assert log_nothing(blurred) == pytest.approx(np.log(truth[""]), abs=1e-9)
    strings = ["85", "8", "B5", "8S"]
    expected = [np.log(truth[string]) - world for string in strings]
    assert Strings(strings).log_ratio(blurred) == pytest.approx(expected, abs=1e-9)


def test_a_half_read_line_still_counts_for_what_it_may_be(blurred):
    ratio = dict(zip(["85", "B5", "8S", "93"], Strings(["85", "B5", "8S", "93"]).log_ratio(blurred), strict=True))
    assert ratio["85"] > ratio["B5"] > 0
    assert ratio["85"] > ratio["8S"] > 0
    assert ratio["93"] == -np.inf


def test_what_else_is_in_the_vocabulary_changes_no_score(blurred):
    rng = np.random.default_rng(3)
    others = ["".join(rng.choice(list(ALPHABET), rng.integers(1, 7))) for _ in range(500)]
    alone = Strings(["85", "BS"]).log_ratio(blurred)
    among = Strings([*others, "85", "BS"]).log_ratio(blurred)[-2:]
    assert np.array_equal(alone, among)


def test_the_best_path_joins_repeats_and_drops_blanks():
    doubled = lattice({"1": 0.9}, {"1": 0.9}, {}, {"1": 0.9}, {"A": 0.8})
    assert greedy_text(doubled) == "11A"


def test_runs_of_blank_are_kept_as_one_step():
    assert len(sharpened(lattice({}, {}, {}, {"A": 0.9}, {}, {}))) == 3
