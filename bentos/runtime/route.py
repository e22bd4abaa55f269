"""The router: which member looks first, and when both are combined."""

import math
from collections.abc import Mapping

from bentos.runtime.contract import RouterSpec


def hard_probability(statistics: Mapping[str, float], router: RouterSpec) -> float:
    """Probability that the fast member errs on a picture with these statistics (logistic regression)."""
    logit = router.bias + sum(
        weight * statistics[name] for name, weight in zip(router.feature_names, router.weights, strict=True)
    )
    return 1 / (1 + math.exp(-max(min(logit, 50.0), -50.0)))


def first_member(statistics: Mapping[str, float], router: RouterSpec) -> str:
    """`accurate` where the picture looks hard, else `fast`."""
    return "accurate" if hard_probability(statistics, router) > router.hard_probability else "fast"
