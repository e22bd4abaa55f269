"""Drug names that are taken for each other, spelled with the capitals that tell them apart.

tall_man.csv is a selection of oral ingredients out of the FDA and ISMP Lists of Look-Alike Drug Names with
Recommended Tall Man Letters, 2008-2023, written for this project.
"""

import csv
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

TALL_MAN_LIST: Final = Path(__file__).resolve().parent / "tall_man.csv"
_WORD: Final = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class TallManPair:
    """Two ingredients whose names are confused, spelled with the letters that tell them apart."""

    name: str
    confused_with: str
    source: Literal["FDA", "ISMP"]

    @property
    def names(self) -> frozenset[str]:
        """Both names, case-folded."""
        return frozenset((self.name.casefold(), self.confused_with.casefold()))


@lru_cache(maxsize=1)
def tall_man_pairs() -> tuple[TallManPair, ...]:
    """The pairs of tall_man.csv, in file order."""
    with TALL_MAN_LIST.open(encoding="utf-8", newline="") as file:
        return tuple(
            TallManPair(name=row["name"], confused_with=row["confused_with"], source=row["list"])
            for row in csv.DictReader(file)
        )


def listed_names(drug: str) -> frozenset[str]:
    """The case-folded names of the list that stand as a word in a drug's name."""
    return frozenset(_WORD.findall(drug.casefold())) & _partners().keys()


def partners(drug: str) -> frozenset[str]:
    """The case-folded names that the drug's name is taken for; empty for almost all drugs."""
    return frozenset(other for name in listed_names(drug) for other in _partners()[name])


def sound_alike(one: str, other: str) -> bool:
    """Whether a name in one drug is on the list as taken for a name in the other."""
    return not partners(one).isdisjoint(listed_names(other))


def with_tall_man_letters(text: str) -> str:
    """The text with the names of the list in their recommended spelling: `hydralazine 25 MG` as `hydrALAZINE 25 MG`."""
    return re.sub(r"[A-Za-z]+", lambda found: _spelling().get(found[0].casefold(), found[0]), text)


@lru_cache(maxsize=1)
def _partners() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for pair in tall_man_pairs():
        for name in pair.names:
            found[name] = found.get(name, frozenset()) | (pair.names - {name})
    return found


@lru_cache(maxsize=1)
def _spelling() -> dict[str, str]:
    """Each name's spelling; a name in several pairs has the one with most capitals."""
    spelled = [name for pair in tall_man_pairs() for name in (pair.name, pair.confused_with)]
    return {name.casefold(): name for name in sorted(spelled, key=lambda name: sum(map(str.isupper, name)))}
