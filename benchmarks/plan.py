"""How much is measured: rounds, seconds, clients and sizes; one plan for the page, one for a look at the machinery."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

PART_NAMES: Final = (
    "side_by_side", "efficientnet", "overhead", "journals", "starting", "crowd", "scoring", "networks", "router",
)  # fmt: skip


class Plan(BaseModel):
    """What one run does; everything that takes time is bounded here."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    parts: tuple[str, ...] = PART_NAMES
    medications: Annotated[int, Field(ge=2, le=96)] = 64
    pictures: Annotated[int, Field(ge=1, description="different photographs")] = 24
    picture_px: Annotated[int, Field(ge=200, description="width and height")] = 1000
    workers: Annotated[int, Field(ge=1, description="processes of every server, and of the bare loop")] = 2
    threads: Annotated[int, Field(ge=1, description="answers at once in one worker of ours")] = 2
    rounds: Annotated[int, Field(ge=1)] = 5
    round_s: Annotated[float, Field(gt=0)] = 5.0
    clients: Annotated[int, Field(ge=1, description="callers at saturation, each with one request at a time")] = 8
    single_requests: Annotated[int, Field(ge=1, description="one after another, for the CPU time of each")] = 60
    starts: Annotated[int, Field(ge=1)] = 5
    crowd: Annotated[int, Field(ge=1, description="callers of the overload test")] = 1000
    crowd_s: Annotated[float, Field(gt=0)] = 20.0
    crowd_rounds: Annotated[int, Field(ge=1)] = 1
    galleries: tuple[int, ...] = (64, 1000, 10_000, 100_000)
    scoring_rounds: Annotated[int, Field(ge=1)] = 9
    forwards: Annotated[int, Field(ge=1, description="runs of each network")] = 15
    networks: tuple[str, ...] = ("fast", "reader", "standard_fast", "standard_accurate", "production_accurate")
    routed: Annotated[int, Field(ge=1, description="photographs that the router sees")] = 48
    router_accurate: str = "production_accurate"
    second: str = "standard_fast"


FULL: Final = Plan()
SMOKE: Final = Plan(
    medications=4, pictures=2, picture_px=320, workers=1, rounds=2, round_s=0.6, clients=2, single_requests=4,
    starts=1, crowd=24, crowd_s=2.0, galleries=(8, 32), scoring_rounds=2, forwards=2, networks=("fast", "reader"),
    routed=3, router_accurate="standard_fast",
)  # fmt: skip
