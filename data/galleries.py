"""Galleries of a home: enrolment of the manifest's reference pictures, done once per recogniser and references."""

import hashlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from bentos.runtime.contract import canonical_json, spec_digest
from bentos.runtime.enrol import NOTHING_KNOWN, build_gallery
from bentos.runtime.features import VisualFeatures
from bentos.runtime.medication import Medication
from bentos.runtime.recogniser import Recogniser
from data.once import made_once
from data.references import reference_pictures


def make_gallery(
    recogniser: Path,
    *,
    manifest: pd.DataFrame,
    medications: Sequence[Medication],
    home: Path,
    name: str,
    now: str,
    known_features: Mapping[str, VisualFeatures] = NOTHING_KNOWN,
    on_view: Callable[[int], None],
) -> Path:
    """The gallery of these medications for a recogniser directory, below `home/galleries`.

    Raises:
        ContractError: a file of the recogniser was changed, or no reference picture shows a pill.
    """
    loaded = Recogniser.load(recogniser)
    references = manifest[manifest["role"] == "reference"]
    facts = sorted(medication.model_dump_json() for medication in medications)
    known = [[key, seen.color_histogram.tolist(), seen.shape_ratio] for key, seen in sorted(known_features.items())]
    inputs = [loaded.digest, sorted(references["photo_id"]), facts, name, known]
    root = home / "galleries"

    def make() -> Path:
        draft = root / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        pictures = reference_pictures(references, home=home)
        spec = build_gallery(loaded, medications=medications, references=pictures, out=draft, name=name, now=now,
                             known_features=known_features, on_view=on_view)  # fmt: skip
        target = root / spec_digest(spec).removeprefix("sha256:")[:12]
        shutil.rmtree(target, ignore_errors=True)
        return draft.rename(target)

    return made_once(root, key=hashlib.sha256(canonical_json(inputs)).hexdigest()[:12], make=make)
