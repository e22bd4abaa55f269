"""Edits of a gallery: medications added or removed in a second, written as a new gallery; the old one stays.

Raw scores of every appearance that an edit does not touch stay what they were: they depend on its own views and
the recogniser alone. Views keep their picture's digest, source, lot and date.
"""

import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bentos.runtime.contract import GallerySpec, View
from bentos.runtime.enrol import ReferencePicture, build_gallery
from bentos.runtime.errors import ContractError
from bentos.runtime.gallery import Gallery, GalleryIndex
from bentos.runtime.medication import Appearance, Medication, derive_appearances
from bentos.runtime.recogniser import Recogniser
from data.enrolment import merged


def edit_gallery(
    gallery: Gallery,
    *,
    recogniser: Recogniser,
    out: Path,
    name: str,
    now: str,
    medications: Sequence[Medication] = (),
    references: Iterable[ReferencePicture] = (),
    remove: Collection[str] = (),
) -> GallerySpec:
    """Write the gallery without the medications `remove` and with the views of `references` into `out`.

    A medication that is there gets further views, and the facts given here; a picture that is there is replaced.

    Raises:
        ContractError: `out` exists, a medication to remove is not there, nothing would be left, a reference names
            none of `medications`, or none of the references shows a pill.
    """
    if out.exists():
        raise ContractError(f"{out} exists; an edited gallery is written as a new one")
    parts = [without_medications(gallery, remove)]
    pictures = list(references)
    with tempfile.TemporaryDirectory(prefix="rxvision-edit-") as folder:
        if pictures:
            build_gallery(
                recogniser, medications=medications, references=pictures, out=Path(folder), name=name, now=now
            )
            parts.append(Gallery.load(Path(folder), recogniser=recogniser))
        return merged(out, parts, recogniser=recogniser, name=name, now=now)


def without_medications(gallery: Gallery, medication_ids: Collection[str]) -> Gallery:
    """The gallery without some medications and without the views that show nothing else.

    Views of an appearance that other medications share stay, as they show those as well; they are then held by
    the first of these.

    Raises:
        ContractError: a medication is not there.
    """
    if strangers := sorted(set(medication_ids) - gallery.medications.keys()):
        raise ContractError(f"the gallery holds no medication {strangers[0]}")
    if not medication_ids:
        return gallery
    removed = frozenset(medication_ids)
    kept = [item for item in gallery.spec.medications if item.medication_id not in removed]
    appearances = tuple(item for old in gallery.appearances for item in _left(old, gallery.medications, removed))
    owner = {item.appearance_id: item.medication_ids[0] for item in appearances}
    rows_V = np.array([i for i, view in enumerate(gallery.spec.views) if view.appearance_id in owner], np.int64)
    views = tuple(_held(gallery.spec.views[row], removed=removed, owner=owner) for row in rows_V)
    spec = gallery.spec.model_copy(update={"medications": tuple(kept), "appearances": appearances, "views": views})
    return replace(
        gallery,
        spec=spec,
        prototypes={name: array[rows_V] for name, array in gallery.prototypes.items()},
        features={name: array[rows_V] for name, array in gallery.features.items()},
        index=GalleryIndex(spec),
        active_A=np.ones(len(appearances), bool),
        pictures=gallery.pictures and gallery.pictures.selected(rows_V),
    )


def _left(old: Appearance, medications: Mapping[str, Medication], removed: frozenset[str]) -> list[Appearance]:
    """The appearance as the medications left of it make it; none where none is left."""
    if removed.isdisjoint(old.medication_ids):
        return [old]
    return derive_appearances(medications[key] for key in old.medication_ids if key not in removed)


def _held(view: View, *, removed: frozenset[str], owner: Mapping[str, str]) -> View:
    if view.medication_id not in removed:
        return view
    return view.model_copy(update={"medication_id": owner[view.appearance_id]})
