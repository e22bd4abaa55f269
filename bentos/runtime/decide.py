"""From a posterior to what is said: the status with its reason, the ranking and the prediction set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bentos.runtime.answer import Alternative, MedicationView, PredictionSet, Route, Status
from bentos.runtime.contract import RecogniserSpec
from bentos.runtime.fuse import Posterior
from bentos.runtime.gallery import Gallery
from bentos.runtime.limits import StatusLimits

CONTRADICTION_NATS = -2.5
TOO_BUSY = "the service was too busy to look closer: only the fast network was asked"
IMPRINT_GAP_NATS = 4.0
MAX_ALTERNATIVES = 5
MAX_SET_LISTED = 100
_MEMBERS = ("fast", "accurate")
CUE_WORDS = {
    "picture": "the picture as a whole",
    "imprint": "the typed imprint",
    "read_imprint": "the imprint in the picture",
    "read_again": "the typed imprint seen again in the picture",
    "typed_color": "the typed colour",
    "typed_shape": "the typed shape",
    "size": "the size given",
    "color_histogram": "the colour in the picture",
    "shape_ratio": "the outline in the picture",
}


@dataclass(frozen=True)
class Ruling:
    """One pill's posterior with what the router did on the way.

    `degraded`: the fast member answered alone although the router wanted another, or both. `typed_imprint` is what
    was typed of the imprint.
    """

    posterior: Posterior
    route: Route
    disagreement: float
    degraded: bool = False
    typed_imprint: str | None = None

    def first(self) -> int:
        """Number of the most probable appearance."""
        return int(self.posterior.probability_A.argmax())

    def members(self) -> tuple[str, ...]:
        """The members whose cues were joined."""
        return tuple(name for name in _MEMBERS if name in self.posterior.share_CA)

    def ranked(self) -> np.ndarray:
        """Numbers of the active appearances, most probable first; ties by score."""
        return self._order

    @cached_property
    def _order(self) -> np.ndarray:
        order_A = np.lexsort((-self.posterior.score_A, -self.posterior.probability_A))
        return order_A[np.isfinite(self.posterior.score_A[order_A])]


def decide_status(
    ruling: Ruling, gallery: Gallery, *, total: float, contradictions: Sequence[str], limits: StatusLimits
) -> tuple[Status, str]:
    """The status and the reason for it, in words; `limits` are those in force for the pattern of cues."""
    posterior = ruling.posterior
    if gallery.num_active == 0 or posterior.unknown_probability > 0.5:
        return "unknown", "nothing in the gallery explains this pill"
    if ruling.degraded:
        return "uncertain", TOO_BUSY
    if contradictions:
        return "uncertain", "the cues contradict each other"
    if posterior.score_A[ruling.first()] < limits.unknown_limit(gallery.num_active):
        return "uncertain", "the evidence is too weak to rule out a pill that is not in the gallery"
    if total > limits.identified_uncertainty or not limits.identified_uncertainty:
        return "uncertain", "several medications remain possible"
    return "identified", "one medication explains the evidence"


def contradictions(ruling: Ruling, *, whole_match: float = 0.0) -> list[str]:
    """The cues that speak against the first answer, in words.

    A cue does where it makes the answer less likely by more than `CONTRADICTION_NATS`, and the typed imprint
    also where it fits another appearance, or the very text (`whole_match`, unweighted nats), better by more than
    `IMPRINT_GAP_NATS`: a token that is typed and not on the pill is no match, whatever the gallery holds.
    """
    first = ruling.first()
    shares = {name: float(share_A[first]) for name, share_A in ruling.posterior.share_CA.items()}
    shares = without_members(shares)
    against = {name for name, share in shares.items() if name in CUE_WORDS and share < CONTRADICTION_NATS}
    if "imprint" in shares and _best_imprint(ruling, whole_match) - shares["imprint"] > IMPRINT_GAP_NATS:
        against.add("imprint")
    return [words for name, words in CUE_WORDS.items() if name in against]


def without_members(shares: Mapping[str, float]) -> dict[str, float]:
    """The shares by cue, with those of the members joined into `picture`."""
    members = [share for name, share in shares.items() if name in _MEMBERS]
    picture = {"picture": sum(members)} if members else {}
    return picture | {name: share for name, share in shares.items() if name not in _MEMBERS}


def warnings(ruling: Ruling, contradictions: Sequence[str]) -> list[str]:
    """What is to be said of a ruling beside the answer, in words."""
    against = [f"{cue} speaks against the first answer" for cue in contradictions]
    return [TOO_BUSY, *against] if ruling.degraded else against


def _best_imprint(ruling: Ruling, whole_match: float) -> float:
    """The largest share that the typed imprint has for any active appearance, or would have for its very text."""
    active_A = np.isfinite(ruling.posterior.score_A)
    best = float(ruling.posterior.share_CA["imprint"][active_A].max())
    return max(best, ruling.posterior.pattern.weight("imprint") * whole_match)


def prediction_set(ruling: Ruling, gallery: Gallery, *, spec: RecogniserSpec) -> PredictionSet:
    """Every active appearance whose score reaches the pattern's threshold, best first (split conformal prediction).

    The coverage is promised for the recogniser's calibration domain (Vovk et al. 2005).
    """
    ranked = ruling.ranked()
    inside = [gallery.appearances[a] for a in ranked
              if ruling.posterior.score_A[a] >= ruling.posterior.pattern.set_threshold]  # fmt: skip
    listed = tuple(key for appearance in inside[:MAX_SET_LISTED] for key in appearance.medication_ids)
    return PredictionSet(
        medication_ids=listed,
        num_appearances=len(inside),
        promised_coverage=spec.promised_coverage,
        domain=spec.calibration_domain,
    )


def alternatives(ruling: Ruling, gallery: Gallery) -> tuple[Alternative, ...]:
    """The most probable appearances, best first."""
    return tuple(_alternative(ruling, gallery, int(a)) for a in ruling.ranked()[:MAX_ALTERNATIVES])


def _alternative(ruling: Ruling, gallery: Gallery, a: int) -> Alternative:
    appearance = gallery.appearances[a]
    medication = gallery.medications[appearance.medication_ids[0]]
    return Alternative(
        medication_id=medication.medication_id,
        appearance_id=appearance.appearance_id,
        name=medication.display_name,
        clinical_drug=medication.clinical_drug,
        probability=float(np.clip(ruling.posterior.probability_A[a], 0, 1)),
        score=round(float(ruling.posterior.score_A[a]), 6),
    )


def medication_view(gallery: Gallery, a: int) -> MedicationView:
    """The appearance's first medication, with the other NDCs that look the same."""
    ids = gallery.appearances[a].medication_ids
    medication = gallery.medications[ids[0]]
    return MedicationView(
        medication_id=medication.medication_id,
        ndc11=medication.ndc11,
        name=medication.display_name,
        strength=medication.strength,
        imprint=medication.imprint_text,
        rxcui=medication.rxcui,
        same_appearance=ids[1:],
    )
