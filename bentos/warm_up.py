"""One answer before the first: what a predictor computes once is computed before anybody waits for it."""

from typing import Final

import cv2
import numpy as np

from bentos.runtime.answer import PillMetadata
from bentos.runtime.predictor import Predictor

_SIZE_PX: Final = 480
_TYPED: Final = PillMetadata(imprint="A1", color="WHITE", shape="ROUND", size_mm=8.0, heat_map=True)


def warm_up(predictor: Predictor) -> None:
    """Answer for a drawn pill, by every member, with and without typed facts."""
    observation = predictor.observe([drawn_pill()])
    for pill in observation.pills:
        for side in pill.sides:
            for member in predictor.recogniser.members:
                side.embedding(predictor.recogniser, member)
    predictor.answer(observation)
    predictor.answer(observation, metadata=_TYPED)


def drawn_pill() -> bytes:
    """A JPEG of a white round tablet with an imprint, on a dark table."""
    rgb_HWC = np.full((_SIZE_PX, _SIZE_PX, 3), (70, 60, 50), np.uint8)
    middle = (_SIZE_PX // 2, _SIZE_PX // 2)
    cv2.circle(rgb_HWC, middle, _SIZE_PX // 4, (236, 234, 230), -1, cv2.LINE_AA)
    cv2.putText(rgb_HWC, "A1", (middle[0] - 50, middle[1] + 25), cv2.FONT_HERSHEY_SIMPLEX, 2.2, (170, 168, 164), 5)
    return cv2.imencode(".jpg", rgb_HWC[..., ::-1])[1].tobytes()
