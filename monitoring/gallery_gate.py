"""The gallery's own gate: it belongs to the recogniser, finds itself, holds no twins, and its facts fit its pictures.

Shapes: V views, D embedding, L look groups.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from bentos.runtime.contract import canonical_json
from bentos.runtime.gallery import Gallery
from bentos.runtime.medication import appearance_id_of, derive_appearances
from bentos.runtime.recogniser import Recogniser
from monitoring.gates import Gate, Gates, Unit

Share = Annotated[float, Field(ge=0, le=1)]
_CHUNK = 512
_UNIT_LENGTH_SLACK = 1e-3


class GalleryPolicy(BaseModel):
    """Floors and limits for a gallery."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "gallery"
    self_retrieval: Annotated[Share, Field(description="appearances with a view that stands apart from all others")] = (
        0.98
    )
    margin: Annotated[float, Field(gt=0, description="cosine by which a view must stand apart")] = 1e-3
    max_twins: Annotated[Share, Field(description="appearances that share a picture with another look")] = 0.01
    max_look_alikes: Annotated[Share, Field(description="medications whose look leaves several drugs possible")] = 0.10
    max_contradictions: Annotated[Share, Field(description="views whose outline contradicts the stated shape")] = 0.05
    round_ratio: Annotated[float, Field(description="a ROUND pill is at least this wide for its length")] = 0.80
    long_ratio: Annotated[float, Field(description="a CAPSULE or OVAL pill is at most this wide for its length")] = 0.97

    @property
    def digest(self) -> str:
        """SHA-256 of the policy's canonical JSON, `sha256:<hex>`."""
        return "sha256:" + hashlib.sha256(canonical_json(self.model_dump(mode="json"))).hexdigest()


def judge_gallery(directory: Path, *, recogniser: Path) -> Gates:
    """Load a gallery with its recogniser and judge it.

    Raises:
        ContractError: a file of either was changed, or the gallery is another recogniser's.
    """
    loaded = Recogniser.load(recogniser)
    return gallery_gate(Gallery.load(directory, recogniser=loaded), recogniser=loaded)


def gallery_gate(gallery: Gallery, *, recogniser: Recogniser, policy: GalleryPolicy | None = None) -> Gates:
    """Judge a gallery before it is released with a recogniser."""
    policy = policy or GalleryPolicy()
    gates = (
        _equal("Made by this recogniser", gallery.spec.recogniser, recogniser.digest,
               "Prototypes of another recogniser mean nothing to this one."),
        _at_most("Faulty rows", float(_faulty_rows(gallery)), 0.0,
                 "Prototypes have unit length, histograms add up, nothing is infinite.", unit="views"),
        _at_most("Records that do not fit together", float(_faulty_records(gallery)), 0.0,
                 "Every appearance follows from its medications' facts and has a view.", unit="views"),
        _at_least("Finds itself", self_retrieval(gallery, margin=policy.margin), policy.self_retrieval,
                  "An appearance's own pictures are nearer to it than any other appearance's."),
        _at_most("Twins", twins(gallery), policy.max_twins,
                 "No picture stands for two pills that look different by their facts."),
        _at_most("Look-alikes", look_alikes(gallery), policy.max_look_alikes,
                 "Medications whose imprint, colour and shape leave several drugs possible are few."),
        _at_most("Outline against facts", contradictions(gallery, policy=policy), policy.max_contradictions,
                 "Pills stated to be round are round in their pictures, long ones long."),
    )  # fmt: skip
    return Gates(policy=policy.name, policy_digest=policy.digest, gates=gates)


def self_retrieval(gallery: Gallery, *, margin: float) -> float:
    """Share of appearances with a view whose nearest view of another look lies more than `margin` away in cosine.

    Asked per member: it is enough that one member tells the pill apart.
    """
    looks_V, appearances_V = _looks(gallery), np.array([view.appearance_id for view in gallery.spec.views])
    apart_V = np.zeros(len(looks_V), bool)
    for rows_VD in gallery.prototypes.values():
        for start in range(0, len(rows_VD), _CHUNK):
            part = slice(start, start + _CHUNK)
            cosines = rows_VD[part] @ rows_VD.T
            other = looks_V[part, None] != looks_V[None]
            apart_V[part] |= np.where(other, cosines, -1.0).max(axis=1) < 1 - margin
    return len(set(appearances_V[apart_V])) / len(gallery.appearances)


def twins(gallery: Gallery) -> float:
    """Share of appearances that have a picture in common with an appearance of another look."""
    found: dict[str, set[str]] = {}
    for view, look in zip(gallery.spec.views, _looks(gallery), strict=True):
        found.setdefault(view.picture_digest, set()).add(str(look))
    shared = {digest for digest, looks in found.items() if len(looks) > 1}
    return len({v.appearance_id for v in gallery.spec.views if v.picture_digest in shared}) / len(gallery.appearances)


def look_alikes(gallery: Gallery) -> float:
    """Share of medications in look groups that several clinical drugs share."""
    drugs: dict[str, set[str]] = {}
    members: dict[str, int] = {}
    for appearance in gallery.appearances:
        group = appearance.look_group
        drugs.setdefault(group, set()).update(gallery.medications[m].clinical_drug for m in appearance.medication_ids)
        members[group] = members.get(group, 0) + len(appearance.medication_ids)
    return sum(num for group, num in members.items() if len(drugs[group]) > 1) / sum(members.values())


def contradictions(gallery: Gallery, *, policy: GalleryPolicy) -> float:
    """Share of views whose width over length does not fit the stated shape."""
    shapes = {appearance.appearance_id: appearance.shape for appearance in gallery.appearances}
    ratios_V = gallery.features["shape_ratio"]
    wrong = [
        _wrong_outline(shapes[view.appearance_id], float(ratio), policy=policy)
        for view, ratio in zip(gallery.spec.views, ratios_V, strict=True)
    ]
    return sum(wrong) / len(wrong)


def _wrong_outline(shape: str, ratio: float, *, policy: GalleryPolicy) -> bool:
    if shape == "ROUND":
        return ratio < policy.round_ratio
    return shape in ("CAPSULE", "OVAL") and ratio > policy.long_ratio


def _faulty_rows(gallery: Gallery) -> int:
    faulty_V = np.zeros(len(gallery.spec.views), bool)
    for rows_VD in gallery.prototypes.values():
        faulty_V |= ~(np.abs(np.linalg.norm(rows_VD, axis=1) - 1) < _UNIT_LENGTH_SLACK)
    histogram_VH = gallery.features["color_histogram"]
    faulty_V |= ~(np.abs(histogram_VH.sum(axis=1) - 1) < _UNIT_LENGTH_SLACK)
    faulty_V |= ~np.isfinite(gallery.features["texture_features"]).all(axis=1)
    faulty_V |= ~(gallery.features["shape_ratio"] > 0)
    return int(faulty_V.sum())


def _faulty_records(gallery: Gallery) -> int:
    derived = tuple(derive_appearances(gallery.spec.medications))
    strangers = sum(
        _stranger(view.medication_id, view.appearance_id, gallery.medications) for view in gallery.spec.views
    )
    viewed = {view.appearance_id for view in gallery.spec.views}
    unseen = sum(appearance.appearance_id not in viewed for appearance in gallery.appearances)
    return int(derived != gallery.appearances) + strangers + unseen


def _stranger(medication_id: str, appearance_id: str, medications: Mapping) -> bool:
    return medication_id not in medications or appearance_id_of(medications[medication_id]) != appearance_id


def _looks(gallery: Gallery) -> np.ndarray:
    look_of = {appearance.appearance_id: appearance.look_group for appearance in gallery.appearances}
    return np.array([look_of[view.appearance_id] for view in gallery.spec.views])


def _equal(name: str, measured: str, limit: str, meaning: str) -> Gate:
    return Gate(name=name, meaning=meaning, kind="equal", unit="digest", limit=limit, measured=measured,
                passed=measured == limit)  # fmt: skip


def _at_least(name: str, measured: float, limit: float, meaning: str) -> Gate:
    return Gate(name=name, meaning=meaning, kind="at least", limit=limit, measured=measured, passed=measured >= limit)


def _at_most(name: str, measured: float, limit: float, meaning: str, *, unit: Unit = "share") -> Gate:
    return Gate(name=name, meaning=meaning, kind="at most", unit=unit, limit=limit, measured=measured,
                passed=measured <= limit)  # fmt: skip
