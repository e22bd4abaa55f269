"""Enrolment into a bundle: reference pictures of a catalogue become gallery views, in several processes."""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from bentos.runtime.contract import GallerySpec, View
from bentos.runtime.decode import decode
from bentos.runtime.enrol import ReferencePicture, build_gallery, write_gallery
from bentos.runtime.errors import ContractError, InputError
from bentos.runtime.gallery import Gallery
from bentos.runtime.medication import Medication, appearance_id_of
from bentos.runtime.recogniser import Recogniser
from data.sources.rximage import CutOutError, cut_out

_MEDICATIONS_A_TASK = 32


@dataclass(frozen=True)
class Reference:
    """A file that shows one side of a medication, or both sides in one frame (`side` None)."""

    medication_id: str
    path: Path
    side: str | None
    lot: str | None = None
    taken_on: str | None = None


@dataclass(frozen=True)
class Enrolled:
    """What an enrolment did. `refused` maps a file to the reason why it gave no view."""

    gallery: GallerySpec
    num_references: int
    refused: dict[str, str]


@dataclass(frozen=True)
class _Task:
    medications: tuple[Medication, ...]
    references: tuple[Reference, ...]
    recogniser: Path
    source: str
    out: Path
    now: str


def enrol(
    out: Path,
    *,
    recogniser: Path,
    medications: Sequence[Medication],
    references: Sequence[Reference],
    source: str,
    now: str,
    workers: int,
    on_progress: Callable[[int, int | None], None],
) -> Enrolled:
    """Add the views of these references to the gallery of the bundle `out`, which is made where it is not there.

    The bundle's recogniser is a copy of `recogniser`. Views of a picture that is there already are replaced.

    Raises:
        ContractError: the bundle holds another recogniser, a file was changed, or no reference shows a pill.
    """
    chosen = own_recogniser(out, recogniser)
    work = out / ".parts"
    shutil.rmtree(work, ignore_errors=True)
    tasks = list(_tasks(medications, references, recogniser=chosen, source=source, work=work, now=now))
    refused: dict[str, str] = {}
    done = 0
    for task, found in zip(tasks, _worked(tasks, workers=workers), strict=True):
        refused |= found
        done += len(task.references)
        on_progress(done, len(references))
    parts = [Gallery.load(task.out) for task in tasks if (task.out / "gallery.json").is_file()]
    loaded, own = Recogniser.load(chosen), out / "gallery"
    there = [Gallery.load(own, recogniser=loaded)] if (own / "gallery.json").is_file() else []
    spec = merged(own, [*there, *parts], recogniser=loaded, name=out.name, now=now)
    shutil.rmtree(work)
    return Enrolled(spec, len(references), refused)


def own_recogniser(out: Path, recogniser: Path) -> Path:
    """The bundle's copy of the recogniser, made where it is not there.

    Raises:
        ContractError: the bundle holds another one.
    """
    own = out / "recogniser"
    if own.exists():
        if Recogniser.load(own).digest != Recogniser.load(recogniser).digest:
            raise ContractError(f"{out} holds another recogniser than {recogniser}; enrol into a bundle of its own")
        return own
    draft = out / ".recogniser"
    shutil.rmtree(draft, ignore_errors=True)
    Recogniser.load(recogniser)
    shutil.copytree(recogniser, draft)
    return draft.rename(own)


def _tasks(
    medications: Sequence[Medication],
    references: Sequence[Reference],
    *,
    recogniser: Path,
    source: str,
    work: Path,
    now: str,
) -> Iterator[_Task]:
    shown: dict[str, list[Reference]] = {}
    for reference in references:
        shown.setdefault(reference.medication_id, []).append(reference)
    known = [medication for medication in medications if medication.medication_id in shown]
    for number in range(0, len(known), _MEDICATIONS_A_TASK):
        some = known[number : number + _MEDICATIONS_A_TASK]
        pictures = [reference for medication in some for reference in shown[medication.medication_id]]
        yield _Task(tuple(some), tuple(pictures), recogniser, source, work / str(number), now)


def _worked(tasks: Sequence[_Task], *, workers: int) -> Iterator[dict[str, str]]:
    if workers < 2:
        _opened.cache_clear()
        yield from map(_enrol_some, tasks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_enrol_some, tasks)


def _enrol_some(task: _Task) -> dict[str, str]:
    """Write a part of a gallery; returns the files that gave nothing, with the reason."""
    cv2.setNumThreads(1)
    refused: dict[str, str] = {}
    pictures = list(readable(task.references, source=task.source, refused=refused))
    if not pictures:
        return refused
    spec = build_gallery(_opened(task.recogniser), medications=task.medications, references=pictures, out=task.out,
                         name="part", now=task.now)  # fmt: skip
    seen = {view.picture_digest for view in spec.views}
    blank = {picture.picture_digest for picture in pictures} - seen
    return refused | dict.fromkeys(sorted(blank), "no pill was found in it")


@lru_cache(maxsize=1)
def _opened(recogniser: Path) -> Recogniser:
    """The enrolment's own copy, checked and opened once a process."""
    return Recogniser.load(recogniser)


def readable(references: Iterable[Reference], *, source: str, refused: dict[str, str]) -> Iterator[ReferencePicture]:
    """The pill sides that the files show; a file that shows none goes into `refused`, with the reason."""
    for reference in references:
        try:
            yield from sides_of(reference, source=source)
        except (CutOutError, InputError, OSError) as error:
            refused[reference.path.name] = str(error)


def sides_of(reference: Reference, *, source: str) -> Iterator[ReferencePicture]:
    """The pill sides that a file shows: one, or both out of one frame.

    Raises:
        InputError: the file is no picture.
        CutOutError: a frame that should hold both sides does not.
        OSError: the file cannot be read.
    """
    data = reference.path.read_bytes()
    picture, digest = decode(data), "sha256:" + hashlib.sha256(data).hexdigest()
    if reference.side is not None:
        mask_HW = None if picture.alpha_HW is None else picture.alpha_HW > 127
        shown = [(reference.side, picture.rgb_HWC, mask_HW, digest)]
    else:
        cuts = zip(("front", "back"), cut_out(picture.rgb_HWC), strict=True)
        shown = [(side, cut.rgb, cut.mask, f"{digest}#{side}") for side, cut in cuts]
    for side, rgb_HWC, mask_HW, picture_digest in shown:
        yield ReferencePicture(reference.medication_id, side, rgb_HWC, mask_HW, picture_digest, source,
                               lot=reference.lot, taken_on=reference.taken_on)  # fmt: skip


def merged(out: Path, galleries: Sequence[Gallery], *, recogniser: Recogniser, name: str, now: str) -> GallerySpec:
    """Write one gallery of several; the later's facts about a medication hold for the views of the earlier, too.

    Raises:
        ContractError: there is no medication in any of them.
    """
    medications = {key: item for gallery in galleries for key, item in gallery.medications.items()}
    if not medications:
        raise ContractError("no reference picture shows a pill: the gallery would be empty")
    rows: dict[tuple[str, str, str], tuple[Gallery, int]] = {}
    for gallery in galleries:
        for row, view in enumerate(gallery.spec.views):
            rows[view.medication_id, view.side, view.picture_digest] = (gallery, row)
    kept = [rows[key] for key in sorted(rows)]
    looks = {key: appearance_id_of(item) for key, item in medications.items()}
    return write_gallery(
        out,
        recogniser=recogniser.digest,
        medications=medications.values(),
        views=[_current(gallery.spec.views[row], looks) for gallery, row in kept],
        prototypes={
            name: np.stack([gallery.prototypes[name][row] for gallery, row in kept]) for name in recogniser.members
        },
        features={
            name: np.stack([gallery.features[name][row] for gallery, row in kept]) for name in kept[0][0].features
        },
        name=name,
        now=now,
        pictures=(gallery.picture(row) for gallery, row in kept) if any(g.pictures for g in galleries) else None,
    )


def _current(view: View, looks: Mapping[str, str]) -> View:
    look = looks[view.medication_id]
    return view if view.appearance_id == look else view.model_copy(update={"appearance_id": look})
