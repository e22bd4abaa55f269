"""Fusion: cues joined into one score per appearance, and a posterior that keeps room for the unknown pill.

The score of an appearance is a weighted sum of log-likelihood ratios; the posterior is Bayes' rule over the
active appearances, equal a priori, and "a pill that is not in this gallery" with an explicit prior.

Shapes: A appearances, C cues, G drugs (clinical drugs).
"""

import math
from dataclasses import dataclass

import numpy as np

from bentos.runtime.contract import PatternSpec, RecogniserSpec
from bentos.runtime.errors import ContractError
from bentos.runtime.evidence import Evidence
from bentos.runtime.gallery import Gallery


@dataclass(frozen=True)
class Posterior:
    """What follows from the evidence: scores in nats, weighted cues, probabilities that sum to 1 with unknown."""

    score_A: np.ndarray
    share_CA: dict[str, np.ndarray]
    probability_A: np.ndarray
    unknown_probability: float
    pattern: PatternSpec

    def drug_probabilities(self, gallery: Gallery) -> np.ndarray:
        """Probability of each clinical drug (G,); an appearance that two drugs share counts half for each."""
        appearance_I, drug_I, share_I = gallery.index.drug_shares
        weights_I = self.probability_A[appearance_I] * share_I
        return np.bincount(drug_I, weights=weights_I, minlength=len(gallery.index.drug_names))


def fuse(evidence: Evidence, *, spec: RecogniserSpec, active_A: np.ndarray) -> Posterior:
    """Join the cues with the weights fitted for their pattern.

    Raises:
        ContractError: the recogniser was not fitted for this pattern of cues.
    """
    if evidence.pattern not in spec.patterns:
        raise ContractError(f"the recogniser has no fusion weights for the cues {evidence.pattern}")
    pattern = spec.patterns[evidence.pattern]
    share_CA = {name: pattern.weight(name) * ratio_A for name, ratio_A in evidence.cues.items()}
    score_A = np.where(active_A, sum(share_CA.values()) + pattern.bias, -np.inf)
    probability_A, unknown = posterior(score_A / pattern.temperature, unknown_prior=spec.unknown_prior)
    return Posterior(score_A, share_CA, probability_A, unknown, pattern)


def posterior(score_A: np.ndarray, *, unknown_prior: float) -> tuple[np.ndarray, float]:
    """Bayes' rule over appearances, equal a priori, and the unknown pill, whose ratio to the world is 0 nats.

    Masked appearances carry a score of -inf and get probability 0.
    """
    num_active = int(np.isfinite(score_A).sum())
    if num_active == 0:
        return np.zeros_like(score_A), 1.0
    logit_A = score_A + math.log1p(-unknown_prior) - math.log(num_active)
    peak = max(float(logit_A.max()), math.log(unknown_prior))
    weight_A = np.exp(logit_A - peak)
    unknown = math.exp(math.log(unknown_prior) - peak)
    total = float(weight_A.sum()) + unknown
    return weight_A / total, unknown / total


def jensen_shannon_bits(first: Posterior, second: Posterior) -> float:
    """Jensen-Shannon divergence of two posteriors, unknown included; 0 equal, 1 disjoint (Lin 1991)."""
    p = np.append(first.probability_A, first.unknown_probability)
    q = np.append(second.probability_A, second.unknown_probability)
    middle = 0.5 * (p + q)
    return float(np.clip(_entropy_bits(middle) - 0.5 * (_entropy_bits(p) + _entropy_bits(q)), 0, 1))


def _entropy_bits(p: np.ndarray) -> float:
    positive = p[p > 0]
    return float(-(positive * np.log2(positive)).sum())
