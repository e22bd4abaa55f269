"""The imprint reader's own measure: whole tokens read and false ones, from its strings alone, without a lexicon."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bentos.runtime.medication import fold_imprint
from bentos.runtime.read import Reading

_SHORTEST = 2


@dataclass(frozen=True)
class ReadPhoto:
    """What was read on one photograph: whole tokens of its pill, strings of two characters or more, false ones."""

    tokens: frozenset[str]
    num_strings: int
    num_false: int


@dataclass(frozen=True)
class ReaderMeasure:
    """Shares over photographs: with at least one whole token, and of all strings read those that are false."""

    num_photos: int
    num_strings: int
    with_token: float
    false_tokens: float


def read_photo(reading: Reading, tokens: Iterable[str]) -> ReadPhoto:
    """Compare the lines' strings with the catalogue's tokens of the pill.

    A string counts where it is composed of whole tokens: one, or several that stand in one line. Strings and
    tokens of one character neither count nor are false.
    """
    known = {folded for token in tokens if (folded := fold_imprint(token))}
    strings = [text for line in reading.lines if len(text := fold_imprint(line.text())) >= _SHORTEST]
    composed = [composition(text, known) for text in strings]
    whole = {token for parts in composed if parts for token in parts if len(token) >= _SHORTEST}
    return ReadPhoto(frozenset(whole), len(strings), sum(parts is None for parts in composed))


def composition(text: str, tokens: set[str]) -> tuple[str, ...] | None:
    """The fewest tokens that joined give `text`, letter by letter; None where none do."""
    best: list[tuple[str, ...] | None] = [(), *[None] * len(text)]
    for end in range(1, len(text) + 1):
        for token in tokens:
            start = end - len(token)
            before = best[start] if start >= 0 and text[start:end] == token else None
            if before is not None and (best[end] is None or len(before) + 1 < len(best[end])):
                best[end] = (*before, token)
    return best[-1]


def measure_reader(photos: Sequence[ReadPhoto]) -> ReaderMeasure:
    """The measure over the photographs given; shares are 0 where there are none to share by."""
    strings, false = (sum(getattr(photo, name) for photo in photos) for name in ("num_strings", "num_false"))
    num_read = sum(bool(photo.tokens) for photo in photos)
    return ReaderMeasure(len(photos), strings, num_read / max(1, len(photos)), false / max(1, strings))
