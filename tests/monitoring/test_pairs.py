"""Photographs of the two sides of one pill find each other."""

from monitoring.pairs import Taken, counterparts

FRONTS = [Taken(f"f{i}", "pill", "front") for i in range(3)]
BACKS = [Taken(f"b{i}", "pill", "back") for i in range(2)]


def test_each_photograph_gets_one_of_the_other_side_of_its_own_pill() -> None:
    others = [Taken("x", "other pill", "back"), Taken("y", "other pill", "back")]
    found = counterparts([*FRONTS, *BACKS, *others], seed=0)
    assert found.keys() == {"f0", "f1", "f2", "b0", "b1"}
    assert all(found[item.photo][0] == "b" for item in FRONTS)
    assert all(found[item.photo][0] == "f" for item in BACKS)


def test_a_photograph_of_an_unknown_side_is_nobodys_counterpart() -> None:
    assert counterparts([FRONTS[0], Taken("u", "pill", ""), Taken("v", "pill", "unknown")], seed=0) == {}


def test_the_choice_depends_on_the_seed_and_the_names_but_not_on_the_order() -> None:
    assert counterparts([*FRONTS, *BACKS], seed=1) == counterparts([*BACKS, *FRONTS[::-1]], seed=1)
    assert len({tuple(counterparts([*FRONTS, *BACKS], seed=seed).items()) for seed in range(8)}) > 1
