"""The one observation to ask for: what a person could still type, measure or photograph, and how much it would tell.

Every candidate for the pill says how likely each outcome of an observation is, errors included; what an observation
tells is the mutual information between its outcome and the drug (Lindley 1956), under the posterior. "Another pill"
is one of the candidates: an imprint that none of the others carries tells that it is that one.

Shapes: A candidates (the last one is "another pill"), O outcomes of an observation, D drugs.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

import numpy as np

from bentos.runtime.answer import Ask, Asks, PillMetadata
from bentos.runtime.contract import CueSpec
from bentos.runtime.decide import CUE_WORDS, Ruling
from bentos.runtime.gallery import Gallery
from bentos.runtime.imprint import typed_tokens
from bentos.runtime.medication import Appearance, fold_imprint
from bentos.runtime.typing_channel import confusion_class

LEAST_BITS: Final = 0.05
LEAST_SHRINKING: Final = 0.9
READ_RATE: Final = 0.55
_FEWEST, _MOST = 5, 100
_COMPATIBLE: Final = 0.1
_MIN_OPTION_SHARE: Final = 0.05
_MAX_OPTIONS: Final = 4
_SIZES_APART_MM: Final = 2
PHARMACIST: Final = "ask a pharmacist: nothing that can be photographed or typed decides this"
_TYPED: Final = {"imprint": "imprint", "typed_color": "color", "typed_shape": "shape", "size": "size_mm"}


@dataclass(frozen=True)
class Candidates:
    """What the pill may be: appearances with their probabilities, that of any other pill last; set's size."""

    appearances: tuple[Appearance, ...]
    drugs: tuple[Hashable, ...]
    weight_A: np.ndarray
    num_inside: int

    @classmethod
    def of(cls, ruling: Ruling, gallery: Gallery, *, num_inside: int) -> "Candidates":
        """The likeliest appearances: as many as the set holds, but at least five and at most a hundred."""
        numbers = ruling.ranked()[: int(np.clip(num_inside, _FEWEST, _MOST))]
        weight_A = ruling.posterior.probability_A[numbers]
        return cls(
            tuple(gallery.appearances[a] for a in numbers),
            tuple(gallery.index.drugs_A[a] for a in numbers),
            np.append(weight_A, max(1 - float(weight_A.sum()), 0.0)),
            num_inside,
        )

    @cached_property
    def weight_DA(self) -> np.ndarray:
        """Each candidate's probability in the row of its drug; any other pill is a drug of its own."""
        number = {drug: d for d, drug in enumerate(dict.fromkeys(self.drugs))}
        weight_DA = np.zeros((len(number) + 1, len(self.weight_A)))
        weight_DA[[*(number[drug] for drug in self.drugs), -1], np.arange(len(self.weight_A))] = self.weight_A
        return weight_DA


@dataclass(frozen=True)
class Offer:
    """An observation that can be asked for: how likely each outcome is for each candidate, and how it is put."""

    question: Asks
    likelihood_AO: np.ndarray
    sentence: str
    options: tuple[str, ...] = ()


def next_observation(
    candidates: Candidates,
    *,
    metadata: PillMetadata,
    num_pictures: int,
    cues: CueSpec,
    contradictions: Sequence[str] = (),
    retake: str | None = None,
) -> Ask:
    """What to ask for next.

    A picture that has to be taken again comes first, then what was typed and contradicts the picture, then the
    observation that tells most about the drug, then the one that shrinks the set most; a pharmacist where none does.

    Args:
        contradictions: the cues that speak against the first answer, in the words of `decide.contradictions`.
        retake: the reason to take the picture again.
    """
    if retake is not None:
        return Ask(question="retake", sentence=retake, expected_remaining=candidates.num_inside)
    doubted = next((cue for cue in _TYPED if CUE_WORDS[cue] in contradictions), None)
    if doubted is not None:
        sentence = f"check {CUE_WORDS[doubted]}, it does not fit the picture"
        return Ask(question=_TYPED[doubted], sentence=sentence, expected_remaining=candidates.num_inside)
    offers = _offers(candidates, metadata, num_pictures=num_pictures, cues=cues)
    best = _most_telling(offers, candidates) or _most_shrinking(offers, candidates)
    if best is None:
        return Ask(question="pharmacist", sentence=PHARMACIST, expected_remaining=candidates.num_inside)
    return Ask(
        question=best.question,
        sentence=best.sentence,
        options=best.options,
        bits=round(information_bits(best.likelihood_AO, candidates), 4),
        expected_remaining=round(expected_remaining(best.likelihood_AO, candidates), 2),
    )


def _most_telling(offers: Sequence[Offer], candidates: Candidates) -> Offer | None:
    bits = [information_bits(offer.likelihood_AO, candidates) for offer in offers]
    return offers[bits.index(max(bits))] if max(bits, default=0.0) >= LEAST_BITS else None


def _most_shrinking(offers: Sequence[Offer], candidates: Candidates) -> Offer | None:
    """Where one drug is all but sure and yet not proven: what leaves the fewest appearances, else any more evidence."""
    left = [expected_remaining(offer.likelihood_AO, candidates) for offer in offers]
    if left and min(left) <= LEAST_SHRINKING * candidates.num_inside:
        return offers[left.index(min(left))]
    return next((offer for offer in offers if offer.question == "other_side"), None)


def _offers(candidates: Candidates, metadata: PillMetadata, *, num_pictures: int, cues: CueSpec) -> list[Offer]:
    """What has not been observed yet; where two tell equally much the first is the easier one."""
    offers = []
    if not candidates.appearances:
        return offers
    if _is_untyped(metadata.imprint, candidates.appearances[0]):
        offers.append(_imprint(candidates, typed=metadata.imprint, error_rate=cues.imprint_error_rate))
    if num_pictures < 2:
        offers.append(_other_side(candidates))
    if not metadata.size_mm:
        offers.append(_size(candidates, sd_mm=cues.size_sd_mm))
    if not metadata.color:
        offers.append(_color(candidates, error_rate=cues.typed_color_error_rate))
    if not metadata.shape:
        offers.append(_shape(candidates, error_rate=cues.typed_shape_error_rate))
    return offers


def information_bits(likelihood_AO: np.ndarray, candidates: Candidates) -> float:
    """Mutual information of the outcome and the drug."""
    joint_DO = candidates.weight_DA @ likelihood_AO
    joint_DO /= max(joint_DO.sum(), 1e-12)
    return max(_entropy(joint_DO.sum(axis=0)) + _entropy(joint_DO.sum(axis=1)) - _entropy(joint_DO.ravel()), 0.0)


def expected_remaining(likelihood_AO: np.ndarray, candidates: Candidates) -> float:
    """Expected number of appearances of the set that the outcome leaves possible (a tenth as likely as the best)."""
    known_AO = likelihood_AO[:-1]
    if not len(known_AO):
        return 0.0
    outcome_O = candidates.weight_A @ likelihood_AO
    outcome_O = outcome_O / max(outcome_O.sum(), 1e-12)
    left_O = (known_AO >= np.maximum(_COMPATIBLE * known_AO.max(axis=0), 1e-9)).mean(axis=0)
    return float(outcome_O @ left_O) * candidates.num_inside


def _entropy(share_N: np.ndarray) -> float:
    positive = share_N[share_N > 0]
    return float(-(positive * np.log2(positive)).sum())


def _is_untyped(typed: str | None, likeliest: Appearance) -> bool:
    """Whether a part of the likeliest imprint has not been typed."""
    given = sum(map(len, typed_tokens(typed or "")))
    return not given or given < sum(len(fold_imprint(token)) for token in likeliest.imprint)


def _imprint(candidates: Candidates, *, typed: str | None, error_rate: float) -> Offer:
    """Typing all of it; a mistyped one is taken to tell nothing, and so is a pill on which nothing stands."""
    keys = [_imprint_key(appearance.imprint) for appearance in candidates.appearances]
    success_A = [(1 - error_rate) ** len(key) if key else 0.0 for key in keys]
    what = "the whole imprint, also what is missing" if typed else "the imprint"
    return Offer("imprint", _named(keys, np.array(success_A)), f"type {what}: every character of both sides")


def _other_side(candidates: Candidates) -> Offer:
    """A photograph of the other side tells the imprint as often as the reader reads a side."""
    keys = [_imprint_key(appearance.imprint) for appearance in candidates.appearances]
    return Offer("other_side", _named(keys, np.full(len(keys), READ_RATE)), "photograph the other side as well")


@lru_cache(maxsize=2**16)
def _imprint_key(imprint: tuple[str, ...]) -> str:
    """Equal for imprints that people type as the same: look-alike characters, tokens in any order."""
    return "".join(sorted(confusion_class(fold_imprint(token)) for token in imprint))


def _named(keys: Sequence[Hashable], success_A: np.ndarray) -> np.ndarray:
    """Each candidate's own outcome, with its chance; then an outcome of no candidate's, then one that tells nothing."""
    column = {key: o for o, key in enumerate(dict.fromkeys(keys))}
    likelihood_AO = np.zeros((len(keys) + 1, len(column) + 2))
    likelihood_AO[np.arange(len(keys)), [column[key] for key in keys]] = success_A
    likelihood_AO[-1, -2] = success_A.mean()
    likelihood_AO[:, -1] = 1 - likelihood_AO.sum(axis=1)
    return likelihood_AO


def _size(candidates: Candidates, *, sd_mm: float) -> Offer:
    """Measuring in whole mm, with the spread that calibration gives to what people measure."""
    sizes_A = np.array([appearance.size_mm for appearance in candidates.appearances])
    measured_O = np.arange(np.floor(sizes_A.min()) - 1, np.ceil(sizes_A.max()) + 2)
    likelihood_AO = np.exp(-0.5 * ((measured_O - sizes_A[:, None]) / sd_mm) ** 2)
    options = tuple(f"{size:g} mm" for size in _apart(np.rint(sizes_A), candidates.weight_A[:-1]))
    sentence = "measure the longest side" + (f": {_either(options)}?" if len(options) > 1 else " in mm")
    return Offer("size_mm", _as_the_others(likelihood_AO, candidates), sentence, options)


def _apart(sizes_A: np.ndarray, weight_A: np.ndarray) -> list[float]:
    """The likeliest sizes that a ruler tells apart, in their order."""
    chosen: list[float] = []
    shares = {size: float(weight_A[sizes_A == size].sum()) for size in np.unique(sizes_A)}
    for size, share in sorted(shares.items(), key=lambda item: -item[1]):
        far = all(abs(size - other) >= _SIZES_APART_MM for other in chosen)
        if far and share >= _MIN_OPTION_SHARE * sum(shares.values()) and len(chosen) < _MAX_OPTIONS:
            chosen.append(float(size))
    return sorted(chosen)


def _color(candidates: Candidates, *, error_rate: float) -> Offer:
    colors = [appearance.colors for appearance in candidates.appearances]
    options = _likeliest([";".join(sorted(each)) for each in colors], candidates.weight_A[:-1])
    words = tuple(option.replace(";", " and ") for option in options)
    return Offer("color", _said(colors, candidates, error_rate=error_rate), _choice("colour", words), options)


def _shape(candidates: Candidates, *, error_rate: float) -> Offer:
    shapes = [(appearance.shape,) for appearance in candidates.appearances]
    options = _likeliest([shape for (shape,) in shapes], candidates.weight_A[:-1])
    return Offer("shape", _said(shapes, candidates, error_rate=error_rate), _choice("shape", options), options)


def _said(words_of: Sequence[tuple[str, ...]], candidates: Candidates, *, error_rate: float) -> np.ndarray:
    """One of the pill's own words, or by mistake one of the other candidates'."""
    column = {word: o for o, word in enumerate(dict.fromkeys(word for words in words_of for word in words))}
    likelihood_AO = np.full((len(words_of), len(column)), error_rate / len(column))
    own = [(a, column[word], (1 - error_rate) / len(words)) for a, words in enumerate(words_of) for word in words]
    a_I, outcome_I, share_I = zip(*own, strict=True)
    np.add.at(likelihood_AO, (a_I, outcome_I), share_I)
    return _as_the_others(likelihood_AO, candidates)


def _as_the_others(likelihood_AO: np.ndarray, candidates: Candidates) -> np.ndarray:
    """Each row sums to one; another pill comes out as the candidates do, so nothing is learnt about it."""
    likelihood_AO = likelihood_AO / likelihood_AO.sum(axis=1, keepdims=True)
    weight_A = candidates.weight_A[:-1] + 1e-12
    return np.vstack([likelihood_AO, weight_A @ likelihood_AO / weight_A.sum()])


def _likeliest(words: Sequence[str], weight_A: np.ndarray) -> tuple[str, ...]:
    shares: dict[str, float] = {}
    for word, weight in zip(words, weight_A, strict=True):
        shares[word] = shares.get(word, 0.0) + float(weight)
    kept = [word for word, share in shares.items() if share >= _MIN_OPTION_SHARE * sum(shares.values())]
    return tuple(sorted(kept, key=lambda word: -shares[word])[:_MAX_OPTIONS])


def _choice(what: str, options: Sequence[str]) -> str:
    return f"say its {what}" + (f": {_either([o.lower() for o in options])}?" if len(options) > 1 else "")


def _either(options: Sequence[str]) -> str:
    """`8 mm or 10 mm`; a unit that all share is said once."""
    if all(option.endswith(" mm") for option in options):
        return _either([option.removesuffix(" mm") for option in options]) + " mm"
    return " or ".join(filter(None, [", ".join(options[:-1]), options[-1]]))
