"""The gate policy: every floor and limit that a recogniser must meet, in one typed place."""

import hashlib
from types import MappingProxyType
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from bentos.runtime.contract import canonical_json

Share = Annotated[float, Field(ge=0, le=1)]


class PolicyError(Exception):
    """No policy of this name."""


class GatePolicy(BaseModel):
    """Floors and limits. Raising a floor or lowering a limit refuses more candidates; the digest is in the verdict."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    min_photos: Annotated[int, Field(ge=1, description="fewer test photographs than this prove nothing")]
    min_slice_num: Annotated[int, Field(ge=1, description="slices with fewer photographs are shown, not gated")]
    picture_top1: Annotated[Share, Field(description="drug top-1 from the picture alone, pills seen in training")]
    unseen_top5: Annotated[Share, Field(description="drug top-5 from the picture, pills that no training has seen")]
    imprint_top1: Annotated[Share, Field(description="drug top-1 from the picture and the whole typed imprint")]
    worst_slice_top1: Annotated[Share, Field(description="drug top-1 from the picture in the worst slice")]
    member_top1: Annotated[dict[str, Share], Field(description="drug top-1 by each network alone: none may be a dummy")]
    identified_accuracy: Annotated[Share, Field(description="right drug among `identified` answers, every question")]
    imprint_coverage: Annotated[Share, Field(description="`identified` when the whole imprint is typed: no silence")]
    max_ece: Annotated[Share, Field(description="calibration error of the confidence, picture alone")]
    set_coverage_slack: Annotated[Share, Field(description="how far set coverage may fall below the promise")]
    max_false_identified: Annotated[Share, Field(description="`identified` for a pill that is not in the gallery")]
    max_harm: Annotated[float, Field(ge=0, description="harm-weighted confident errors per 1,000 photographs")]
    max_latency_ms: Annotated[float, Field(gt=0, description="95th percentile of a whole answer, one thread")]
    regression_slack: Annotated[Share, Field(description="how far top-1 may fall below the champion's: sampling noise")]
    harm_slack: Annotated[float, Field(ge=0, description="how far harm may exceed the champion's, per 1,000")]

    @property
    def digest(self) -> str:
        """SHA-256 of the policy's canonical JSON, `sha256:<hex>`."""
        return "sha256:" + hashlib.sha256(canonical_json(self.model_dump(mode="json"))).hexdigest()


DEMO: Final = GatePolicy(
    name="demo",
    min_photos=200,
    min_slice_num=30,
    picture_top1=0.68,
    unseen_top5=0.75,
    imprint_top1=0.97,
    worst_slice_top1=0.40,
    member_top1={"fast": 0.70, "accurate": 0.62},
    identified_accuracy=0.97,
    imprint_coverage=0.35,
    max_ece=0.20,
    set_coverage_slack=0.08,
    max_false_identified=0.04,
    max_harm=20.0,
    max_latency_ms=2000.0,
    regression_slack=0.02,
    harm_slack=0.0,
)
STANDARD: Final = DEMO.model_copy(
    update={
        "name": "standard",
        "picture_top1": 0.95,
        "unseen_top5": 0.80,
        "imprint_top1": 0.99,
        "worst_slice_top1": 0.85,
        "member_top1": {"fast": 0.85, "accurate": 0.88},
        "max_latency_ms": 1000.0,
        "identified_accuracy": 0.98,
        "imprint_coverage": 0.80,
        "max_ece": 0.05,
        "set_coverage_slack": 0.03,
        "max_false_identified": 0.05,
        "max_harm": 10.0,
    }
)
PRODUCTION: Final = STANDARD.model_copy(
    update={
        "name": "production",
        "min_photos": 1000,
        "identified_accuracy": 0.99,
        "max_ece": 0.03,
        "max_false_identified": 0.02,
        "max_harm": 4.0,
        "regression_slack": 0.01,
    }
)
POLICIES: Final = MappingProxyType({policy.name: policy for policy in (DEMO, STANDARD, PRODUCTION)})


def policy_named(name: str) -> GatePolicy:
    """The policy of a training profile.

    Raises:
        PolicyError: no policy has this name.
    """
    if name not in POLICIES:
        raise PolicyError(f"no gate policy named {name!r}; one of {', '.join(POLICIES)}")
    return POLICIES[name]
