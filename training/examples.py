"""Labelled examples for fitting: photographs observed through the runtime, alone and as front-and-back pairs."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from bentos.runtime.answer import PillMetadata
from bentos.runtime.evidence import SideObservation
from bentos.runtime.medication import Medication
from bentos.runtime.predictor import Predictor
from bentos.runtime.spl import COLORS
from data.typed_text import imprint_texts, type_all_tokens, type_partial

TYPED_FIELDS = ("imprint", "color", "shape", "size_mm")


@dataclass(frozen=True)
class Example:
    """One or two observed sides of one pill, with the truth and what a person would have typed."""

    sides: tuple[SideObservation, ...]
    truth: int
    look_group: str
    held_out: bool
    typed: PillMetadata


@dataclass(frozen=True)
class Observed:
    """One photograph with its observation; the embeddings of all members are made."""

    row: dict
    side: SideObservation


def observe_photos(
    predictor: Predictor, photos: pd.DataFrame, *, home: Path, on_photo: Callable[[int, int], None]
) -> list[Observed]:
    """Observe every photograph in which a pill is found; two threads, as the runtime releases the lock.

    `photos` has the dataset's columns; `on_photo(done, total)` reports progress.
    """
    rows = photos.to_dict("records")
    observed = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        for done, found in enumerate(pool.map(lambda row: _observe(predictor, row, home=home), rows), start=1):
            observed += [found] if found is not None else []
            on_photo(done, len(rows))
    return observed


def _observe(predictor: Predictor, row: dict, *, home: Path) -> Observed | None:
    pills = predictor.observe([(home / row["path"]).read_bytes()]).pills
    if not pills:
        return None
    side = pills[0].sides[0]
    for member in predictor.recogniser.members:
        side.embedding(predictor.recogniser, member)
    return Observed(row, side)


def make_examples(
    observed: Sequence[Observed], predictor: Predictor, *, rng: np.random.Generator, two_sided: bool
) -> list[Example]:
    """Single photographs, or pairs of a front and a back photograph of the same medication."""
    number = {appearance.appearance_id: i for i, appearance in enumerate(predictor.gallery.appearances)}
    groups = _pairs(observed, rng=rng) if two_sided else [(item,) for item in observed]
    return [
        Example(
            sides=tuple(item.side for item in group),
            truth=number[group[0].row["appearance_id"]],
            look_group=group[0].row["look_group"],
            held_out=group[0].row["appearance_role"] != "seen",
            typed=typed_by_a_person(predictor.gallery.medications[group[0].row["medication_id"]], rng=rng),
        )
        for group in groups
    ]


def _pairs(observed: Sequence[Observed], *, rng: np.random.Generator) -> list[tuple[Observed, Observed]]:
    by_side: dict[tuple[str, str], list[Observed]] = {}
    for item in observed:
        by_side.setdefault((item.row["medication_id"], item.row["side"]), []).append(item)
    pairs = []
    for (medication_id, side), fronts in sorted(by_side.items(), key=lambda entry: entry[0]):
        backs = by_side.get((medication_id, "back"), []) if side == "front" else []
        pairs += [pair if rng.random() < 0.5 else pair[::-1] for pair in zip(fronts, backs, strict=False)]
    return pairs


def typed_by_a_person(medication: Medication, *, rng: np.random.Generator) -> PillMetadata:
    """What a person would type of this pill: mostly right, sometimes misread, a neighbouring size.

    The rates are assumptions (5 % other colour, 3 % other outline, 0.5 mm error), not measurements.
    """
    tokens = imprint_texts(medication)
    typing = type_all_tokens if rng.random() < 0.5 else type_partial
    colors = medication.colors if rng.random() > 0.05 else (list(COLORS)[rng.integers(len(COLORS))],)
    shape = medication.shape if rng.random() > 0.03 else "OVAL"
    size_mm = float(np.clip(round(2 * (medication.size_mm + rng.normal(0, 0.5))) / 2, 1, 50))
    imprint = typing(tokens, rng=rng)
    return PillMetadata(imprint=imprint, color=";".join(colors), shape=shape, size_mm=size_mm)


def only(typed: PillMetadata, fields: Sequence[str]) -> PillMetadata:
    """The typed facts with every other field left empty."""
    return PillMetadata(**{name: getattr(typed, name) for name in fields})
