"""What scoring costs as the gallery grows: made-up galleries out of the rendered one's prototypes, tiled and shaken.

Shapes: V views, D embedding.
"""

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.plan import Plan
from benchmarks.spread import spread
from benchmarks.subject import Subject
from bentos.runtime.answer import PillMetadata
from bentos.runtime.contract import View
from bentos.runtime.enrol import write_gallery
from bentos.runtime.gallery import Gallery
from bentos.runtime.medication import ImprintToken, Medication, appearance_id_of
from bentos.runtime.predictor import NO_METADATA, Observation, Predictor
from bentos.runtime.recogniser import Recogniser

_LETTERS: Final = "ABCDEFGHJKLMNPRSTUVWXYZ"
_SHAKEN: Final = 0.05
_SIDES: Final = ("front", "back")


def measure_scoring(subject: Subject, plan: Plan, *, say: Callable[[str], None]) -> dict[str, Any]:
    """CPU milliseconds of scoring, deciding and explaining by gallery size, with and without typed text."""
    recogniser = Recogniser.load(subject.bundle / "recogniser")
    base = Gallery.load(subject.bundle / "gallery", recogniser=recogniser)
    return {str(size): _at_size(size, recogniser, base, subject, plan, say=say) for size in plan.galleries}


def _at_size(
    size: int, recogniser: Recogniser, base: Gallery, subject: Subject, plan: Plan, *, say: Callable[[str], None]
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as place:
        folder = made_up_gallery(base, size=size, out=Path(place) / "gallery")
        began = time.perf_counter()
        predictor = Predictor(recogniser, Gallery.load(folder, recogniser=recogniser))
        load_s = time.perf_counter() - began
    seen = [predictor.observe([picture]) for picture in subject.pictures[: plan.scoring_rounds]]
    typed = PillMetadata(imprint="TV 1003", color="WHITE", shape="ROUND", size_mm=8.0)
    predictor.answer(seen[0])
    predictor.answer(seen[0], metadata=typed)
    found = {
        name: spread([_cpu_ms(predictor, seen[i % len(seen)], metadata) for i in range(plan.scoring_rounds)])
        for name, metadata in (("photograph", NO_METADATA), ("with_typed_facts", typed))
    }
    say(f"gallery of {size}: {found['photograph']['median']:.1f} ms")
    return {**found, "load_s": load_s, "views": len(predictor.gallery.spec.views)}


def _cpu_ms(predictor: Predictor, seen: Observation, metadata: PillMetadata) -> float:
    """CPU milliseconds of an answer whose embeddings and reading are there already."""
    pills = tuple(
        dataclasses.replace(pill, sides=tuple(dataclasses.replace(side, scored={}) for side in pill.sides))
        for pill in seen.pills
    )
    began = time.thread_time()
    predictor.answer(dataclasses.replace(seen, pills=pills), metadata=metadata)
    return 1e3 * (time.thread_time() - began)


def made_up_gallery(base: Gallery, *, size: int, out: Path) -> Path:
    """A gallery of `size` appearances, each with two views that stand near some view of `base`."""
    rng = np.random.default_rng(0)
    known = list(base.medications.values())
    items = [_made_up(known[number % len(known)], number) for number in range(size)]
    views = [
        View(appearance_id=appearance_id_of(item), medication_id=item.medication_id, side=side,
             picture_digest=f"{item.ndc11}-{side}", source="made up")
        for item in items
        for side in _SIDES
    ]  # fmt: skip
    rows = np.arange(len(views)) % len(base.spec.views)
    prototypes = {name: _shaken(rows_VD[rows], rng) for name, rows_VD in base.prototypes.items()}
    features = {name: values[rows] for name, values in base.features.items()}
    write_gallery(out, recogniser=base.spec.recogniser, medications=items, views=views, prototypes=prototypes,
                  features=features, name="made up", now="2026-01-01T00:00:00+00:00")  # fmt: skip
    return out


def _made_up(item: Medication, number: int) -> Medication:
    """The same pill with an NDC, a name and an imprint of its own."""
    letters = _LETTERS[number % 23] + _LETTERS[number // 23 % 23]
    imprint = (ImprintToken(text=letters, side="front"), ImprintToken(text=str(number), side="back"))
    own = {"ndc11": f"{number:05d}-0001-01", "imprint": imprint, "rxnorm_name": f"drug{number} 10 MG Oral Tablet",
           "generic_name": f"drug{number}"}  # fmt: skip
    return item.model_copy(update=own)


def _shaken(rows_VD: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    moved_VD = rows_VD + rng.normal(0, _SHAKEN, rows_VD.shape)
    return (moved_VD / np.linalg.norm(moved_VD, axis=1, keepdims=True)).astype(np.float32)
