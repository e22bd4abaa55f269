"""What differs between two bundles, in kinds that an envelope can allow and in words that a person can read.

Whatever differs has a kind; only names and dates of making are passed over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from bentos.runtime.contract import (
    GallerySpec,
    MemberSpec,
    RecogniserSpec,
    read_gallery_spec,
    read_recogniser_spec,
)

Kind = Literal[
    "weights", "architectures", "preprocessing", "reading", "calibration", "calibration_domain", "training_data",
    "code", "libraries", "profile", "promised_coverage", "medications_added", "medications_removed",
    "medication_facts", "reference_pictures", "unknown",
]  # fmt: skip
_FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "calibration": ("cues", "patterns", "router", "quality", "unknown_prior"),
    "reading": ("reader", "imprint_world", "attributes"),
}
_LIBRARIES: Final = frozenset({"python", "torch", "timm", "onnxruntime", "numpy", "opencv-python-headless"})
_WORDS: Final[Mapping[Kind, str]] = {
    "calibration": "confidence, fusion or thresholds were fitted anew",
    "reading": "the imprint is read differently, or colour and shape are",
    "preprocessing": "pictures are prepared differently for the networks",
}
_SHOWN: Final = 5


@dataclass(frozen=True)
class Change:
    """One difference: its kind, how many things it is about, the new values where there are any, and a sentence."""

    kind: Kind
    words: str
    number: int = 1
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Specs:
    """The records of a recogniser and its gallery, without their networks."""

    recogniser: RecogniserSpec
    gallery: GallerySpec

    @classmethod
    def read(cls, recogniser: Path, gallery: Path) -> "Specs":
        """The records of two directories; raises `ContractError` where a file was changed."""
        return cls(read_recogniser_spec(recogniser), read_gallery_spec(gallery))


def changes(before: Specs, after: Specs) -> list[Change]:
    """Every kind of difference between two bundles, none where they are the same."""
    found = [*_of_networks(before.recogniser, after.recogniser), *_of_fits(before.recogniser, after.recogniser),
             *_of_training(before.recogniser, after.recogniser), *_of_medications(before.gallery, after.gallery),
             *_of_views(before.gallery, after.gallery, same=before.recogniser == after.recogniser)]  # fmt: skip
    return list({(one.kind, one.words): one for one in found}.values())


def _of_networks(before: RecogniserSpec, after: RecogniserSpec) -> Iterator[Change]:
    mine, theirs = _members(after), _members(before)
    if _but(mine, "preprocess") != _but(theirs, "preprocess"):
        built = {name: member.architecture for name, member in mine.items()}
        words = ", ".join(f"{name} {architecture}" for name, architecture in sorted(built.items()))
        yield Change("architectures", f"other networks, or served otherwise: {words}",
                     values=tuple(sorted(built.values())))  # fmt: skip
    if {name: one.preprocess for name, one in mine.items()} != {name: one.preprocess for name, one in theirs.items()}:
        yield Change("preprocessing", _WORDS["preprocessing"])
    differing = {name for name in {*before.files, *after.files} if before.files.get(name) != after.files.get(name)}
    reading = differing & (_reading_files(before) | _reading_files(after))
    if reading:
        yield Change("reading", _WORDS["reading"])
    if weights := sorted(differing - reading):
        yield Change("weights", f"other weights: {', '.join(weights[:_SHOWN])}", number=len(weights))


def _of_fits(before: RecogniserSpec, after: RecogniserSpec) -> Iterator[Change]:
    for kind, fields in _FIELDS.items():
        if any(getattr(before, name) != getattr(after, name) for name in fields):
            yield Change(kind, _WORDS[kind])
    single: tuple[Kind, ...] = ("calibration_domain", "profile", "promised_coverage")
    for kind in single:
        old, new = getattr(before, kind), getattr(after, kind)
        if old != new:
            yield Change(kind, f"{kind.replace('_', ' ')}: {new} instead of {old}", values=(str(new),))


def _of_training(before: RecogniserSpec, after: RecogniserSpec) -> Iterator[Change]:
    if before.training_fingerprint != after.training_fingerprint:
        yield Change("training_data", f"training data {after.training_fingerprint[:19]} instead of "
                                      f"{before.training_fingerprint[:19]}")  # fmt: skip
    old, new = before.training_facts, after.training_facts
    other = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    if "commit" in other:
        words = f"made by the code of commit {new.get('commit', 'unknown')} instead of {old.get('commit', 'unknown')}"
        yield Change("code", words, values=(new.get("commit", "unknown"),))
    if libraries := [name for name in other if name in _LIBRARIES]:
        shown = ", ".join(f"{name} {new.get(name, 'none')}" for name in libraries)
        yield Change("libraries", f"other versions: {shown}", number=len(libraries))
    if rest := [name for name in other if name not in _LIBRARIES and name != "commit"]:
        yield Change("training_data", f"trained on other facts: {', '.join(rest[:_SHOWN])}", number=len(rest))


def _of_medications(before: GallerySpec, after: GallerySpec) -> Iterator[Change]:
    old = {item.medication_id: item for item in before.medications}
    new = {item.medication_id: item for item in after.medications}
    drugs = {key: item.clinical_drug for key, item in {**old, **new}.items()}
    added, removed = sorted(set(new) - set(old)), sorted(set(old) - set(new))
    if added:
        yield Change("medications_added", f"{len(added)} medications added: {_named(added, drugs)}", number=len(added))
    if removed:
        words = f"{len(removed)} medications removed: {_named(removed, drugs)}"
        yield Change("medications_removed", words, number=len(removed))
    if other := sorted(key for key in set(old) & set(new) if old[key] != new[key]):
        words = f"facts of {len(other)} medications differ: {_named(other, drugs)}"
        yield Change("medication_facts", words, number=len(other))


def _of_views(before: GallerySpec, after: GallerySpec, *, same: bool) -> Iterator[Change]:
    """Pictures of medications that both galleries hold; `same` recogniser must make the same prototypes of them."""
    both = {item.medication_id for item in before.medications} & {item.medication_id for item in after.medications}
    old = {(view.medication_id, view.picture_digest) for view in before.views if view.medication_id in both}
    new = {(view.medication_id, view.picture_digest) for view in after.views if view.medication_id in both}
    if old != new:
        yield Change("reference_pictures", f"{len(old ^ new)} reference pictures differ", number=len(old ^ new))
    elif same and before.views == after.views and before.files != after.files:
        yield Change("reference_pictures", "prototypes differ although recogniser and pictures are the same")


def _named(keys: list[str], drugs: Mapping[str, str]) -> str:
    shown = ", ".join(f"{drugs[key]} ({key})" for key in keys[:_SHOWN])
    return shown if len(keys) <= _SHOWN else f"{shown} and {len(keys) - _SHOWN} more"


def _members(spec: RecogniserSpec) -> dict[str, MemberSpec]:
    return {member.name: member for member in spec.members}


def _but(members: Mapping[str, MemberSpec], field: str) -> dict[str, dict[str, Any]]:
    return {name: member.model_dump(exclude={field}) for name, member in members.items()}


def _reading_files(spec: RecogniserSpec) -> set[str]:
    reader = (spec.reader.finder_onnx, spec.reader.reader_onnx) if spec.reader else ()
    return {name for name in (*reader, spec.imprint_world, spec.attributes and spec.attributes.file) if name}
