"""How far a challenger, or a champion fresh in force, may fall behind before it is taken out of traffic."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


class Limits(BaseModel):
    """Travels in the signed release. Every excess is candidate minus champion and must be shown, not just seen.

    A breach is called where the always-valid interval of the difference lies beyond the limit as a whole.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    alpha: Annotated[float, Field(gt=0, le=0.2, description="chance of one false alarm of a measure, ever")] = 0.01
    min_answers: Annotated[int, Field(ge=10, description="fewer answers on either side decide nothing")] = 20
    error_excess: Annotated[Share, Field(description="failed answers; higher lets a failing variant stay")] = 0.02
    abstention_excess: Annotated[Share, Field(description="answers that are not `identified`")] = 0.1
    labelled_error_excess: Annotated[Share, Field(description="wrong names among answers with feedback")] = 0.05
    latency_ratio: Annotated[float, Field(ge=1, description="geometric mean of the work per answer")] = 1.5
    disagreement: Annotated[
        Share, Field(description="answers that name something else; pauses, rolls nothing back")
    ] = 0.2
    watch_champion_s: Annotated[
        float, Field(ge=0, description="how long a fresh champion is held to its forerunner")
    ] = 3600.0
