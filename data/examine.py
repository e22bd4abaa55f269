"""What ingest learns from one photograph: decoded, located, measured and stored; runs in worker processes."""

from collections.abc import Sequence
from pathlib import Path

import cv2

from bentos.runtime.decode import decode
from bentos.runtime.errors import InputError
from bentos.runtime.locate import locate
from bentos.runtime.statistics import picture_statistics
from data.duplicates import difference_hash
from data.photo import Photo, Unreadable
from data.store import store, stored_form

_NOT_STATED = "unknown"


def use_one_thread() -> None:
    """Initialise a worker process: OpenCV's own threads would compete with the other workers."""
    cv2.setNumThreads(1)


def examine_all(photos: Sequence[Photo | Unreadable], *, home: Path, now: str) -> tuple[list[dict], list[dict]]:
    """Rows for the manifest and rows for the quarantine, each photograph in one of them."""
    rows: list[dict] = []
    refused: list[dict] = []
    for photo in photos:
        if isinstance(photo, Unreadable):
            refused.append(refusal(photo, code=photo.code, reason=photo.reason, now=now))
            continue
        try:
            rows.append(examine(photo, home=home, now=now))
        except InputError as error:
            refused.append(refusal(photo, code=error.code, reason=error.sentence, now=now))
    return rows, refused


def examine(photo: Photo, *, home: Path, now: str) -> dict:
    """Decode, measure and store one photograph; its row of the manifest.

    Raises:
        InputError: the bytes are no picture that the runtime would take.
    """
    picture = decode(photo.data)
    located = next(iter(locate(picture.rgb_HWC, alpha_HW=picture.alpha_HW)), None)
    statistics = picture_statistics(picture.rgb_HWC, located).as_dict()
    data, extension = stored_form(photo.data, picture=picture)
    photo_id, path = store(home, data, extension=extension)
    return {
        "photo_id": photo_id,
        **_label(photo),
        "width": picture.width,
        "height": picture.height,
        "format": picture.format,
        "dhash": difference_hash(picture.rgb_HWC),
        "pill_found": located is not None,
        "path": path,
        "ingested_at": now,
        **{f"stat_{name}": float(value) for name, value in statistics.items()},
        **_conditions(photo),
    }


def refusal(photo: Photo | Unreadable, *, code: str, reason: str, now: str) -> dict:
    """A row of the quarantine."""
    named = {"source": photo.source, "name": photo.name, "key": photo.key}
    return {**named, "code": code, "reason": reason, "at": now}


def _label(photo: Photo) -> dict:
    names = ("name", "source", "role", "medication_id", "side", "lot", "taken_on", "pool", "group", "key")
    return {name: getattr(photo, name) for name in names}


def _conditions(photo: Photo) -> dict:
    stated = {"background": _NOT_STATED, "light": _NOT_STATED, "blur": _NOT_STATED, **photo.conditions}
    return {f"cond_{name}": value for name, value in stated.items()}
