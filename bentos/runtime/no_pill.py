"""The answer where there is no pill to answer for."""

from typing import Final

from bentos.runtime.answer import Ask, Explanation, PillAnswer, PredictionSet, Route, Uncertainty
from bentos.runtime.recogniser import Recogniser

NO_PILL: Final = "no pill was found in the picture: put one pill on a plain background and fill half the frame"
_AGAIN: Final = "photograph the pill again"


def no_pill(recogniser: Recogniser) -> PillAnswer:
    """Asks for another picture; nothing is ranked."""
    spec = recogniser.spec
    route: Route = "fast" if "fast" in recogniser.members else "accurate"
    return PillAnswer(
        box=None,
        status="retake",
        reason=NO_PILL,
        medication=None,
        confidence=0.0,
        unknown_probability=1.0,
        uncertainty=Uncertainty(total=1.0, disagreement=0.0, threshold=0.0),
        alternatives=(),
        prediction_set=PredictionSet(
            medication_ids=(),
            num_appearances=0,
            promised_coverage=spec.promised_coverage,
            domain=spec.calibration_domain,
        ),
        explanation=Explanation(cues={}, against_runner_up={}, route=route, warnings=()),
        next=_AGAIN,
        ask=Ask(question="retake", sentence=_AGAIN),
    )
