"""The answer: one envelope, one entry per pill; the same field names in REST, gRPC, journal and reports."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Status = Literal["identified", "uncertain", "unknown", "retake"]
Route = Literal["fast", "accurate", "ensemble"]
Effort = Literal["full", "fast"]
Likeness = Literal["same", "sounds", "evidence", "looks"]
Asks = Literal["imprint", "other_side", "size_mm", "color", "shape", "retake", "pharmacist"]
ViewSide = Literal["front", "back", "unknown"]
Probability = Annotated[float, Field(ge=0, le=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PillMetadata(_Part):
    """What a person typed or measured beside the photographs; every field may be missing.

    `heat_map` asks for `explanation.heat_maps`, which an answer leaves out otherwise.
    """

    imprint: Annotated[str | None, Field(max_length=200, description="imprint text, sides in any order")] = None
    color: Annotated[str | None, Field(max_length=80, description="SPL colour; several joined by ';'")] = None
    shape: Annotated[str | None, Field(max_length=40, description="SPL shape")] = None
    size_mm: Annotated[float | None, Field(gt=0, le=50, allow_inf_nan=False, description="longest side in mm")] = None
    heat_map: Annotated[bool, Field(description="whether to show which parts of the picture decided")] = False


class Box(_Part):
    """Where the pill lies, in pixels of the upright picture as sent: left, top, width, height."""

    x: int
    y: int
    width: int
    height: int


class MedicationView(_Part):
    """The medication an answer names, with the other NDCs that share its appearance."""

    medication_id: str
    ndc11: str
    name: str
    strength: str | None
    imprint: str
    rxcui: str | None
    same_appearance: tuple[str, ...]


class Alternative(_Part):
    """One appearance of the ranking, named by its first medication."""

    medication_id: str
    appearance_id: str
    name: str
    clinical_drug: str
    probability: Probability
    score: float


class Seen(_Part):
    """What the pill looks like in SPL's words: calibrated probabilities, the likeliest three and over 0.05.

    Every colour stands for itself, as a pill may have several; of all shapes one holds. `printed` is against
    debossed or embossed.
    """

    colors: dict[str, Probability]
    shapes: dict[str, Probability]
    scored: Probability
    printed: Probability


class Uncertainty(_Part):
    """How unsure the answer is.

    `total` is 1 - P(first clinical drug), calibrated; `disagreement` is the Jensen-Shannon divergence in
    bits between the members' posteriors, 0 where one member answered; `threshold` is the limit on `total`
    above which `identified` is not said.
    """

    total: Probability
    disagreement: Probability
    threshold: Probability


class PredictionSet(_Part):
    """Every appearance that passes the fitted threshold, and the coverage that is promised for a domain."""

    medication_ids: tuple[str, ...]
    num_appearances: int
    promised_coverage: Probability
    domain: str


class LookAlike(_Part):
    """A medication that a candidate, `taken_for`, is easily confused with, why, and how to tell it from that.

    `same`: nothing on the pill differs. `looks`: the encoder hardly tells the side photographed apart.
    `sounds`: the names are on the FDA's and ISMP's tall-man list. `evidence`: its own probability is not small.
    """

    medication_id: str
    name: str
    taken_for: str
    reasons: tuple[Likeness, ...]
    probability: Probability
    tell_apart: tuple[str, ...]


class MatchedView(_Part):
    """The reference picture of the first answer that a photograph (`picture`, 0 or 1 as sent) matched best."""

    picture: int
    medication_id: str
    side: ViewSide
    picture_digest: str


class HeatMap(_Part):
    """Which parts of a photograph (`picture`, 0 or 1 as sent) spoke for the first answer against the runner-up, nats.

    `shares` are the cells of a grid laid over `box`, row by row, `columns` in a row; below nought a cell speaks for
    the runner-up. They sum to `total`: what the encoders and the imprint read in this photograph add to
    `against_runner_up`. What belongs to no place (colour, outline, what was typed) is not in it.
    """

    picture: int
    box: Box
    rows: int
    columns: int
    shares: tuple[float, ...]
    total: float


class Explanation(_Part):
    """Why the first answer is first: each cue's share of its score in nats, in numbers and in words.

    `cues` and `base` sum to the first answer's score. `against_runner_up` sums to its lead over the likeliest
    medication of another drug, `runner_up`; where there is none it is the same as `cues`.
    `heat_maps` is there on request, one for each photograph. `degraded`: the fast member answered alone, under
    overload, what it would otherwise have passed on; such an answer is never `identified`.
    """

    cues: dict[str, float]
    against_runner_up: dict[str, float]
    runner_up: str | None = None
    base: float = 0.0
    words: str = ""
    route: Route
    degraded: bool = False
    warnings: tuple[str, ...]
    look_alikes: tuple[LookAlike, ...] = ()
    matched: tuple[MatchedView, ...] = ()
    heat_maps: tuple[HeatMap, ...] | None = None


class Ask(_Part):
    """The one observation that tells most about which drug it is, for a person and for a program.

    `question` names the field of the metadata to fill in, or `other_side`, `retake` (photograph it again) or
    `pharmacist` (nothing that can be photographed or typed decides). `options` are the outcomes to be expected where
    they are few. `bits`: information about the drug that is expected of it. `expected_remaining`: how many
    appearances of the prediction set are expected to be left.
    """

    question: Asks
    sentence: str
    options: tuple[str, ...] = ()
    bits: Annotated[float, Field(ge=0)] = 0.0
    expected_remaining: Annotated[float, Field(ge=0)] = 0.0


class PillAnswer(_Part):
    """The answer for one pill. `next` is the sentence of `ask`; both are null where it is identified."""

    box: Box | None
    status: Status
    reason: str | None
    medication: MedicationView | None
    confidence: Probability
    unknown_probability: Probability
    uncertainty: Uncertainty
    alternatives: tuple[Alternative, ...]
    prediction_set: PredictionSet
    explanation: Explanation
    next: str | None
    ask: Ask | None = None
    seen: Seen | None = None


class ReleaseView(_Part):
    """Which release answered: digests of recogniser and gallery, registry version, variant."""

    recogniser: str
    gallery: str
    version: str
    variant: Literal["champion", "challenger", "shadow", "bundle"]


class Receipt(_Part):
    """What the service signed of an answer: which entry of the audit trail it is; `rxvision audit verify --receipt`.

    `at` is the moment of signing, ISO 8601, in UTC: the entry was durable before. `answer_sha256` is over the answer's
    canonical JSON without its receipt. `signature` is base64, Ed25519 (RFC 8032), of the audit key named `key_id`.
    """

    schema_version: Literal[1] = 1
    request_id: str
    at: str
    entry_id: int
    entry_hash: str
    recogniser: str
    gallery: str
    answer_sha256: str
    key_id: str
    signature: str


class Answer(_Part):
    """The envelope; what a service answers has a receipt."""

    request_id: str
    release: ReleaseView
    timings_ms: dict[str, float]
    pills: tuple[PillAnswer, ...]
    receipt: Receipt | None = None

    @property
    def degraded(self) -> bool:
        """Whether a pill was answered by less than the router wanted."""
        return any(pill.explanation.degraded for pill in self.pills)
