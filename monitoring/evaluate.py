"""Evaluates a recogniser and gallery on held-out photographs, through the runtime that ships and nothing else."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bentos.runtime.contract import canonical_json
from bentos.runtime.errors import InputError
from bentos.runtime.medication import Appearance
from bentos.runtime.predictor import Observation, Predictor
from monitoring import summary
from monitoring.ask import ask, ask_both, ask_without, hit_record, observe, rank_by_member, refused
from monitoring.levels import Levels, Truth
from monitoring.pairs import Taken, counterparts
from monitoring.questions import TYPED_QUESTIONS, metadata_for, photo_rng
from monitoring.records import Asked, HitRecord, PhotoRecord, Question, UnknownAsked
from monitoring.said import said_figures, said_of
from monitoring.spread import asked_of_all

Progress = Callable[[int, int], None]
QUESTIONS: tuple[Question, ...] = ("picture", *TYPED_QUESTIONS)
GALLERY_SIZES = (16, 32, 64)
_UNKNOWN_PHOTOS = 300
_PAIRED_PHOTOS = 60
_TIMED_PHOTOS = 150
_NOT_STATED = ("", "unknown")
_TAKEN = {"background": "cond_background", "light": "cond_light", "blur": "cond_blur", "side": "side"}


class EvaluationError(Exception):
    """Nothing can be evaluated: no photograph, or one of a medication that the gallery does not hold."""


@dataclass(frozen=True)
class Evaluation:
    """The record of an evaluation: one entry per photograph, and the JSON that is gated and signed."""

    records: list[PhotoRecord]
    metrics: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 of the metrics' canonical JSON, `sha256:<hex>`."""
        return evaluation_digest(self.metrics)


def evaluation_digest(metrics: Mapping[str, Any]) -> str:
    """SHA-256 of an evaluation's canonical JSON, `sha256:<hex>`: what a verdict binds to."""
    return "sha256:" + hashlib.sha256(canonical_json(dict(metrics))).hexdigest()


@dataclass(frozen=True)
class _Asker:
    """What stays the same for every photograph of one evaluation."""

    predictor: Predictor
    levels: Levels
    roles: Mapping[str, str]
    home: Path
    sizes: Sequence[int]
    seed: int


def evaluate(
    predictor: Predictor,
    photos: pd.DataFrame,
    *,
    home: Path,
    appearance_roles: Mapping[str, str],
    on_progress: Progress,
    gallery_sizes: Sequence[int] = GALLERY_SIZES,
    max_photos: int | None = None,
    seed: int = 0,
) -> Evaluation:
    """Ask every photograph every question, see what each member alone would say, and put the figures together.

    Args:
        photos: dataset rows of held-out consumer photographs; `path` is relative to `home`.
        appearance_roles: role (seen, fit_only, unseen) of each appearance id.
        gallery_sizes: sizes at which unknown detection is measured, besides the whole gallery.
        max_photos: at most so many photographs, spread evenly over medications.

    Timings are those of at most 150 photographs, asked before the others and alone.

    Raises:
        EvaluationError: no photograph, or one of a medication that the gallery does not hold.
    """
    rows = sample(photos, num=max_photos, seed=seed)
    if not rows:
        raise EvaluationError("there is no held-out photograph to evaluate on")
    levels = Levels(predictor.gallery.appearances, medications=predictor.gallery.medications)
    asker = _Asker(predictor, levels, appearance_roles, home, gallery_sizes, seed)
    asked_unknown = {row["photo_id"] for row in sample(pd.DataFrame(rows), num=_UNKNOWN_PHOTOS, seed=seed + 1)}
    other = _other_sides(rows, seed=seed)
    timed = {row["photo_id"] for row in sample(pd.DataFrame(rows), num=_TIMED_PHOTOS, seed=seed + 3)}

    def record_of(row: dict[str, Any]) -> PhotoRecord:
        record = _record(row, asker=asker, unknown=row["photo_id"] in asked_unknown)
        return _with_both_sides(record, row, other=other, asker=asker)

    records = asked_of_all(rows, record_of, timed=timed, on_progress=on_progress)
    about = about_evaluation(records, predictor=predictor, rows=rows, seed=seed)
    return Evaluation(records, evaluation_json(records, about=about, seed=seed))


def sample(photos: pd.DataFrame, *, num: int | None, seed: int) -> list[dict[str, Any]]:
    """At most `num` rows, drawn so that every medication keeps its share; all of them in a stable order by default."""
    if photos.empty:
        return []
    ordered = photos.sort_values("photo_id", kind="stable")
    if num is not None and num < len(ordered):
        shuffled = ordered.sample(frac=1, random_state=seed)
        turn = shuffled.groupby("medication_id", sort=False).cumcount()
        kept = turn.sort_values(kind="stable").index[:num]
        ordered = ordered.loc[ordered.index.isin(kept)]
    return ordered.to_dict("records")


def _record(row: Mapping[str, Any], *, asker: _Asker, unknown: bool) -> PhotoRecord:
    truth, photo = _truth(row, levels=asker.levels), str(row["photo_id"])
    observation = observe(asker.predictor, (asker.home / row["path"]).read_bytes())
    answers, timings = answer_questions(
        asker.predictor, observation, truth=truth, levels=asker.levels, photo=photo, seed=asker.seed
    )
    appearance = asker.levels.appearances[asker.levels.appearance_of[truth.medication_id]]
    return PhotoRecord(
        photo=photo,
        medication_id=truth.medication_id,
        ndc11=truth.ndc11,
        drug=truth.drug,
        role=asker.roles[appearance.appearance_id],
        slices=slices_of(row, appearance=appearance),
        answers=answers,
        alone=_alone(observation, asker=asker, truth=truth),
        said=said_of(answers["picture"].seen, appearance=appearance),
        unknown=tuple(_unknown(observation, asker=asker, truth=truth, photo=photo)) if unknown else (),
        timings_ms=timings,
    )


def _other_sides(rows: Sequence[Mapping[str, Any]], *, seed: int) -> dict[str, Mapping[str, Any]]:
    """A photograph of the other side of the same medication for at most `_PAIRED_PHOTOS` photographs."""
    found = counterparts([Taken(row["photo_id"], row["medication_id"], row["side"]) for row in rows], seed=seed)
    by_id = {row["photo_id"]: row for row in rows}
    paired = pd.DataFrame([row for row in rows if row["photo_id"] in found])
    asked = sample(paired, num=_PAIRED_PHOTOS, seed=seed + 2)
    return {row["photo_id"]: by_id[found[row["photo_id"]]] for row in asked}


def _with_both_sides(
    record: PhotoRecord, row: Mapping[str, Any], *, other: Mapping[str, Mapping[str, Any]], asker: _Asker
) -> PhotoRecord:
    if record.photo not in other:
        return record
    pictures = [(asker.home / shown["path"]).read_bytes() for shown in (row, other[record.photo])]
    truth = _truth(row, levels=asker.levels)
    both = ask_both(asker.predictor, pictures, truth=truth, levels=asker.levels, photo=record.photo)
    return record.model_copy(update={"answers": {**record.answers, "picture_both_sides": both}})


def _truth(row: Mapping[str, Any], *, levels: Levels) -> Truth:
    truth = levels.truth_of_medication(str(row["medication_id"]))
    if truth is None:
        raise EvaluationError(f"{row['path']} shows {row['medication_id']}, which the gallery does not hold")
    return truth


def answer_questions(
    predictor: Predictor,
    observation: Observation | InputError,
    *,
    truth: Truth,
    levels: Levels,
    photo: str,
    seed: int,
) -> tuple[dict[Question, Asked], dict[str, float]]:
    """Every question that goes through the runtime; the timings are those of the picture alone, asked first."""
    if isinstance(observation, InputError):
        return dict.fromkeys(QUESTIONS, refused(observation.code)), {}
    answers, timings = {}, {}
    for question in QUESTIONS:
        metadata = metadata_for(question, tokens=truth.imprint, photo=photo, seed=seed)
        asked, spent = ask(predictor, observation, metadata=metadata, truth=truth, levels=levels, photo=photo)
        answers[question] = asked
        timings = timings or dict(spent)
    return answers, timings


def _alone(observation: Observation | InputError, *, asker: _Asker, truth: Truth) -> dict[str, HitRecord]:
    if isinstance(observation, InputError):
        return {}
    return {
        name: hit_record(rank_by_member(asker.predictor, observation, member=name, truth=truth, levels=asker.levels))
        for name in asker.predictor.recogniser.members
    }


def _unknown(observation: Observation | InputError, *, asker: _Asker, truth: Truth, photo: str) -> list[UnknownAsked]:
    """The photograph against galleries of several sizes that do not hold its look group."""
    if isinstance(observation, InputError):
        return []
    gallery = asker.predictor.gallery.without({truth.look_group})
    others = [key for key, a in asker.levels.appearances.items() if a.look_group != truth.look_group]
    found = []
    for size in asker.sizes:
        if size < len(others):
            drawn = photo_rng(f"{truth.look_group}/{size}", seed=asker.seed).permutation(len(others))[:size]
            chosen = asker.predictor.with_gallery(gallery.subset(others[i] for i in drawn))
            found.append(ask_without(chosen, observation, photo=photo))
    whole = ask_without(asker.predictor.with_gallery(gallery), observation, photo=photo)
    return [*found, whole.model_copy(update={"gallery_size": len(asker.levels.appearances)})]


def slices_of(row: Mapping[str, Any], *, appearance: Appearance) -> dict[str, str]:
    """What a photograph is sliced by: how it was taken, and what the pill looks like."""
    taken = {name: row.get(column) for name, column in _TAKEN.items()}
    return {
        **{name: value for name, value in taken.items() if isinstance(value, str) and value not in _NOT_STATED},
        "color": ";".join(sorted(appearance.colors)),
        "shape": appearance.shape,
        "imprint kind": (appearance.imprint_type or "unknown").lower() if appearance.imprint else "none",
    }


def evaluation_json(records: Sequence[PhotoRecord], *, about: dict[str, Any], seed: int) -> dict[str, Any]:
    """The record that is gated: everything in it is measured, nothing is judged."""
    slices = summary.slice_figures(records, seed=seed)
    return {
        "schema_version": 1,
        "about": about,
        "questions": {q: summary.summarise(records, question=q, seed=seed) for q in QUESTIONS},
        "both_sides": summary.summarise(records, question="picture_both_sides", seed=seed),
        "roles": {role: _role(records, role=role, seed=seed) for role in sorted({r.role for r in records})},
        "members": summary.members_alone(records, seed=seed),
        "attributes": said_figures(records, seed=seed),
        "slices": slices,
        "per_medication": _per_medication(records, seed=seed),
        "calibration": {q: summary.calibration(records, question=q, seed=seed) for q in QUESTIONS},
        "unknown": summary.unknown_figures(records, seed=seed),
        "confident_errors": {q: summary.confident_errors(records, question=q) for q in QUESTIONS},
        "confusions": summary.confusions(records),
        "latency_ms": summary.latency(records),
    }


def about_evaluation(
    records: Sequence[PhotoRecord], *, predictor: Predictor, rows: Sequence[Mapping[str, Any]], seed: int
) -> dict[str, Any]:
    """What was evaluated on what; `photos_digest` is equal for evaluations on the same labelled photographs."""
    spec, gallery = predictor.recogniser.spec, predictor.gallery
    identity = "\n".join(sorted(f"{row['photo_id']}|{row['medication_id']}" for row in rows))
    return {
        "recogniser": predictor.recogniser.digest,
        "gallery": gallery.digest,
        "recogniser_name": spec.name,
        "profile": spec.profile,
        "created_at": spec.created_at,
        "promised_coverage": spec.promised_coverage,
        "calibration_domain": spec.calibration_domain,
        "training_fingerprint": spec.training_fingerprint,
        "training_facts": dict(spec.training_facts),
        "members": {member.name: f"{member.architecture}, served as {member.serve}" for member in spec.members},
        "num_photos": len(records),
        "num_medications": len({record.medication_id for record in records}),
        "gallery_size": len(gallery.medications),
        "gallery_appearances": len(gallery.appearances),
        "photos_digest": "sha256:" + hashlib.sha256(identity.encode()).hexdigest(),
        "seed": seed,
    }


def _role(records: Sequence[PhotoRecord], *, role: str, seed: int) -> dict[str, dict]:
    chosen = [record for record in records if record.role == role]
    return {question: summary.summarise(chosen, question=question, seed=seed) for question in QUESTIONS}


def _per_medication(records: Sequence[PhotoRecord], *, seed: int) -> list[dict[str, Any]]:
    found: dict[str, list[PhotoRecord]] = {}
    for record in records:
        found.setdefault(record.medication_id, []).append(record)
    rows = [
        {
            "medication_id": key,
            "drug": group[0].drug,
            "role": group[0].role,
            **summary.short_summary(group, question="picture", seed=seed),
        }
        for key, group in found.items()
    ]
    return sorted(rows, key=lambda row: (row["top1"]["value"], row["medication_id"]))
