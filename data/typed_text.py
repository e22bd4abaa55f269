"""How people type what stands on a pill: all tokens in any order, or half of it with a look-alike character.

Training fits its imprint channel on this behaviour and the benchmark measures with it; one home for both.
"""

from collections.abc import Sequence

import numpy as np

from bentos.runtime.medication import Medication
from bentos.runtime.typing_channel import CONFUSABLE

_LOOK_ALIKES = {
    char: [other for group in CONFUSABLE if char in group for other in group if other != char]
    for group in CONFUSABLE
    for char in group
}


def type_all_tokens(tokens: Sequence[str], *, rng: np.random.Generator) -> str | None:
    """Every token once, in random order; None where the pill carries no imprint."""
    return " ".join(tokens[i] for i in rng.permutation(len(tokens))) or None


def type_partial(tokens: Sequence[str], *, rng: np.random.Generator) -> str | None:
    """One token at random with one confusable character exchanged; None where the pill carries no imprint.

    Drawn among the tokens that hold a confusable character; where none does, a token is typed as it is.
    """
    if not tokens:
        return None
    confusable = [token for token in tokens if any(char in _LOOK_ALIKES for char in token.upper())] or list(tokens)
    return _exchange(confusable[rng.integers(len(confusable))], rng=rng)


def _exchange(token: str, *, rng: np.random.Generator) -> str:
    places = [i for i, char in enumerate(token.upper()) if char in _LOOK_ALIKES]
    if not places:
        return token
    place = places[rng.integers(len(places))]
    others = _LOOK_ALIKES[token[place].upper()]
    return token[:place] + others[rng.integers(len(others))] + token[place + 1 :]


def imprint_texts(medication: Medication) -> list[str]:
    """The medication's imprint tokens as text, in catalogue order."""
    return [token.text for token in medication.imprint]
