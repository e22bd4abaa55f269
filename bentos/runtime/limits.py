"""When `identified` may be said, as a function of the gallery's size."""

import math
from itertools import pairwise
from typing import Annotated

from pydantic import Field

from bentos.runtime.record import Record

ScoreBySize = Annotated[tuple[tuple[float, float], ...], Field(min_length=1)]


class StatusLimits(Record):
    """When `identified` may be said: up to a total uncertainty, and from a score that unknown pills rarely reach.

    `identified_uncertainty` 0 says it never: no answer is so sure, whatever rounding makes of it.
    `unknown_threshold` are points (gallery size, that score in nats), the sizes ascending.
    """

    identified_uncertainty: float = Field(ge=0, le=1)
    unknown_threshold: ScoreBySize

    def unknown_limit(self, num_active: int) -> float:
        """Score below which the pill may be one that is not in a gallery of this size, nats.

        Between the points a line in log(size); below the first its score; beyond the last it goes on rising as from
        the first to the last.
        """
        at = math.log(max(num_active, 1))
        points = [(math.log(size), score) for size, score in self.unknown_threshold]
        (first, lowest), (last, highest) = points[0], points[-1]
        if at >= last:
            rise = (highest - lowest) / (last - first) if last > first else 0.0
            return highest + max(rise, 0.0) * (at - last)
        for (left, low), (right, high) in pairwise(points):
            if left <= at < right:
                return low + (high - low) * (at - left) / (right - left)
        return lowest
