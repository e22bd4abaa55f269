"""The photographs that were answered worst, as one page to look at: what was seen, read and weighed, and the truth.

The page holds the photographs themselves: it belongs beside them, not into a repository.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bentos.overlay import around_pill, overlaid
from bentos.runtime.answer import Explanation, PillAnswer, PillMetadata
from bentos.runtime.decode import decode
from bentos.runtime.explain import cue_words
from bentos.runtime.predictor import Observation, Predictor
from monitoring.ask import observe
from monitoring.benchmark import read_labels
from monitoring.pictures import data_uri
from monitoring.records import Asked, PhotoRecord

TEMPLATE = Path(__file__).with_name("worst_cases.html")
NUM_CASES = 24
_PICTURE_PX, _REFERENCE_PX = 250, 170


@dataclass(frozen=True)
class Shown:
    """One medication with its reference pictures, as data URIs; empty where the gallery carries none."""

    medication_id: str
    name: str
    imprint: str
    looks: str
    pictures: Sequence[str]


@dataclass(frozen=True)
class Cue:
    """One cue's share of the first answer's score, and over the runner-up, nats."""

    words: str
    share: float
    over: float


@dataclass(frozen=True)
class WorstCase:
    """One card of the page."""

    record: PhotoRecord
    asked: Asked
    photograph: str
    heat: str | None
    read: Sequence[str]
    truth: Shown
    answered: Shown | None
    cues: Sequence[Cue]
    words: str
    next: str | None
    place: str


def worst_first(records: Sequence[PhotoRecord], *, num: int = NUM_CASES) -> list[PhotoRecord]:
    """Wrong answers to the picture alone: what was said without reservation first, then by how low the drug ranks."""

    def order(record: PhotoRecord) -> tuple[bool, float, float, str]:
        asked = record.answers["picture"]
        return not asked.identified, asked.drug.average_precision, -asked.confidence, record.photo

    return sorted((record for record in records if record.answers["picture"].drug.top1 < 1), key=order)[:num]


def write_worst_cases(
    bundle: Path,
    photos: Path,
    records: Sequence[PhotoRecord],
    *,
    out: Path,
    about: Mapping[str, Any],
    num: int = NUM_CASES,
) -> Path:
    """Write the page, self-contained HTML.

    Args:
        records: a benchmark's records on the same photographs and bundle.
        about: what the page says about the measurement: `at` and `commit`.

    Raises:
        BenchmarkError: `labels.csv` is missing or malformed.
        ContractError: the bundle is damaged.
    """
    from jinja2 import Environment, StrictUndefined

    predictor = Predictor.from_bundle(bundle)
    files = {photo.path.name: photo.path for photo in read_labels(photos)}
    cases = [worst_case(predictor, record, photo=files[record.photo]) for record in worst_first(records, num=num)]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    page = environment.from_string(TEMPLATE.read_text("utf-8"))
    digests = {"recogniser": predictor.recogniser.digest, "gallery": predictor.gallery.digest}
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page.render(cases=cases, num_photos=len(records), **digests, **about), encoding="utf-8")
    return out


def worst_case(predictor: Predictor, record: PhotoRecord, *, photo: Path) -> WorstCase:
    """Answer one photograph again, with its heat map, and gather what the page shows of it."""
    asked, data = record.answers["picture"], photo.read_bytes()
    observation = observe(predictor, data)
    seen = isinstance(observation, Observation) and observation.pills
    pill = predictor.answer(observation, metadata=PillMetadata(heat_map=True)).pills[0] if seen else None
    photograph, heat = _drawn(data, pill) if pill else (data_uri(np.full((8, 8, 3), 206, np.uint8)), None)
    first = asked.answered_medication
    return WorstCase(
        record=record,
        asked=asked,
        photograph=photograph,
        heat=heat,
        read=_read(observation) if seen else (),
        truth=shown(predictor, record.medication_id),
        answered=shown(predictor, first) if first else None,
        cues=cue_rows(pill.explanation) if pill else (),
        words=pill.explanation.words if pill else "",
        next=pill.next if pill else None,
        place=_place(predictor, record),
    )


def _drawn(data: bytes, pill: PillAnswer) -> tuple[str, str | None]:
    """The photograph around the pill, plain and with its heat map."""
    picture = decode(data)
    if not pill.explanation.heat_maps:
        return data_uri(_fitted(picture.rgb_HWC, _PICTURE_PX)), None
    (heat_map,) = pill.explanation.heat_maps
    plain, hot = (around_pill(rgb_HWC, picture, heat_map) for rgb_HWC in (picture.rgb_HWC, overlaid(picture, heat_map)))
    return data_uri(_fitted(plain, _PICTURE_PX)), data_uri(_fitted(hot, _PICTURE_PX))


def _fitted(rgb_HWC: np.ndarray, size_px: int) -> np.ndarray:
    scale = size_px / max(rgb_HWC.shape[:2])
    size = tuple(max(1, round(scale * side)) for side in rgb_HWC.shape[1::-1])
    return cv2.resize(rgb_HWC, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _read(observation: Observation) -> tuple[str, ...]:
    """What the reader says of each line; a dash where it does not commit itself."""
    reading = observation.pills[0].sides[0].reading
    return tuple(line.text() or "–" for line in reading.lines) if reading else ()


def shown(predictor: Predictor, medication_id: str) -> Shown:
    """A medication of the gallery with one small reference picture per side of its appearance."""
    gallery = predictor.gallery
    medication = gallery.medications[medication_id]
    number = next(a for a, item in enumerate(gallery.appearances) if medication_id in item.medication_ids)
    rows = [int(row) for row in gallery.index.views_ASK[number, :, 0] if row >= 0]
    jpegs = [jpeg for row in dict.fromkeys(rows) if (jpeg := gallery.picture(row)) is not None]
    looks = ", ".join(word.lower() for word in dict.fromkeys((*medication.colors, medication.shape)))
    return Shown(
        medication_id,
        medication.display_name,
        medication.imprint_text or "no imprint",
        f"{looks}, {medication.size_mm:g} mm",
        [data_uri(_fitted(decode(jpeg).rgb_HWC, _REFERENCE_PX)) for jpeg in jpegs],
    )


def cue_rows(explanation: Explanation) -> list[Cue]:
    """The cues, that which speaks loudest for or against the first answer on top."""
    over = explanation.against_runner_up
    rows = [Cue(cue_words(name), share, over.get(name, 0.0)) for name, share in explanation.cues.items()]
    return sorted(rows, key=lambda cue: -abs(cue.share))


def _place(predictor: Predictor, record: PhotoRecord) -> str:
    """Where the drug stands in the ranking that was recorded."""
    appearances = {appearance.appearance_id: appearance for appearance in predictor.gallery.appearances}
    drugs = (
        {predictor.gallery.medications[key].clinical_drug for key in appearances[appearance_id].medication_ids}
        for appearance_id, _ in record.answers["picture"].ranking
        if appearance_id in appearances
    )
    place = next((i for i, found in enumerate(drugs, start=1) if record.drug in found), None)
    return f"place {place}" if place else f"not among the first {len(record.answers['picture'].ranking)}"
