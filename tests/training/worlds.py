"""A made-up world of pills whose embeddings follow a known law, behind the real gallery, scorer and fusion."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bentos.runtime.answer import Box, PillMetadata
from bentos.runtime.contract import CueSpec, LogisticSpec, View
from bentos.runtime.enrol import write_gallery
from bentos.runtime.evidence import SideObservation
from bentos.runtime.features import VisualFeatures
from bentos.runtime.gallery import Gallery
from bentos.runtime.locate import Located
from bentos.runtime.medication import appearance_id_of
from bentos.runtime.predictor import Observation, PillObservation, Predictor
from bentos.runtime.recogniser import Recogniser
from bentos.runtime.statistics import PictureStatistics
from data.typed_text import imprint_texts, type_all_tokens
from tests.builders import DIM, NOW, medication, recogniser_spec, tiny_recogniser
from training.examples import Example

_FEATURES = VisualFeatures(1.0, np.full(48, 1 / 48, np.float32), np.zeros(32, np.float32))
_STATISTICS = PictureStatistics(sharpness=20, brightness=0.7, contrast=0.1, saturation=0.2, clipped=0.0, pill_px=150,
                                pill_share=0.3, elongation=1.0)  # fmt: skip
_BOX = Box(x=4, y=4, width=8, height=8)
_LOCATED = Located(np.pad(np.ones((8, 8), bool), 4), _BOX, (8.0, 8.0), 0.0, 8.0, 8.0, 1.0)


@dataclass(frozen=True)
class World:
    """Appearances with a prototype for each side, and the spread of each one's photographs around it."""

    predictor: Predictor
    prototypes_AD: np.ndarray
    spread_A: np.ndarray

    def examples(self, numbers: Sequence[int], *, rng: np.random.Generator) -> list[Example]:
        """A labelled photograph of each of these appearances, with its whole imprint typed."""
        return [self._example(int(a), rng=rng) for a in numbers]

    def _example(self, a: int, *, rng: np.random.Generator) -> Example:
        appearance = self.predictor.gallery.appearances[a]
        item = self.predictor.gallery.medications[appearance.medication_ids[0]]
        embedding_D = unit(self.prototypes_AD[a] + rng.normal(0, self.spread_A[a], DIM))
        side = SideObservation(_LOCATED, {}, _FEATURES, _STATISTICS, embeddings={"fast": embedding_D})
        typed = PillMetadata(imprint=type_all_tokens(imprint_texts(item), rng=rng))
        return Example((side,), a, appearance.look_group, True, typed)


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows of length one, float32."""
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def observation_of(example: Example) -> Observation:
    """What the runtime would have observed."""
    return Observation((PillObservation(example.sides, (_BOX,) * len(example.sides)),), len(example.sides), (), {})


def make_world(directory: Path, *, num: int, seed: int) -> World:
    """A gallery of `num` appearances on the unit sphere; some are photographed far worse than others."""
    rng = np.random.default_rng(seed)
    neutral = LogisticSpec(slope=0.0, intercept=0.0)
    known: CueSpec = recogniser_spec().cues
    cues = known.model_copy(update={"color_histogram": neutral, "shape_ratio": neutral, "texture": neutral})
    tiny_recogniser(directory / "recogniser", cues=cues)
    recogniser = Recogniser.load(directory / "recogniser", members=("fast",))
    items = [medication(number) for number in range(1, num + 1)]
    prototypes_VD = unit(rng.normal(size=(num, DIM)))
    views = [
        View(appearance_id=appearance_id_of(item), medication_id=item.medication_id, side="unknown",
             picture_digest=f"sha256:{item.ndc11}", source="made up")
        for item in items
    ]  # fmt: skip
    features = {
        "shape_ratio": np.ones(num, np.float32),
        "color_histogram": np.tile(_FEATURES.color_histogram, (num, 1)),
        "texture_features": np.tile(_FEATURES.texture_features, (num, 1)),
    }
    write_gallery(directory / "gallery", recogniser=recogniser.digest, medications=items, views=views, name="made up",
                  prototypes={"fast": prototypes_VD}, features=features, now=NOW)  # fmt: skip
    predictor = Predictor(recogniser, Gallery.load(directory / "gallery", recogniser=recogniser))
    row_of = {view.appearance_id: row for row, view in enumerate(views)}
    order = [row_of[appearance.appearance_id] for appearance in predictor.gallery.appearances]
    return World(predictor, prototypes_VD[order], rng.choice([0.04, 0.08, 0.16], size=num, p=[0.5, 0.35, 0.15]))
