"""Drift: a window of the journal's predictions held against what the recogniser was judged on (Evidently)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from bentos.journal import Recorded
from monitoring.records import PhotoRecord

ANSWER_NUMBERS: Final = ("confidence", "unknown_probability", "num_in_set")
ANSWER_WORDS: Final = ("status", "route")
CUE_PREFIX: Final = "cue_"
STATISTIC_PREFIX: Final = "stat_"
_PICTURE_CUES = ("color_histogram", "shape_ratio", "texture")


class DriftPolicy(BaseModel):
    """When a difference is called drift. PSI: below 0.1 none, above 0.25 a major shift, by convention."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_rows: Annotated[int, Field(ge=30, description="fewer predictions on either side decide nothing")] = 200
    threshold: Annotated[float, Field(gt=0, description="PSI at and above which a column has drifted")] = 0.25
    max_share: Annotated[float, Field(gt=0, le=1, description="share of drifted columns that is a breach")] = 0.3
    critical: tuple[str, ...] = Field(("confidence", "status"), description="columns whose drift alone is a breach")


class ColumnDrift(BaseModel):
    """One column: its distance from the reference, and whether that is drift."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    score: float
    threshold: float
    drifted: bool


class DriftVerdict(BaseModel):
    """The outcome. `decided` is False where there were too few predictions: then nothing is breached."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decided: bool
    breached: bool
    reason: str
    num_rows: int
    num_reference: int
    columns: tuple[ColumnDrift, ...]
    left_out: tuple[str, ...]
    html: str | None
    json_path: str


def journal_frame(entries: Iterable[Recorded]) -> pd.DataFrame:
    """One row per pill that was answered for, from `predict` entries.

    Answer columns are empty where a person typed something: the reference was asked by picture alone.
    Statistics are those of the first picture.
    """
    rows = [
        {"entry_id": entry.entry_id, "at": entry.at, **_answer(pill, typed=entry.payload["typed"]), **_statistics(pill)}
        for entry in entries
        if entry.action == "predict" and entry.outcome == "answered"
        for pill in entry.payload["pills"]
    ]
    return pd.DataFrame(rows)


def _answer(pill: Mapping[str, Any], *, typed: Sequence[str]) -> dict[str, Any]:
    if typed:
        return {}
    values = {name: pill[name] for name in (*ANSWER_NUMBERS, *ANSWER_WORDS)}
    return values | {CUE_PREFIX + name: pill["cues"][name] for name in _PICTURE_CUES if name in pill["cues"]}


def _statistics(pill: Mapping[str, Any]) -> dict[str, float]:
    first = pill["statistics"][0] if pill["statistics"] else {}
    return {STATISTIC_PREFIX + name: value for name, value in first.items()}


def reference_frame(records: Sequence[PhotoRecord], *, dataset: pd.DataFrame) -> pd.DataFrame:
    """The same columns for the photographs of an evaluation; `dataset` holds their statistics by `photo_id`."""
    answers = {
        record.photo: {
            "confidence": asked.confidence,
            "unknown_probability": asked.unknown_probability,
            "num_in_set": asked.set_size,
            "status": asked.status,
            "route": asked.route,
            **{CUE_PREFIX + name: asked.cues[name] for name in _PICTURE_CUES if name in asked.cues},
        }
        for record in records
        if (asked := record.answers["picture"]).status != "refused"
    }
    statistics = dataset.drop_duplicates("photo_id").set_index("photo_id").filter(regex=f"^{STATISTIC_PREFIX}")
    frame = pd.DataFrame.from_dict(answers, orient="index")
    return frame.join(statistics, how="left").rename_axis("photo_id").reset_index()


def drift_report(
    journal_rows: pd.DataFrame, reference: pd.DataFrame, *, out: Path, policy: DriftPolicy | None = None
) -> DriftVerdict:
    """Compare the window with the reference; writes `drift.json` and, where decided, `drift.html` into `out`."""
    policy = policy or DriftPolicy()
    out.mkdir(parents=True, exist_ok=True)
    usable, left_out = _columns(journal_rows, reference, policy=policy)
    if min(len(journal_rows), len(reference)) < policy.min_rows or not usable:
        verdict = _undecided(journal_rows, reference, left_out=left_out, out=out, policy=policy)
    else:
        columns = _compare(journal_rows, reference, columns=usable, out=out, policy=policy)
        verdict = _decided(columns, journal_rows, reference, left_out=left_out, out=out, policy=policy)
    Path(verdict.json_path).write_text(json.dumps(verdict.model_dump(mode="json"), indent=1) + "\n", encoding="utf-8")
    return verdict


def _columns(current: pd.DataFrame, reference: pd.DataFrame, *, policy: DriftPolicy) -> tuple[list[str], list[str]]:
    """Columns with enough values on both sides, and those left out."""
    known = [*ANSWER_NUMBERS, *ANSWER_WORDS]
    shared = [name for name in reference.columns if name in known or name.startswith((CUE_PREFIX, STATISTIC_PREFIX))]
    enough = [
        name
        for name in shared
        if name in current and min(current[name].count(), reference[name].count()) >= policy.min_rows
    ]
    return enough, [name for name in shared if name not in enough]


def _compare(
    current: pd.DataFrame, reference: pd.DataFrame, *, columns: Sequence[str], out: Path, policy: DriftPolicy
) -> list[ColumnDrift]:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    words = [name for name in columns if name in ANSWER_WORDS]
    numbers = [name for name in columns if name not in ANSWER_WORDS]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=words)
    preset = DataDriftPreset(
        columns=list(columns),
        drift_share=policy.max_share,
        num_method="psi",
        cat_method="psi",
        num_threshold=policy.threshold,
        cat_threshold=policy.threshold,
    )
    snapshot = Report([preset]).run(
        current_data=Dataset.from_pandas(_typed(current, columns), data_definition=definition),
        reference_data=Dataset.from_pandas(_typed(reference, columns), data_definition=definition),
    )
    snapshot.save_html(str(out / "drift.html"))
    scores = {
        metric["config"]["column"]: float(metric["value"])
        for metric in snapshot.dict()["metrics"]
        if metric["config"]["type"].endswith("ValueDrift")
    }
    return [
        ColumnDrift(column=name, score=round(score, 6), threshold=policy.threshold, drifted=score >= policy.threshold)
        for name, score in scores.items()
    ]


def _typed(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    words = [name for name in columns if name in ANSWER_WORDS]
    return frame[list(columns)].astype({name: "object" if name in words else float for name in columns})


def _decided(
    columns: Sequence[ColumnDrift],
    current: pd.DataFrame,
    reference: pd.DataFrame,
    *,
    left_out: Sequence[str],
    out: Path,
    policy: DriftPolicy,
) -> DriftVerdict:
    drifted = [item.column for item in columns if item.drifted]
    critical = [name for name in drifted if name in policy.critical]
    share = len(drifted) / len(columns)
    if critical:
        reason = f"{', '.join(critical)} drifted"
    elif share >= policy.max_share:
        reason = f"{len(drifted)} of {len(columns)} columns drifted: {', '.join(drifted)}"
    else:
        reason = f"{len(drifted)} of {len(columns)} columns drifted, none of them critical"
    return DriftVerdict(
        decided=True,
        breached=bool(critical) or share >= policy.max_share,
        reason=reason,
        num_rows=len(current),
        num_reference=len(reference),
        columns=tuple(sorted(columns, key=lambda item: -item.score)),
        left_out=tuple(left_out),
        html=str(out / "drift.html"),
        json_path=str(out / "drift.json"),
    )


def _undecided(
    current: pd.DataFrame, reference: pd.DataFrame, *, left_out: Sequence[str], out: Path, policy: DriftPolicy
) -> DriftVerdict:
    return DriftVerdict(
        decided=False,
        breached=False,
        reason=f"too few predictions to decide: {len(current)} in the window, {len(reference)} in the reference, "
        f"{policy.min_rows} needed of each",
        num_rows=len(current),
        num_reference=len(reference),
        columns=(),
        left_out=tuple(left_out),
        html=None,
        json_path=str(out / "drift.json"),
    )
