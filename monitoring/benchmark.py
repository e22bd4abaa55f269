"""The benchmark: a bundle asked about a directory of labelled photographs, in the form that others can compare."""

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bentos.runtime.errors import InputError
from bentos.runtime.medication import Appearance
from bentos.runtime.predictor import Observation, Predictor
from bentos.runtime.read import Reading
from monitoring import summary
from monitoring.ask import ask_both, ask_without, hit_record, observe, refused
from monitoring.evaluate import answer_questions, slices_of
from monitoring.follow import Talk, replies_of, reply_figures
from monitoring.goals import by_background, misses
from monitoring.levels import Levels, Truth
from monitoring.metrics import expected_hit, mean_figure
from monitoring.pairs import Taken, counterparts
from monitoring.questions import TYPED_QUESTIONS, metadata_for
from monitoring.reading import read_photo
from monitoring.records import (
    RANKING_LENGTH,
    Asked,
    PhotoRecord,
    Question,
    ReadRecord,
    UnknownAsked,
    write_records,
)
from monitoring.said import said_figures, said_of

LABELS_FILE = "labels.csv"
_REQUIRED = ("file", "ndc11", "background", "side")
_SAME_SHARE = 1e-9


class BenchmarkError(Exception):
    """The photographs' directory cannot be used: what is wrong, with file and line."""


@dataclass(frozen=True)
class LabelledPhoto:
    """One row of `labels.csv`; `side` is empty where it is unknown."""

    path: Path
    ndc11: str
    background: str
    side: str


def benchmark(
    bundle: Path,
    photos: Path,
    *,
    seed: int = 0,
    records: Path | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Ask a bundle every question about every photograph; every figure has its 95 % interval.

    Figures are over the photographs whose NDC the gallery holds (`num_in_gallery` of `num_photos`): of the
    others no answer could be right. A file that the runtime refuses counts as a miss.

    Args:
        records: where to write a JSON line per photograph.

    Raises:
        BenchmarkError: `labels.csv` is missing or malformed, or no photograph shows a pill of the gallery.
        ContractError: the bundle is damaged.
    """
    predictor = Predictor.from_bundle(bundle)
    labelled = read_labels(photos)
    levels = Levels(predictor.gallery.appearances, medications=predictor.gallery.medications)
    answerable = [(photo, truth) for photo in labelled if (truth := levels.truth_of_ndc(photo.ndc11)) is not None]
    if not answerable:
        raise BenchmarkError(f"the gallery holds none of the {len(labelled)} photographs' medications")
    other = other_sides([photo for photo, _ in answerable], seed=seed)
    found = []
    for done, (photo, truth) in enumerate(answerable, start=1):
        record = _record(photo, truth=truth, predictor=predictor, levels=levels, seed=seed, back=other.get(photo.path))
        if photo.path in other:
            pictures = [photo.path.read_bytes(), other[photo.path].read_bytes()]
            both = ask_both(predictor, pictures, truth=truth, levels=levels, photo=record.photo)
            record = record.model_copy(update={"answers": {**record.answers, "picture_both_sides": both}})
        found.append(record)
        on_progress(done, len(answerable))
    if records is not None:
        write_records(found, records)
    return benchmark_json(found, predictor=predictor, num_photos=len(labelled), seed=seed)


def other_sides(photos: Sequence[LabelledPhoto], *, seed: int) -> dict[Path, Path]:
    """For each photograph one of the other side with the same NDC and background, where there is one."""
    taken = [Taken(str(photo.path), (photo.ndc11, photo.background), photo.side) for photo in photos]
    return {Path(one): Path(other) for one, other in counterparts(taken, seed=seed).items()}


def read_labels(photos: Path) -> list[LabelledPhoto]:
    """Read `labels.csv` of a directory.

    Raises:
        BenchmarkError: it is missing, lacks a column or names a file that is not there.
    """
    path = photos / LABELS_FILE
    if not path.is_file():
        raise BenchmarkError(f"{path} does not exist")
    with path.open(newline="", encoding="utf-8-sig") as handle:
        reader = csv.DictReader(handle)
        if missing := [name for name in _REQUIRED if name not in (reader.fieldnames or ())]:
            raise BenchmarkError(f"{path} lacks the columns {', '.join(missing)}")
        return list(_labels(reader, path=path))


def _labels(reader: csv.DictReader, *, path: Path) -> Iterator[LabelledPhoto]:
    for row in reader:
        file = path.parent / (row["file"] or "")
        if not file.is_file() or not file.resolve().is_relative_to(path.parent.resolve()):
            raise BenchmarkError(f"{path}, line {reader.line_num}: there is no picture {row['file']!r}")
        yield LabelledPhoto(
            path=file,
            ndc11=(row["ndc11"] or "").strip(),
            background=(row["background"] or "").strip(),
            side=(row["side"] or "").strip(),
        )


def _record(
    photo: LabelledPhoto, *, truth: Truth, predictor: Predictor, levels: Levels, seed: int, back: Path | None
) -> PhotoRecord:
    name = photo.path.name
    observation = observe(predictor, photo.path.read_bytes())
    answers, timings = answer_questions(predictor, observation, truth=truth, levels=levels, photo=name, seed=seed)
    removed = predictor.with_gallery(predictor.gallery.without({truth.look_group}))
    if isinstance(observation, InputError):
        replied, unknown = None, UnknownAsked(
            gallery_size=removed.gallery.num_active, status="refused", answered_medication=None, confidence=0.0,
            unknown_probability=1.0)  # fmt: skip
    else:
        talk = Talk(predictor, levels, truth, photo.path, observation, back, seed)
        replied = replies_of(talk, answers["picture"])
        unknown = ask_without(removed, observation, photo=name)
    appearance = levels.appearances[levels.appearance_of[truth.medication_id]]
    return PhotoRecord(
        photo=name,
        medication_id=truth.medication_id,
        ndc11=truth.ndc11,
        drug=truth.drug,
        role="unseen",
        slices=_slices(photo, appearance=appearance),
        answers={**answers, "imprint_only": look_up(predictor, truth=truth, levels=levels, photo=name, seed=seed)},
        unknown=(unknown,),
        said=said_of(answers["picture"].seen, appearance=appearance),
        read=_read(predictor, observation, truth=truth),
        replied=replied,
        timings_ms=timings,
    )


def _read(predictor: Predictor, observation: Observation | InputError, *, truth: Truth) -> ReadRecord | None:
    """The reader's strings against the catalogue's tokens; None without a reader or without a token to read."""
    if predictor.recogniser.reader is None or not truth.imprint:
        return None
    pills = () if isinstance(observation, InputError) else observation.pills
    reading = pills[0].sides[0].reading if pills else None
    found = read_photo(reading or Reading(()), truth.imprint)
    return ReadRecord(tokens=tuple(sorted(found.tokens)), num_strings=found.num_strings, num_false=found.num_false)


def _slices(photo: LabelledPhoto, *, appearance: Appearance) -> dict[str, str]:
    row = {"cond_background": photo.background, "side": photo.side}
    return slices_of(row, appearance=appearance)


def look_up(predictor: Predictor, *, truth: Truth, levels: Levels, photo: str, seed: int) -> Asked:
    """The catalogue look-up alone: the typed imprint without the picture. Appearances of equal score are tied.

    `identified` says here that the best score is left with one clinical drug; the set is what shares it.
    """
    metadata = metadata_for("picture_and_imprint", tokens=truth.imprint, photo=photo, seed=seed)
    if metadata is None or metadata.imprint is None:
        return refused("no_imprint")
    ranking = predictor.look_up(metadata)
    tied = _tied(ranking)
    drugs = frozenset().union(*(levels.drugs[key] for key in tied[0]))
    first = levels.medications[levels.appearances[ranking[0][0]].medication_ids[0]]
    confidence = 1 / len(drugs)
    miss = refused("", typed=metadata.imprint)
    return miss.model_copy(
        update={
            "status": "identified" if len(drugs) == 1 else "uncertain",
            "reason": None,
            "ranking": tuple((key, round(share, 6)) for key, share in ranking[:RANKING_LENGTH]),
            "ndc": hit_record(expected_hit([_labels_of(levels.ndcs, keys) for keys in tied], truth=truth.ndc11)),
            "drug": hit_record(expected_hit([_labels_of(levels.drugs, keys) for keys in tied], truth=truth.drug)),
            "answered_medication": first.medication_id,
            "answered_drug": first.clinical_drug,
            "correct": first.clinical_drug == truth.drug,
            "confidence": confidence,
            "uncertainty": 1 - confidence,
            "unknown_probability": 0.0,
            "prediction_set": tuple(m for key in tied[0] for m in levels.appearances[key].medication_ids),
            "set_size": len(tied[0]),
            "in_set": not truth.appearance_ids.isdisjoint(tied[0]),
            "cues": {"imprint": 1.0},
        }
    )


def _tied(ranking: Sequence[tuple[str, float]]) -> list[list[str]]:
    groups: list[list[str]] = []
    previous = math.nan
    for key, share in ranking:
        if not math.isclose(share, previous, rel_tol=_SAME_SHARE):
            groups.append([])
        groups[-1].append(key)
        previous = share
    return groups


def _labels_of(labels: dict[str, frozenset[str]], keys: Sequence[str]) -> frozenset[str]:
    return frozenset().union(*(labels[key] for key in keys))


def benchmark_json(
    records: Sequence[PhotoRecord], *, predictor: Predictor, num_photos: int, seed: int
) -> dict[str, Any]:
    """The benchmark's JSON from its records."""
    questions: tuple[Question, ...] = ("picture", "picture_both_sides", *TYPED_QUESTIONS, "imprint_only")
    false = [record.unknown[0].status == "identified" for record in records]
    groups = [record.ndc11 for record in records]
    return {
        "num_photos": num_photos,
        "num_in_gallery": len(records),
        "gallery_size": len(predictor.gallery.medications),
        "gallery_appearances": predictor.gallery.num_active,
        "recogniser": predictor.recogniser.digest,
        "gallery": predictor.gallery.digest,
        "seed": seed,
        **{question: summary.summarise(records, question=question, seed=seed) for question in questions},
        "unknown": {"false_identified": mean_figure(false, groups_N=groups, seed=seed).as_dict()},
        "attributes": said_figures(records, seed=seed),
        "questions_asked": reply_figures(records, seed=seed),
        "by_background": by_background(records, seed=seed),
        "misses": misses(records),
        "slices": summary.slice_figures(records, seed=seed),
        "ece": {
            question: summary.calibration(records, question=question, seed=seed)["ece"]
            for question in ("picture", *TYPED_QUESTIONS)
        },
        "latency_ms": summary.latency(records),
    }
