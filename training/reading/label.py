"""Labels reference sides: ready OCR reads every side, and the catalogue's tokens decide which lines are true.

The catalogue says what stands on a pill but not where. A line that the ready networks find, and that one of the
pill's tokens explains well, becomes an exact label; a line that none explains is left open. Weak labels become exact
where both agree, in the manner of Wigington et al., "Start, Follow, Read" (ECCV 2018).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import cv2
import numpy as np

from bentos.runtime.contract import ReaderSpec
from bentos.runtime.lattice import ALPHABET, Strings
from bentos.runtime.locate import Located, locate
from bentos.runtime.looks import Look
from bentos.runtime.preprocess import canvas_matrix, filled_behind, pill_canvas
from bentos.runtime.read import Reader, canvas_size, even_contrast
from bentos.runtime.strips import turned
from training.pretrain.pack import Side
from training.reading.lines import LabelledSide, TextLine, moved, overlap

_MOST_TOKENS, _MOST_CHARACTERS = 6, 14
_SURE_SINGLE, _PER_CHARACTER, _ANYWAY = -0.5, -0.9, -0.3
_SAME_PLACE = 0.35
_SEEN = 0.5


@dataclass(frozen=True)
class _Candidate:
    quad_4X: np.ndarray
    text: str
    score: float


def label_pill(
    sides: Sequence[LabelledSide], *, tokens: Sequence[str], reader: Reader, several_views: bool = True
) -> list[LabelledSide]:
    """Find the pill's folded `tokens` on its sides, where no line is known yet; the lines that are known stay.

    `reader` is the ready one, of `training.reading.base`, or one that was trained since and sees more. With
    `several_views` it looks at canvases of other contrast as well as at the runtime's, in three times the time.
    """
    texts = label_texts(tokens)
    labelled = [_label(side, texts=texts, tokens=tokens, reader=reader, several_views=several_views) for side in sides]
    found = [line.text for side in labelled for line in side.lines]
    complete = bool(tokens) and all(any(token in text for text in found) for token in tokens)
    return [LabelledSide(side.side, side.lines, side.ambiguous, complete) for side in labelled]


def label_texts(tokens: Sequence[str]) -> list[str]:
    """What one line may say: a token, or two or three in a row in any order."""
    known = sorted({token for token in tokens if token and set(token) <= set(ALPHABET)})
    rows = [permutations(known, count) for count in (2, 3)] if len(known) <= _MOST_TOKENS else []
    joined = {"".join(row) for kind in rows for row in kind}
    return sorted(text for text in {*known, *joined} if len(text) <= _MOST_CHARACTERS)


def located_side(side: Side) -> Located:
    """A side as the runtime locates a cut-out."""
    return locate(side.rgb_HWC, alpha_HW=side.mask_HW.astype(np.uint8) * 255)[0]


def _label(
    known: LabelledSide, *, texts: list[str], tokens: Sequence[str], reader: Reader, several_views: bool
) -> LabelledSide:
    side, located = known.side, located_side(known.side)
    size = canvas_size(located, spec=reader.spec)
    onto = canvas_matrix(located, size=size, margin=reader.spec.margin)
    back = cv2.invertAffineTransform(onto)
    before = [_Candidate(moved(line.quad_4X, onto), line.text, 0.0) for line in known.lines]
    views = _views(side, located, spec=reader.spec)[0 if several_views else -1 :]
    seen = [looks for canvas_HWC in views for looks in reader.looks(canvas_HWC)]
    kept = _without_overlaps([c for looks in seen for c in _candidates(looks, texts)], tokens=tokens, kept=before)
    regions = [looks[0].region for looks in seen]
    open_quads = [region.quad_XY for region in regions if region.confidence > _SEEN and _is_free(region.quad_XY, kept)]
    new = tuple(TextLine(moved(c.quad_4X, back), c.text) for c in kept[len(before) :])
    lines = (*known.lines, *new)
    return LabelledSide(side, lines, tuple(moved(quad_4X, back) for quad_4X in open_quads), complete=False)


def _views(side: Side, located: Located, *, spec: ReaderSpec) -> tuple[np.ndarray, ...]:
    """The canvas as it is and with evened contrast, on the pill's own colour, so that no outline is seen.

    Last the one that the runtime reads.
    """
    pixels_HWC, weight_HW = pill_canvas(side.rgb_HWC, located, size=canvas_size(located, spec=spec), margin=spec.margin)
    color = np.median(pixels_HWC[weight_HW > 0.5], axis=0)
    plain_HWC = filled_behind(pixels_HWC, weight_HW, fill_rgb=tuple(int(level) for level in color))
    evened_HWC = even_contrast(plain_HWC, np.ones_like(weight_HW), spec=spec)
    return plain_HWC, evened_HWC, even_contrast(pixels_HWC, weight_HW, spec=spec)


def _candidates(looks: Sequence[Look], texts: list[str]) -> list[_Candidate]:
    """The text that explains each direction of a line best, where it explains it well."""
    candidates = []
    for look in looks:
        log_S = Strings(texts).log_probability(look.lattice_TK) if texts else np.array([])
        if log_S.size and _is_sure(text := texts[int(log_S.argmax())], log_S.max()):
            quad_4X = turned(look.region.quad_XY, look.turn)
            candidates.append(_Candidate(quad_4X, text, float(log_S.max()) / len(text)))
    return candidates


def _is_sure(text: str, log_probability: float) -> bool:
    least = _SURE_SINGLE if len(text) == 1 else _PER_CHARACTER * len(text) + _ANYWAY
    return log_probability > least


def _without_overlaps(
    candidates: list[_Candidate], *, tokens: Sequence[str], kept: Sequence[_Candidate]
) -> list[_Candidate]:
    """Those kept already, then the best in each other place; a token of the catalogue before tokens joined."""
    kept = list(kept)
    for candidate in sorted(candidates, key=lambda c: (c.text not in tokens, -c.score)):
        if _is_free(candidate.quad_4X, kept):
            kept.append(candidate)
    return kept


def _is_free(quad_4X: np.ndarray, kept: list[_Candidate]) -> bool:
    return all(overlap(quad_4X, other.quad_4X) < _SAME_PLACE for other in kept)
