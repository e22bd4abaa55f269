"""Character lattices: how well each string of a vocabulary explains what a text recogniser saw.

A lattice holds, for each step along a line of text, the probability of each character and of "none". The
probability of a string sums over all its alignments (connectionist temporal classification, Graves et al.,
ICML 2006), so a half-read imprint still counts for every string that it may be.

Shapes: T steps, K classes (the alphabet, then blank), S strings, L states of the longest string.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BLANK = len(ALPHABET)
_FLOOR = 1e-4
_SURE_BLANK = 0.98
_WORLD_CHARACTER = 1 / 20
_UNEXPLAINED = 4.0
_HOPELESS = -4.0
_CODE = {character: code for code, character in enumerate(ALPHABET)}


def sharpened(lattice_TK: np.ndarray) -> np.ndarray:
    """Floored and normalised, with each run of steps that are surely blank kept as one."""
    floored_TK = np.maximum(np.asarray(lattice_TK, np.float64), _FLOOR)
    floored_TK /= floored_TK.sum(axis=1, keepdims=True)
    blank_T = floored_TK[:, BLANK] > _SURE_BLANK
    repeated_T = np.append(False, blank_T[1:] & blank_T[:-1])
    return floored_TK[~repeated_T]


def greedy_text(lattice_TK: np.ndarray) -> str:
    """The best path's string: repeats joined, blanks left out."""
    codes_T = lattice_TK.argmax(axis=1)
    new_T = np.append(True, codes_T[1:] != codes_T[:-1])
    return "".join(ALPHABET[code] for code in codes_T[new_T & (codes_T != BLANK)])


def log_best_path(lattice_TK: np.ndarray) -> float:
    """Log probability of the best path."""
    return float(np.log(lattice_TK.max(axis=1)).sum())


def nats_said(lattice_TK: np.ndarray) -> float:
    """How much more likely the best path's string is than one drawn by chance, nats; 0 where nothing is said."""
    gained = len(greedy_text(lattice_TK)) * -np.log(_WORLD_CHARACTER)
    return max(0.0, log_best_path(lattice_TK) + float(gained)) if gained else 0.0


def log_nothing(lattice_TK: np.ndarray) -> float:
    """Log probability that nothing is written there."""
    return float(np.log(lattice_TK[:, BLANK]).sum())


def log_world(lattice_TK: np.ndarray) -> float:
    """Log probability under "some text": every string, each character at one in twenty, the empty one left out.

    The model is fixed, so that a score never depends on which pills are enrolled.
    """
    blank, characters_C, log_scale = 1.0, np.zeros(BLANK), 0.0
    for step_K in lattice_TK:
        before = blank + characters_C.sum()
        entered_C = (before - characters_C) * _WORLD_CHARACTER
        characters_C, blank = (characters_C + entered_C) * step_K[:BLANK], before * step_K[BLANK]
        total = blank + characters_C.sum()
        characters_C, blank, log_scale = characters_C / total, blank / total, log_scale + np.log(total)
    some = log_scale + np.log(max(-np.expm1(log_nothing(lattice_TK) - log_scale), 1e-12))
    return float(some)


class Strings:
    """S strings over the alphabet, prepared for scoring lattices."""

    def __init__(self, strings: Sequence[str]) -> None:
        """`strings` are folded: letters and digits alone."""
        self._strings = list(strings)

    @cached_property
    def _states_SL(self) -> np.ndarray:
        longest = max(map(len, self._strings), default=1)
        states_SL = np.full((len(self._strings), 2 * longest + 1), BLANK)
        for states_L, string in zip(states_SL, self._strings, strict=True):
            states_L[1 : 2 * len(string) : 2] = [_CODE.get(character, BLANK) for character in string]
        return states_SL

    @cached_property
    def _counts_SC(self) -> np.ndarray:
        counts_SC = np.array([[string.count(character) for character in ALPHABET] for string in self._strings])
        return np.asfortranarray(counts_SC.reshape(-1, BLANK), np.float32)

    @cached_property
    def _length_S(self) -> np.ndarray:
        return np.array(list(map(len, self._strings)))

    def log_ratio(self, lattice_TK: np.ndarray) -> np.ndarray:
        """Log-likelihood ratio of every string against "some text" given a sharpened lattice, (S,), nats.

        -inf for strings that a cheap bound shows to be hopeless: the lattice hardly shows their characters, or
        shows others. The bound looks at one string at a time, so what else is in the vocabulary changes nothing.
        """
        world = log_world(lattice_TK)
        ratio_S = np.full(len(self._strings), -np.inf)
        short = np.flatnonzero(self._bound(lattice_TK) > world + _HOPELESS)
        if len(short):
            ratio_S[short] = _forward(lattice_TK, self._states_SL[short], self._length_S[short]) - world
        return ratio_S

    def log_probability(self, lattice_TK: np.ndarray) -> np.ndarray:
        """Log probability of every string given a sharpened lattice, (S,), nats."""
        return _forward(lattice_TK, self._states_SL, self._length_S)

    def _bound(self, lattice_TK: np.ndarray) -> np.ndarray:
        """Each character at its best step, less a price for each character of the best path that is missing."""
        seen = greedy_text(lattice_TK)
        bound_S = self._counts_SC @ np.log(lattice_TK[:, :BLANK].max(axis=0)).astype(np.float32)
        for character in sorted(set(seen)):
            bound_S -= _UNEXPLAINED * np.maximum(seen.count(character) - self._counts_SC[:, _CODE[character]], 0)
        return bound_S


def _forward(lattice_TK: np.ndarray, states_SL: np.ndarray, length_S: np.ndarray) -> np.ndarray:
    """The forward algorithm of connectionist temporal classification, for all strings at once; (S,)."""
    skips_SL = np.zeros(states_SL.shape, bool)
    skips_SL[:, 2:] = (states_SL[:, 2:] != BLANK) & (states_SL[:, 2:] != states_SL[:, :-2])
    forward_SL = np.zeros(states_SL.shape)
    forward_SL[:, :2] = lattice_TK[0, states_SL[:, :2]]
    log_scale_S = np.zeros(len(states_SL))
    for step_K in lattice_TK[1:]:
        moved_SL = forward_SL.copy()
        moved_SL[:, 1:] += forward_SL[:, :-1]
        moved_SL[:, 2:] += np.where(skips_SL[:, 2:], forward_SL[:, :-2], 0)
        forward_SL = moved_SL * step_K[states_SL]
        total_S = forward_SL.sum(axis=1)
        forward_SL /= total_S[:, None]
        log_scale_S += np.log(total_S)
    rows = np.arange(len(states_SL))
    ends_S = forward_SL[rows, 2 * length_S] + np.where(length_S > 0, forward_SL[rows, 2 * length_S - 1], 0)
    return log_scale_S + np.log(np.maximum(ends_S, 1e-300))
