"""Which photographs show the two sides of one pill, so that both can be asked about together."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from typing import Final

from monitoring.questions import photo_rng

_OTHER: Final = {"front": "back", "back": "front"}


@dataclass(frozen=True)
class Taken:
    """A photograph's name, what must agree for two to be of one pill (medication, background), and the side shown."""

    photo: str
    pill: Hashable
    side: str


def counterparts(photos: Iterable[Taken], *, seed: int) -> dict[str, str]:
    """A photograph of the other side for each that has one, by name; drawn where there are several.

    Both of a pair may have each other, so both orders of asking occur.
    """
    shown: dict[tuple[Hashable, str], list[str]] = {}
    listed = sorted((item for item in photos if item.side in _OTHER), key=lambda item: item.photo)
    for item in listed:
        shown.setdefault((item.pill, item.side), []).append(item.photo)
    offered = {item.photo: shown.get((item.pill, _OTHER[item.side]), []) for item in listed}
    return {
        photo: others[int(photo_rng(f"other side/{photo}", seed=seed).integers(len(others)))]
        for photo, others in offered.items()
        if others
    }
