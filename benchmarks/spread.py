"""A figure is its median over rounds, the quartiles around it, and how many rounds there were."""

from collections.abc import Sequence

import numpy as np


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, quartiles, extremes and number of the rounds."""
    low, quarter, middle, three_quarters, high = np.quantile(np.asarray(values, float), (0, 0.25, 0.5, 0.75, 1))
    return {
        "median": float(middle),
        "q1": float(quarter),
        "q3": float(three_quarters),
        "min": float(low),
        "max": float(high),
        "rounds": len(values),
    }
