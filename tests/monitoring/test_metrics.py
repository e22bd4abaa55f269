"""Figures of merit against values worked out by hand."""

import numpy as np
import pytest

from monitoring import metrics
from monitoring.metrics import Hit, expected_hit


@pytest.mark.parametrize(
    ("successes", "num", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_interval_agrees_with_published_values(successes: int, num: int, low: float, high: float) -> None:
    assert metrics.wilson_interval(successes, num) == pytest.approx((low, high), abs=5e-4)


def test_wilson_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        metrics.wilson_interval(0, 0)


def test_photographs_of_one_medication_do_not_count_as_independent() -> None:
    values = [1.0, 0.0] * 50
    many = metrics.mean_figure(values, groups_N=list(range(100)))
    few = metrics.mean_figure(sorted(values), groups_N=[i // 10 for i in range(100)])
    assert few.high - few.low > 2 * (many.high - many.low)


def test_bootstrap_interval_covers_the_truth_about_95_times_in_100() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        chance_of_group = rng.beta(6, 4, 40)
        values = (rng.random((40, 8)) < chance_of_group[:, None]).astype(float)
        groups = np.repeat(np.arange(40), 8)
        low, high = metrics.bootstrap_interval(values.ravel(), groups_N=groups.tolist(), seed=seed)
        covered += low <= 0.6 <= high
    assert 180 <= covered <= 198


def test_a_perfect_score_still_has_a_width() -> None:
    figure = metrics.mean_figure([1.0] * 20, groups_N=list(range(20)))
    assert figure.value == 1.0
    assert figure.low == pytest.approx(0.839, abs=1e-3)


def test_a_ratio_without_denominator_is_not_a_zero() -> None:
    figure = metrics.ratio_figure([0, 0], denominators_N=[0, 0], groups_N=["a", "b"])
    assert figure.as_dict() == {"value": None, "low": None, "high": None, "num": 0}


def test_the_interval_of_a_mean_set_size_is_not_squeezed_into_a_share() -> None:
    figure = metrics.mean_figure([1.0] * 5, groups_N=list(range(5)), proportion=False)
    assert (figure.low, figure.high) == (1.0, 1.0)


def test_ece_of_a_calibrated_forecast_is_small_and_of_an_overconfident_one_is_its_excess() -> None:
    rng = np.random.default_rng(1)
    confidence = rng.random(20_000)
    assert metrics.ece(confidence, rng.random(20_000) < confidence) < 0.02
    assert metrics.ece([0.9] * 100, [True] * 60 + [False] * 40) == pytest.approx(0.3)


def test_ece_figure_holds_its_value_inside_its_interval() -> None:
    rng = np.random.default_rng(2)
    confidence = rng.random(300)
    correct = rng.random(300) < confidence**2
    figure = metrics.ece_figure(confidence, correct, groups_N=[i // 6 for i in range(300)])
    assert figure.low <= figure.value <= figure.high
    assert figure.value == pytest.approx(metrics.ece(confidence, correct))


def test_reliability_bins_leave_out_empty_bins_and_keep_every_answer() -> None:
    bins = metrics.reliability_bins([0.05, 0.95, 1.0], [False, True, True])
    assert [item["num"] for item in bins] == [1, 2]
    assert bins[1]["accuracy"] == 1.0


def test_risk_coverage_answers_the_least_uncertain_first() -> None:
    curve = metrics.risk_coverage([0.9, 0.1, 0.5], [False, True, True])
    assert [coverage for coverage, _ in curve] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert [risk for _, risk in curve] == pytest.approx([0.0, 0.0, 1 / 3])
    assert metrics.area_under_risk(curve) == pytest.approx(1 / 9)


@pytest.mark.parametrize(
    ("negatives", "positives", "expected"), [([0, 1], [2, 3], 1.0), ([2, 3], [0, 1], 0.0), ([1, 1], [1], 0.5)]
)
def test_auroc_counts_ties_as_half(negatives: list, positives: list, expected: float) -> None:
    assert metrics.auroc(negatives, positives) == expected


@pytest.mark.parametrize(
    ("ranking", "expected"),
    [
        ([{"a"}, {"b"}], Hit(1.0, 1.0, 1.0)),
        ([{"b"}, {"a"}], Hit(0.0, 1.0, 0.5)),
        ([{"a", "b"}], Hit(0.5, 1.0, 0.75)),
        ([{"b"}, {"b", "a"}], Hit(0.0, 1.0, 0.5)),
        ([set("bcdef"), {"a"}], Hit(0.0, 0.0, 1 / 6)),
        ([set("bcde"), set("af")], Hit(0.0, 0.5, (1 / 5 + 1 / 6) / 2)),
        ([{"b"}], Hit(0.0, 0.0, 0.0)),
        ([], Hit(0.0, 0.0, 0.0)),
    ],
)
def test_the_truth_is_equally_likely_at_each_place_of_its_tie(ranking: list, expected: Hit) -> None:
    found = expected_hit([frozenset(group) for group in ranking], truth="a")
    assert (found.top1, found.top5, found.average_precision) == pytest.approx(
        (expected.top1, expected.top5, expected.average_precision)
    )


def test_mean_average_precision_is_the_mean_reciprocal_rank() -> None:
    assert metrics.mean_average_precision([Hit(1, 1, 1.0), Hit(0, 1, 0.5)]) == 0.75
