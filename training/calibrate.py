"""Calibration: cue ratios, fusion weights per pattern of cues, router, temperature, sets, unknown limit.

Ratios, weights and router are fitted on the `fit` split, temperature and thresholds on the `calibrate`
split; both hold photographs of appearances that no member was trained on.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, combinations

import numpy as np

from bentos.runtime.contract import CueSpec, PatternSpec, QualitySpec, RouterSpec, pattern_key
from bentos.runtime.evidence import DISTANCES, FEATURE_CUES, TWO_SIDES, Scorer
from bentos.runtime.fuse import fuse
from bentos.runtime.predictor import Predictor
from training.calibration_config import CalibrationConfig
from training.examples import TYPED_FIELDS, Example, only
from training.fit import (
    WORLD,
    FusionProblem,
    conformal_threshold,
    fit_fusion,
    fit_log_ratio,
    fit_temperature,
)
from training.limits import Judge, fit_limits

MIN_PAIRS = 20
_THREADS = 2
ROUTER_FEATURES = ("sharpness", "brightness", "contrast", "saturation", "clipped", "pill_px", "elongation")
_CUE_OF_FIELD = {"imprint": "imprint", "color": "typed_color", "shape": "typed_shape", "size_mm": "size"}


@dataclass(frozen=True)
class Pattern:
    """Which members look, which fields are typed, and whether both sides are there."""

    members: tuple[str, ...]
    typed: tuple[str, ...]
    two_sided: bool

    @property
    def key(self) -> str:
        """The name under which the recogniser keeps this pattern."""
        cues = {*self.members, *(_CUE_OF_FIELD[field] for field in self.typed)}
        return pattern_key(cues | ({TWO_SIDES} if self.two_sided else set()))


def all_patterns(members: Sequence[str]) -> Iterator[Pattern]:
    """Every non-empty set of members, with every set of typed fields, with one side and with two."""
    looking = chain.from_iterable(combinations(members, n) for n in range(1, len(members) + 1))
    for chosen in looking:
        for typed in chain.from_iterable(combinations(TYPED_FIELDS, n) for n in range(len(TYPED_FIELDS) + 1)):
            for two_sided in (False, True):
                yield Pattern(chosen, typed, two_sided)


def fit_cues(predictor: Predictor, examples: Sequence[Example], *, rng: np.random.Generator) -> CueSpec:
    """The log-likelihood ratio of every picture cue: its best view of the right appearance against others'."""
    scorer = Scorer(predictor.recogniser, predictor.gallery)
    neutral = predictor.recogniser.spec.cues
    members = {}
    for name in predictor.recogniser.members:
        pairs = [_genuine_and_impostor(scorer.cosines(name, e.sides[0]), e, predictor, rng=rng, best=np.max)
                 for e in examples]  # fmt: skip
        members[name] = fit_log_ratio(*map(np.concatenate, zip(*pairs, strict=True)))
    features = {}
    for name in FEATURE_CUES:
        distances = (DISTANCES[name](e.sides[0].features, predictor.gallery.features) for e in examples)
        pairs = [_genuine_and_impostor(distance_V, e, predictor, rng=rng, best=np.min)
                 for distance_V, e in zip(distances, examples, strict=True)]  # fmt: skip
        features[name] = fit_log_ratio(*map(np.concatenate, zip(*pairs, strict=True)), limit=4.0)
    return neutral.model_copy(update={"members": members, **features})


def _genuine_and_impostor(
    value_V: np.ndarray,
    example: Example,
    predictor: Predictor,
    *,
    rng: np.random.Generator,
    best: Callable[[np.ndarray], float],
) -> tuple[np.ndarray, np.ndarray]:
    """The best view of the truth (1,), and of 24 random other look groups (24,)."""
    gallery = predictor.gallery
    rows_ASK = gallery.index.views_ASK
    others = [a for a, other in enumerate(gallery.appearances) if other.look_group != example.look_group]
    picked = rng.choice(others, size=min(24, len(others)), replace=False)
    values = [float(best(value_V[rows[rows >= 0]])) for rows in rows_ASK[[example.truth, *picked]]]
    return np.array(values[:1]), np.array(values[1:])


class Table:
    """The cues of a split's examples, collected once and put together for each pattern.

    `among` are the appearances that stand for the gallery, ascending, every right one included; all by default.
    """

    def __init__(self, predictor: Predictor, examples: Sequence[Example], *, among: np.ndarray | None = None) -> None:
        self.examples = list(examples)
        self._predictor = predictor
        groups_A = np.array([appearance.look_group for appearance in predictor.gallery.appearances])
        self._among = np.arange(len(groups_A)) if among is None else among
        self._groups_A = groups_A[self._among]
        self._typed_Q = [self._kept(predictor.collect((), members=(), metadata=e.typed).cues) for e in self.examples]
        self._looked: dict[tuple[tuple[str, ...], bool], list[dict[str, np.ndarray]]] = {}

    def rows(self, pattern: Pattern) -> np.ndarray:
        """Numbers of the examples that have every cue of the pattern."""
        wanted = {_CUE_OF_FIELD[field] for field in pattern.typed}
        return np.array([q for q, cues in enumerate(self._typed_Q) if wanted <= cues.keys()], int)

    def problem(self, pattern: Pattern, *, unknown_prior: float) -> tuple[list[str], FusionProblem]:
        """Each example twice: as it is, and with its own look group removed (then the world is right)."""
        rows = self.rows(pattern)
        looked_Q = self._looking(pattern.members, typed_imprint="imprint" in pattern.typed)
        typed = [_CUE_OF_FIELD[field] for field in pattern.typed]
        names = [*looked_Q[rows[0]], *typed]
        cues_QAC = np.stack([np.stack([(looked_Q[q] | self._typed_Q[q])[name] for name in names], 1) for q in rows])
        others_QA = np.stack([self._groups_A != self.examples[q].look_group for q in rows])
        truth_Q = np.searchsorted(self._among, [self.examples[q].truth for q in rows])
        weights = (1 - unknown_prior) / len(rows), unknown_prior / len(rows)
        return names, FusionProblem(
            cues_QAC=np.concatenate([cues_QAC, cues_QAC]),
            active_QA=np.concatenate([np.ones_like(others_QA), others_QA]),
            truth_Q=np.concatenate([truth_Q, np.full(len(rows), WORLD)]),
            weight_Q=np.repeat(weights, len(rows)),
        )

    def _looking(self, members: tuple[str, ...], *, typed_imprint: bool) -> list[dict[str, np.ndarray]]:
        """The pictures' cues of every example; what was typed of the imprint decides what a line counts as."""
        key = members, typed_imprint
        if key not in self._looked:
            self._looked[key] = self._read_beside_text(members) if typed_imprint else self._seen(members)
        return self._looked[key]

    def _seen(self, members: tuple[str, ...]) -> list[dict[str, np.ndarray]]:
        nothing = only(self.examples[0].typed, ())
        return [self._kept(self._predictor.collect(e.sides, members=members, metadata=nothing).cues)
                for e in self.examples]  # fmt: skip

    def _read_beside_text(self, members: tuple[str, ...]) -> list[dict[str, np.ndarray]]:
        scorer = Scorer(self._predictor.recogniser, self._predictor.gallery)
        seen = zip(self._looking(members, typed_imprint=False), self.examples, strict=True)
        return [cues | self._kept(scorer.read(e.sides, typed=e.typed.imprint))
                for cues, e in seen]  # fmt: skip

    def _kept(self, cues: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: ratio_A[self._among].astype(np.float32) for name, ratio_A in cues.items()}


def drawn_candidates(
    examples: Sequence[Example], *, num_appearances: int, num: int, rng: np.random.Generator
) -> np.ndarray:
    """`num` appearances drawn at random, and every right one: weights fitted among them are those of the gallery.

    McFadden, "Modelling the Choice of Residential Location" (1978), on sampled alternatives.
    """
    drawn = rng.permutation(num_appearances)[:num]
    return np.unique([*drawn, *(e.truth for e in examples)]).astype(int)


@dataclass(frozen=True)
class Split:
    """A split's tables: single photographs and front-and-back pairs.

    Where too few pairs were photographed, two-sided patterns are fitted on single photographs: two sides say more
    than one, so limits that hold for one err on the safe side.
    """

    single: Table
    pairs: Table

    def of(self, pattern: Pattern) -> Table:
        """The table whose examples have as many sides as the pattern."""
        enough = len(self.pairs.rows(pattern)) >= MIN_PAIRS
        return self.pairs if pattern.two_sided and enough else self.single


def fit_patterns(
    predictor: Predictor,
    fit: Split,
    calibrate: Split,
    *,
    config: CalibrationConfig,
    rng: np.random.Generator,
    on_pattern: Callable[[int, int], None],
) -> dict[str, PatternSpec]:
    """Weights, temperature and thresholds for every pattern of cues that can be asked for; two at a time.

    Each has a generator of its own, so that the order in which they end decides nothing.
    """
    patterns = list(all_patterns(tuple(predictor.recogniser.members)))
    own = rng.spawn(len(patterns))

    def fitted(number: int) -> PatternSpec:
        return fit_pattern(predictor, patterns[number], fit, calibrate, config=config, rng=own[number])

    found = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        for pattern, spec in zip(patterns, pool.map(fitted, range(len(patterns))), strict=True):
            found[pattern.key] = spec
            on_pattern(len(found), len(patterns))
    return found


def fit_pattern(
    predictor: Predictor,
    pattern: Pattern,
    fit: Split,
    calibrate: Split,
    *,
    config: CalibrationConfig,
    rng: np.random.Generator,
) -> PatternSpec:
    """One pattern: weights on the fit split, temperature and thresholds on the calibrate split."""
    prior = config.unknown_prior
    names, problem = fit.of(pattern).problem(pattern, unknown_prior=prior)
    weights_C, bias = fit_fusion(problem, unknown_prior=prior)
    _, held = calibrate.of(pattern).problem(pattern, unknown_prior=prior)
    score_QA = np.where(held.active_QA, held.cues_QAC @ weights_C + bias, -np.inf)
    num = len(score_QA) // 2
    draft = PatternSpec(
        weights=dict(zip(names, map(float, weights_C), strict=True)),
        bias=bias,
        temperature=fit_temperature(score_QA, held.truth_Q, held.weight_Q, unknown_prior=prior),
        set_threshold=0.0,
        identified_uncertainty=0.0,
        unknown_threshold=((1, 0.0),),
    )
    table = calibrate.of(pattern)
    examples = [table.examples[q] for q in table.rows(pattern)]
    draft = with_set_threshold(draft, examples, score_QA[:num], config=config)
    judge = Judge(predictor.gallery, examples, typed_imprint="imprint" in pattern.typed, unknown_prior=prior)
    return fit_limits(judge, draft, known_NA=score_QA[:num], foreign_NA=score_QA[num:], config=config, rng=rng)


def with_set_threshold(
    draft: PatternSpec, examples: Sequence[Example], score_QA: np.ndarray, *, config: CalibrationConfig
) -> PatternSpec:
    """The set's threshold, from appearances no member was trained on where there are any."""
    new_Q = np.array([e.held_out for e in examples])
    genuine_Q = score_QA[np.arange(len(examples)), [e.truth for e in examples]]
    threshold = conformal_threshold(genuine_Q[new_Q] if new_Q.any() else genuine_Q, coverage=config.promised_coverage)
    return draft.model_copy(update={"set_threshold": threshold})


def fit_router(predictor: Predictor, examples: Sequence[Example], *, config: CalibrationConfig) -> RouterSpec:
    """Logistic regression of "the fast member's first answer is wrong" on the picture's statistics."""
    features_QF = np.array([[e.sides[0].statistics.as_dict()[name] for name in ROUTER_FEATURES] for e in examples])
    wrong_Q = np.array([_first_is_wrong(predictor, e) for e in examples])
    mean_F, sd_F = features_QF.mean(axis=0), features_QF.std(axis=0) + 1e-9
    weights_F, bias = np.zeros(len(ROUTER_FEATURES)), float(np.log((wrong_Q.mean() + 1e-3) / (1.001 - wrong_Q.mean())))
    if 0 < wrong_Q.sum() < len(wrong_Q):
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=0.1).fit((features_QF - mean_F) / sd_F, wrong_Q)
        weights_F = model.coef_[0] / sd_F
        bias = float(model.intercept_[0] - weights_F @ mean_F)
    return RouterSpec(
        feature_names=ROUTER_FEATURES,
        weights=tuple(map(float, weights_F)),
        bias=bias,
        hard_probability=config.hard_probability,
        escalate_uncertainty=config.escalate_uncertainty,
    )


def _first_is_wrong(predictor: Predictor, example: Example) -> bool:
    first = tuple(predictor.recogniser.members)[:1]
    evidence = predictor.collect(example.sides, members=first, metadata=only(example.typed, ()))
    found = fuse(evidence, spec=predictor.recogniser.spec, active_A=predictor.gallery.active_A)
    return int(found.probability_A.argmax()) != example.truth


def fit_quality(examples: Sequence[Example]) -> QualitySpec:
    """Retake limits: well beyond the worst percent of the photographs the recogniser was fitted on."""
    table = {name: np.array([e.sides[0].statistics.as_dict()[name] for e in examples])
             for name in ("sharpness", "clipped", "pill_px", "brightness")}  # fmt: skip
    return QualitySpec(
        min_sharpness=float(np.quantile(table["sharpness"], 0.005) * 0.5),
        max_clipped=float(min(0.9, np.quantile(table["clipped"], 0.995) * 1.5 + 0.1)),
        min_pill_px=int(max(24, np.quantile(table["pill_px"], 0.005) * 0.5)),
        min_brightness=float(np.quantile(table["brightness"], 0.005) * 0.5),
    )
