"""A gallery: the appearances that can be answered, with their prototypes and reference features.

Shapes: V views (one reference picture of one side each), A appearances, D embedding, K views of one side.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from bentos.runtime.contract import GallerySpec, read_gallery_spec, spec_digest
from bentos.runtime.errors import ContractError
from bentos.runtime.imprint import ImprintIndex
from bentos.runtime.medication import Appearance, Medication
from bentos.runtime.pictures import PICTURES_FILE, Pictures
from bentos.runtime.recogniser import Recogniser

PROTOTYPES_FILE = "prototypes.npz"
FEATURES_FILE = "features.npz"
SIDES = ("front", "back")
_Value = TypeVar("_Value", bound=Hashable)


class GalleryIndex:
    """Look-up tables over a gallery's records, made once and shared by every masked copy of it."""

    def __init__(self, spec: GallerySpec) -> None:
        self._spec = spec

    @cached_property
    def medications(self) -> dict[str, Medication]:
        """Medications by their identifier."""
        return {medication.medication_id: medication for medication in self._spec.medications}

    @cached_property
    def drugs_A(self) -> tuple[tuple[str, ...], ...]:
        """The distinct clinical drugs of each appearance, sorted."""
        return tuple(
            tuple(sorted({self.medications[key].clinical_drug for key in appearance.medication_ids}))
            for appearance in self._spec.appearances
        )

    @cached_property
    def drug_names(self) -> tuple[str, ...]:
        """All clinical drugs of the gallery, sorted; the order of every (G,) array."""
        return tuple(sorted({drug for drugs in self.drugs_A for drug in drugs}))

    @cached_property
    def drug_shares(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Incidence of appearances and drugs: appearance number, drug number, share; (I,) each."""
        number = {drug: i for i, drug in enumerate(self.drug_names)}
        rows = [(a, number[drug], 1 / len(drugs)) for a, drugs in enumerate(self.drugs_A) for drug in drugs]
        appearance_I, drug_I, share_I = zip(*rows, strict=True)
        return np.array(appearance_I), np.array(drug_I), np.array(share_I)

    @cached_property
    def imprints(self) -> ImprintIndex:
        """The imprints of all appearances, for typed text."""
        return ImprintIndex([appearance.imprint for appearance in self._spec.appearances])

    @cached_property
    def colors(self) -> tuple[list[tuple[str, ...]], np.ndarray]:
        """The distinct combinations of colours, and the number of each appearance's, (A,)."""
        return _distinct([appearance.colors for appearance in self._spec.appearances])

    @cached_property
    def shapes(self) -> tuple[list[str], np.ndarray]:
        """The distinct shapes, and the number of each appearance's, (A,)."""
        return _distinct([appearance.shape for appearance in self._spec.appearances])

    @cached_property
    def sizes_mm_A(self) -> np.ndarray:
        """Longest side of each appearance in mm."""
        return np.array([appearance.size_mm for appearance in self._spec.appearances])

    @cached_property
    def views_ASK(self) -> np.ndarray:
        """Row numbers of the views of each appearance and side, padded with -1; (A, 2, K)."""
        rows: dict[tuple[int, int], list[int]] = {}
        number = {appearance.appearance_id: i for i, appearance in enumerate(self._spec.appearances)}
        for row, view in enumerate(self._spec.views):
            sides = range(2) if view.side == "unknown" else (SIDES.index(view.side),)
            for side in sides:
                rows.setdefault((number[view.appearance_id], side), []).append(row)
        table = np.full((len(number), 2, max(map(len, rows.values()), default=1)), -1, np.int64)
        for (a, side), found in rows.items():
            table[a, side, : len(found)] = found
        return table


@dataclass(frozen=True)
class Gallery:
    """The loaded contract. `active_A` masks appearances out without touching the scores of the others."""

    spec: GallerySpec
    digest: str
    prototypes: dict[str, np.ndarray]
    features: dict[str, np.ndarray]
    index: GalleryIndex
    active_A: np.ndarray
    pictures: Pictures | None = None

    @classmethod
    def load(cls, directory: Path, *, recogniser: Recogniser | None = None) -> "Gallery":
        """Read and check a gallery.

        Raises:
            ContractError: a file is missing or changed, arrays do not match the views, or the gallery was
                made by another recogniser than the one given.
        """
        spec = read_gallery_spec(directory)
        if recogniser is not None and spec.recogniser != recogniser.digest:
            raise ContractError(f"gallery belongs to recogniser {spec.recogniser}, not to {recogniser.digest}")
        prototypes, features = _arrays(directory / PROTOTYPES_FILE), _arrays(directory / FEATURES_FILE)
        for name, array in (prototypes | features).items():
            if len(array) != len(spec.views):
                raise ContractError(f"{name} has {len(array)} rows for {len(spec.views)} views")
        active_A = np.ones(len(spec.appearances), bool)
        stored = PICTURES_FILE in spec.files
        pictures = Pictures.open(directory / PICTURES_FILE, num_views=len(spec.views)) if stored else None
        return cls(spec, spec_digest(spec), prototypes, features, GalleryIndex(spec), active_A, pictures)

    @property
    def appearances(self) -> tuple[Appearance, ...]:
        """All appearances, masked ones included, in the order of every (A,) array."""
        return self.spec.appearances

    @property
    def medications(self) -> dict[str, Medication]:
        """Medications by their identifier."""
        return self.index.medications

    def picture(self, row: int) -> bytes | None:
        """The small reference picture of a view, JPEG; None where the gallery holds none of it."""
        return None if self.pictures is None else self.pictures.read(row)

    @property
    def num_active(self) -> int:
        """How many appearances can be answered."""
        return int(self.active_A.sum())

    def without(self, look_groups: Iterable[str]) -> "Gallery":
        """The same gallery with the appearances of these look groups masked out."""
        removed = set(look_groups)
        keep = np.array([appearance.look_group not in removed for appearance in self.appearances])
        return replace(self, active_A=self.active_A & keep)

    def subset(self, appearance_ids: Iterable[str]) -> "Gallery":
        """The same gallery with only these appearances left to answer."""
        wanted = set(appearance_ids)
        keep = np.array([appearance.appearance_id in wanted for appearance in self.appearances])
        return replace(self, active_A=self.active_A & keep)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise ContractError(f"{path} is missing")
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


def _distinct(values: Sequence[_Value]) -> tuple[list[_Value], np.ndarray]:
    """The distinct values in order of appearance, and the number of each one."""
    number = {value: i for i, value in enumerate(dict.fromkeys(values))}
    return list(number), np.array([number[value] for value in values], int)
