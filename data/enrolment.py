"""Enrolment into a bundle: reference pictures of a catalogue become gallery views, in several processes."""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
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
    chosen = _own_recogniser(out, recogniser)
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
    spec = _merged(out / "gallery", parts, recogniser=Recogniser.load(chosen), now=now)
    shutil.rmtree(work)
    return Enrolled(spec, len(references), refused)


def _own_recogniser(out: Path, recogniser: Path) -> Path:
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
        yield from map(_enrol_some, tasks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_enrol_some, tasks)


def _enrol_some(task: _Task) -> dict[str, str]:
    """Write a part of a gallery; returns the files that gave nothing, with the reason."""
    cv2.setNumThreads(1)
    refused: dict[str, str] = {}
    pictures = list(_pictures(task, refused))
    if not pictures:
        return refused
    recogniser = Recogniser.load(task.recogniser)
    spec = build_gallery(recogniser, medications=task.medications, references=pictures, out=task.out, name="part",
                         now=task.now)  # fmt: skip
    seen = {view.picture_digest for view in spec.views}
    blank = {picture.picture_digest for picture in pictures} - seen
    return refused | dict.fromkeys(sorted(blank), "no pill was found in it")


def _pictures(task: _Task, refused: dict[str, str]) -> Iterator[ReferencePicture]:
    for reference in task.references:
        try:
            yield from _sides(reference, source=task.source)
        except (CutOutError, InputError, OSError) as error:
            refused[reference.path.name] = str(error)


def _sides(reference: Reference, *, source: str) -> Iterator[ReferencePicture]:
    data, owner = reference.path.read_bytes(), reference.medication_id
    picture, digest = decode(data), "sha256:" + hashlib.sha256(data).hexdigest()
    if reference.side is not None:
        mask = None if picture.alpha_HW is None else picture.alpha_HW > 127
        yield ReferencePicture(
            reference.medication_id, reference.side, picture.rgb_HWC, mask, f"sha256:{digest}", source
        )
        return
    for side, cut in zip(("front", "back"), cut_out(picture.rgb_HWC), strict=True):
        yield ReferencePicture(owner, side, cut.rgb, cut.mask, f"{digest}#{side}", source)


def _merged(out: Path, parts: Sequence[Gallery], *, recogniser: Recogniser, now: str) -> GallerySpec:
    """One gallery of what was there and of the parts; newer facts about a medication hold for its older views."""
    there = [Gallery.load(out, recogniser=recogniser)] if (out / "gallery.json").is_file() else []
    medications = {key: item for gallery in [*there, *parts] for key, item in gallery.medications.items()}
    if not medications:
        raise ContractError("no reference picture shows a pill: the gallery would be empty")
    rows: dict[tuple[str, str, str], tuple[Gallery, int]] = {}
    for gallery in [*there, *parts]:
        for row, view in enumerate(gallery.spec.views):
            rows[view.medication_id, view.side, view.picture_digest] = (gallery, row)
    kept = [rows[key] for key in sorted(rows)]
    return write_gallery(
        out,
        recogniser=recogniser.digest,
        medications=medications.values(),
        views=[_current(gallery.spec.views[row], medications) for gallery, row in kept],
        prototypes={
            name: np.stack([gallery.prototypes[name][row] for gallery, row in kept]) for name in recogniser.members
        },
        features={
            name: np.stack([gallery.features[name][row] for gallery, row in kept]) for name in kept[0][0].features
        },
        name=out.parent.name,
        now=now,
    )


def _current(view: View, medications: Mapping[str, Medication]) -> View:
    return view.model_copy(update={"appearance_id": appearance_id_of(medications[view.medication_id])})
