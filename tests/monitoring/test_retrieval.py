"""MAP and GAP of the ePillID benchmark, on cases worked out by hand."""

import numpy as np
import pytest

from monitoring.retrieval import average_precisions, global_average_precision, ranks

# Three queries, three classes; the right classes stand at rank 1, 2 and 3.
SIMILARITY_QC = np.array([[0.9, 0.1, 0.2], [0.8, 0.7, 0.3], [0.6, 0.5, 0.4]])
TRUTH_Q = np.array([0, 1, 2])


def test_ranks_are_places_in_the_order_of_similarity() -> None:
    assert ranks(SIMILARITY_QC, TRUTH_Q).tolist() == [1, 2, 3]


def test_map_is_the_mean_reciprocal_rank() -> None:
    assert average_precisions(SIMILARITY_QC, TRUTH_Q).mean() == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)


def test_map_at_1_is_top_1_accuracy() -> None:
    assert average_precisions(SIMILARITY_QC, TRUTH_Q, k=1).tolist() == [1, 0, 0]


def test_gap_is_the_average_precision_of_all_pairs_in_one_list() -> None:
    # In order of similarity: .9 right, .8, .7 right, .6, .5, .4 right, .3, .2, .1
    assert global_average_precision(SIMILARITY_QC, TRUTH_Q) == pytest.approx((1 / 1 + 2 / 3 + 3 / 6) / 3)


def test_gap_at_1_takes_the_first_class_of_each_query_and_recalls_over_the_right_ones_among_them() -> None:
    # The first classes are .9 right, .8 wrong, .6 wrong: the one right pair comes first.
    assert global_average_precision(SIMILARITY_QC, TRUTH_Q, k=1) == pytest.approx(1.0)
    # .9 wrong, .8 right, .6 right
    assert global_average_precision(SIMILARITY_QC, np.array([1, 0, 0]), k=1) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_equal_similarities_are_one_step_of_the_curve() -> None:
    assert global_average_precision(np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([0, 1])) == pytest.approx(0.5)


def test_queries_that_are_sure_of_the_wrong_class_cost_gap_but_not_map() -> None:
    calm_QC = np.array([[0.6, 0.1], [0.3, 0.2]])
    loud_QC = np.array([[0.6, 0.1], [9.3, 9.2]])
    truth_Q = np.array([0, 1])
    assert average_precisions(calm_QC, truth_Q).mean() == average_precisions(loud_QC, truth_Q).mean()
    assert global_average_precision(calm_QC, truth_Q) > global_average_precision(loud_QC, truth_Q)


def test_none_right_is_zero() -> None:
    assert global_average_precision(SIMILARITY_QC, np.array([1, 2, 1]), k=1) == 0.0
