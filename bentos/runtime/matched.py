"""Which reference views of an appearance the score was taken from: one for each photograph.

Shapes: P photographs (1 or 2), R views of the appearance.
"""

from collections.abc import Sequence

import numpy as np

from bentos.runtime.evidence import Scorer, SideObservation
from bentos.runtime.gallery import SIDES, Gallery


def matched_rows(
    scorer: Scorer, gallery: Gallery, sides: Sequence[SideObservation], *, members: Sequence[str], appearance: int
) -> tuple[int, ...]:
    """Row numbers of the gallery's views, one per photograph; two photographs match different sides.

    Where the appearance has views of one side alone, both are held against it (see `evidence.assign_sides`).
    """
    views_SK = gallery.index.views_ASK[appearance]
    rows_R = np.unique(views_SK[views_SK >= 0])
    total_PR = scorer.ratios(sides, members=members, rows=rows_R).sum(axis=0)
    if len(sides) == 1:
        return (int(rows_R[total_PR[0].argmax()]),)
    on_SR = np.array([np.isin(rows_R, views_SK[side]) for side in range(len(SIDES))])
    pairs = [(i, j) for i in range(len(rows_R)) for j in range(len(rows_R))
             if (on_SR[0, i] and on_SR[1, j]) or (on_SR[1, i] and on_SR[0, j])]  # fmt: skip
    if not pairs:
        return tuple(int(rows_R[total_R.argmax()]) for total_R in total_PR)
    best = max(pairs, key=lambda pair: total_PR[0, pair[0]] + total_PR[1, pair[1]])
    return tuple(int(rows_R[place]) for place in best)
