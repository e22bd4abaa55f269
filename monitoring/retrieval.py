"""Retrieval figures as the ePillID benchmark defines them: MAP, MAP@1, GAP, GAP@1.

Source: Usuyama, Delgado, Hall, Lundin, "ePillID Dataset: A Low-Shot Fine-Grained Benchmark for Pill
Identification", CVPR Workshops 2020, and its public evaluation code (usuyama/ePillID-benchmark, src/metrics.py).

Every query has one right class. MAP: mean over queries of 1 / rank of the right class; MAP@1: only the first class
of each query counts, so it is top-1 accuracy. GAP: all pairs of query and class in one list, ordered by similarity,
and the average precision of that list (micro-AP); it asks, beyond MAP, that similarities of different queries can be
compared. GAP@1: the same with the first class of each query alone; as in that code, recall is counted over the right
ones among those, not over all queries.

Shapes: Q queries, C classes.
"""

import numpy as np


def ranks(similarity_QC: np.ndarray, truth_Q: np.ndarray) -> np.ndarray:
    """Rank (Q,) of the right class in each query, 1 the best; among equals the lower class number comes first."""
    order_QC = np.argsort(-similarity_QC, axis=1, kind="stable")
    return (order_QC == truth_Q[:, None]).argmax(axis=1) + 1


def average_precisions(similarity_QC: np.ndarray, truth_Q: np.ndarray, *, k: int | None = None) -> np.ndarray:
    """Average precision (Q,) of each query over its first `k` classes, all by default; their mean is MAP."""
    rank_Q = ranks(similarity_QC, truth_Q)
    return np.where(rank_Q <= (k or similarity_QC.shape[1]), 1 / rank_Q, 0.0)


def global_average_precision(similarity_QC: np.ndarray, truth_Q: np.ndarray, *, k: int | None = None) -> float:
    """Average precision over all pairs of query and one of its first `k` classes, 0 where none of them is right."""
    from sklearn.metrics import average_precision_score

    kept_QK = np.argsort(-similarity_QC, axis=1, kind="stable")[:, :k]
    right_N = (kept_QK == truth_Q[:, None]).ravel()
    if not right_N.any():
        return 0.0
    return float(average_precision_score(right_N, np.take_along_axis(similarity_QC, kept_QK, axis=1).ravel()))
