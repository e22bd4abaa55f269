"""The figures by background, and the table that holds them beside the goals."""

from monitoring.benchmark import benchmark
from monitoring.goals_table import GOALS, goals_table
from tests.monitoring.conftest import Scene


def test_each_background_and_all_together_have_their_figures(scene: Scene) -> None:
    figures = benchmark(scene.bundle, scene.photos)
    parts = figures["by_background"]
    assert sum(part["num_photos"] for name, part in parts.items() if name != "all") == parts["all"]["num_photos"]
    assert parts["all"]["picture"]["drug"]["top1"] == figures["picture"]["drug"]["top1"]


def test_the_table_has_a_row_for_each_goal_and_a_dash_where_nothing_was_read(scene: Scene) -> None:
    parts = benchmark(scene.bundle, scene.photos)["by_background"]
    head, _, *rows = goals_table(parts)
    assert len(rows) == len(GOALS)
    assert all(f"{name} ({part['num_photos']})" in head for name, part in parts.items())
    assert next(row for row in rows if "false strings" in row).endswith("| – |")


def test_misses_are_listed_worst_first(scene: Scene) -> None:
    found = benchmark(scene.bundle, scene.photos)["misses"]
    ranks = [miss["average_precision"] for miss in found]
    assert ranks == sorted(ranks)
