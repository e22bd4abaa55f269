"""Enrolment: reference pictures become a gallery, without training.

A prototype is the mean unit vector of one reference side as it lies and turned by half. The networks have seen pills
in every direction: six turns of a round one found no more than these two. Shapes: V views, N sides, D embedding.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import cv2
import numpy as np

from bentos.runtime.contract import GallerySpec, View, file_digests, write_spec
from bentos.runtime.errors import ContractError
from bentos.runtime.evidence import SideObservation, unit
from bentos.runtime.features import VisualFeatures
from bentos.runtime.gallery import FEATURES_FILE, PROTOTYPES_FILE
from bentos.runtime.locate import locate
from bentos.runtime.medication import Medication, appearance_id_of, derive_appearances
from bentos.runtime.pictures import PICTURES_FILE, thumbnail, write_pictures
from bentos.runtime.predictor import observe_side
from bentos.runtime.recogniser import Recogniser

TURNS_DEG = (0, 180)
_THREADS, _AHEAD, _TOLD_EVERY = 2, 16, 16
NOTHING_KNOWN: Mapping[str, VisualFeatures] = MappingProxyType({})


@dataclass(frozen=True)
class ReferencePicture:
    """One side of one medication, as a reference photograph shows it.

    `mask_HW` is the cut-out where the source has one; else the pill is located as in any photograph.
    """

    medication_id: str
    side: Literal["front", "back", "unknown"]
    rgb_HWC: np.ndarray
    mask_HW: np.ndarray | None
    picture_digest: str
    source: str
    lot: str | None = None
    taken_on: str | None = None


@dataclass(frozen=True)
class _Seen:
    """What a gallery keeps of a reference picture, which comes without its pixels; prototypes per member (D,)."""

    reference: ReferencePicture
    features: VisualFeatures
    prototypes: dict[str, np.ndarray]
    thumbnail: bytes


def build_gallery(
    recogniser: Recogniser,
    *,
    medications: Sequence[Medication],
    references: Iterable[ReferencePicture],
    out: Path,
    name: str,
    now: str,
    known_features: Mapping[str, VisualFeatures] = NOTHING_KNOWN,
    on_view: Callable[[int], None] = lambda num_views: None,
) -> GallerySpec:
    """Write a gallery directory and return its record.

    Medications without a reference picture are left out. Reference pictures are read as a stream and seen in two
    threads, as the networks release the lock; the gallery is the same however many see.
    `known_features` are medications' features out of a feature store; others are measured on the picture.

    Raises:
        ContractError: no reference picture showed a pill, or one names no medication of the catalogue.
    """
    known = {medication.medication_id: medication for medication in medications}
    seen, views = [], []
    for one in _seen_in_order(recogniser, references):
        seen.append(one)
        views.append(_view(one.reference, known))
        if len(seen) % _TOLD_EVERY == 0:
            on_view(len(seen))
    on_view(len(seen))
    if not seen:
        raise ContractError("no reference picture shows a pill: the gallery would be empty")
    features = [known_features.get(one.reference.medication_id, one.features) for one in seen]
    return write_gallery(
        out, recogniser=recogniser.digest, medications=known.values(), views=views, name=name, now=now,
        prototypes={member: np.stack([one.prototypes[member] for one in seen]) for member in recogniser.members},
        features=feature_arrays(features), pictures=[one.thumbnail for one in seen],
    )  # fmt: skip


def write_gallery(
    out: Path,
    *,
    recogniser: str,
    medications: Iterable[Medication],
    views: Sequence[View],
    prototypes: dict[str, np.ndarray],
    features: dict[str, np.ndarray],
    name: str,
    now: str,
    pictures: Iterable[bytes | None] | None = None,
) -> GallerySpec:
    """Write the arrays and the record of a gallery; medications that no view shows are left out.

    `pictures` holds one small JPEG or None per view; without it the gallery has no pictures.
    """
    shown = {view.appearance_id for view in views}
    kept = [medication for medication in medications if appearance_id_of(medication) in shown]
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / PROTOTYPES_FILE, **prototypes)
    np.savez(out / FEATURES_FILE, **features)
    files = [PROTOTYPES_FILE, FEATURES_FILE]
    if pictures is not None:
        write_pictures(out / PICTURES_FILE, pictures)
        files.append(PICTURES_FILE)
    spec = GallerySpec(
        name=name,
        created_at=now,
        recogniser=recogniser,
        medications=tuple(kept),
        appearances=tuple(derive_appearances(kept)),
        views=tuple(views),
        files=file_digests(out, files),
    )
    write_spec(out, spec)
    return spec


def embed_turned(recogniser: Recogniser, member: str, sides: Sequence[SideObservation]) -> list[np.ndarray]:
    """The mean unit vector (D,) of each side over its turns."""
    crops = [turned(side.crops[member], degrees) for side in sides for degrees in TURNS_DEG]
    embeddings_BD = recogniser.embed(member, crops)
    embeddings_NTD = embeddings_BD.reshape(len(sides), len(TURNS_DEG), embeddings_BD.shape[1])
    return [unit(mean_D) for mean_D in embeddings_NTD.mean(axis=1)]


def turned(crop_HWC: np.ndarray, degrees: float) -> np.ndarray:
    """The square crop turned about its centre; its edge goes on into the corners."""
    if degrees == 0:
        return crop_HWC
    size = crop_HWC.shape[0]
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), degrees, 1.0)
    return cv2.warpAffine(crop_HWC, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def feature_arrays(features: Sequence) -> dict[str, np.ndarray]:
    """Reference features as the gallery stores them: (V,), (V, 48), (V, 32) float32."""
    return {
        "shape_ratio": np.array([feature.shape_ratio for feature in features], np.float32),
        "color_histogram": np.stack([feature.color_histogram for feature in features]).astype(np.float32),
        "texture_features": np.stack([feature.texture_features for feature in features]).astype(np.float32),
    }


def _seen_in_order(recogniser: Recogniser, references: Iterable[ReferencePicture]) -> Iterator[_Seen]:
    """Those that show a pill, in the order of the stream, which is read at most a few pictures ahead."""
    under_way: deque[Future[_Seen | None]] = deque()
    with ThreadPoolExecutor(_THREADS) as pool:
        try:
            for reference in references:
                under_way.append(pool.submit(_see, recogniser, reference))
                if len(under_way) >= _AHEAD and (one := under_way.popleft().result()) is not None:
                    yield one
            yield from (one for waiting in under_way if (one := waiting.result()) is not None)
        finally:
            for waiting in under_way:
                waiting.cancel()


def _see(recogniser: Recogniser, reference: ReferencePicture) -> _Seen | None:
    alpha_HW = None if reference.mask_HW is None else reference.mask_HW.astype(np.uint8) * 255
    found = locate(reference.rgb_HWC, alpha_HW=alpha_HW)
    if not found:
        return None
    side = observe_side(recogniser, reference.rgb_HWC, found[0], read=False)
    prototypes = {member: embed_turned(recogniser, member, [side])[0] for member in recogniser.members}
    small = thumbnail(reference.rgb_HWC, side.located)
    without_pixels = replace(reference, rgb_HWC=np.empty((0, 0, 3), np.uint8), mask_HW=None)
    return _Seen(without_pixels, side.features, prototypes, small)


def _view(reference: ReferencePicture, known: dict[str, Medication]) -> View:
    if reference.medication_id not in known:
        raise ContractError(f"reference picture {reference.picture_digest} names {reference.medication_id}, "
                            "which the catalogue does not hold")  # fmt: skip
    return View(
        appearance_id=appearance_id_of(known[reference.medication_id]),
        medication_id=reference.medication_id,
        side=reference.side,
        picture_digest=reference.picture_digest,
        source=reference.source,
        lot=reference.lot,
        taken_on=reference.taken_on,
    )
