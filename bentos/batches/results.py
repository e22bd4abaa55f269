"""A finished job's answers as a table, one row per pill, in Parquet and CSV."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from bentos.batches.store import Item, JobStore
from bentos.privacy.typed import Policy, redact
from bentos.problems import Problem
from bentos.runtime.answer import Answer, PillAnswer

Format = Literal["parquet", "csv"]
MEDIA_TYPES: Final = {"parquet": "application/vnd.apache.parquet", "csv": "text/csv"}
_TYPES: Final = {
    "item": "int32",
    "image": "string",
    "image_back": "string",
    "request_id": "string",
    "outcome": "string",
    "problem_code": "string",
    "problem_detail": "string",
    "pill": "int32",
    "status": "string",
    "reason": "string",
    "medication_id": "string",
    "name": "string",
    "confidence": "double",
    "unknown_probability": "double",
    "uncertainty": "double",
    "disagreement": "double",
    "first_medication_id": "string",
    "first_name": "string",
    "alternatives": "string",
    "prediction_set": "string",
    "route": "string",
    "warnings": "string",
    "next": "string",
    "recogniser": "string",
    "gallery": "string",
    "version": "string",
    "variant": "string",
    "answer": "string",
    "receipt": "string",
}
COLUMNS: Final = tuple(_TYPES)
_CHUNK: Final = 500


def result_path(folder: Path, kind: Format) -> Path:
    """Where a job's table lies."""
    return folder / f"results.{kind}"


def write_tables(store: JobStore, job_id: str, *, policy: Policy) -> None:
    """Write the tables of a job from its items as they are now."""
    write_results(
        store.items(job_id),
        folder=store.folder(job_id),
        create=lambda path: store.seals.create(job_id, path),
        policy=policy,
    )


def write_results(items: Iterable[Item], *, folder: Path, create: Callable[[Path], BinaryIO], policy: Policy) -> None:
    """Write both tables, each put in place in one step.

    `answer` is the pill's whole answer as JSON, `receipt` the signed receipt of the answer that it belongs to.
    `create` opens a new file for writing. Personal data in the names of pictures go by the policy.
    """
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema(
        [(name, getattr(pa, "float64" if kind == "double" else kind)()) for name, kind in _TYPES.items()]
    )
    drafts = {kind: folder / f".results.{kind}" for kind in MEDIA_TYPES}
    with (
        create(drafts["csv"]) as plain,
        create(drafts["parquet"]) as sink,
        io.TextIOWrapper(plain, newline="", encoding="utf-8", write_through=True) as text,
        parquet.ParquetWriter(sink, schema) as table,
    ):
        lines = csv.DictWriter(text, COLUMNS)
        lines.writeheader()
        rows = rows_of(items, policy=policy)
        while chunk := list(islice(rows, _CHUNK)):
            lines.writerows(chunk)
            table.write_batch(pa.RecordBatch.from_pylist(chunk, schema=schema))
    for kind, draft in drafts.items():
        draft.replace(result_path(folder, kind))


def rows_of(items: Iterable[Item], *, policy: Policy = "redact") -> Iterator[dict[str, Any]]:
    """One row per pill of an answered item, one per refused item; every row has every column."""
    for item in items:
        names = {"image": item.image, "image_back": item.image_back}
        shown = {name: text and redact(text, policy=policy) for name, text in names.items()}
        base = {**dict.fromkeys(COLUMNS), "item": item.number, **shown}
        base["outcome"] = item.outcome
        if item.outcome == "refused":
            problem = Problem.model_validate_json(item.result)
            yield base | _refused(problem)
            continue
        answer = Answer.model_validate_json(item.result)
        for number, pill in enumerate(answer.pills):
            yield base | _answered(answer, pill, number=number)


def _refused(problem: Problem) -> dict[str, Any]:
    return {
        "request_id": problem.request_id,
        "problem_code": problem.code,
        "problem_detail": problem.detail,
    }


def _answered(answer: Answer, pill: PillAnswer, *, number: int) -> dict[str, Any]:
    first = pill.alternatives[0] if pill.alternatives else None
    return {
        "request_id": answer.request_id,
        "pill": number,
        "status": pill.status,
        "reason": pill.reason,
        "medication_id": pill.medication and pill.medication.medication_id,
        "name": pill.medication and pill.medication.name,
        "confidence": pill.confidence,
        "unknown_probability": pill.unknown_probability,
        "uncertainty": pill.uncertainty.total,
        "disagreement": pill.uncertainty.disagreement,
        "first_medication_id": first and first.medication_id,
        "first_name": first and first.name,
        "alternatives": ";".join(f"{item.medication_id}={item.probability:.4f}" for item in pill.alternatives),
        "prediction_set": ";".join(pill.prediction_set.medication_ids),
        "route": pill.explanation.route,
        "warnings": " | ".join(pill.explanation.warnings),
        "next": pill.next,
        **answer.release.model_dump(),
        "answer": pill.model_dump_json(),
        "receipt": answer.receipt and answer.receipt.model_dump_json(),
    }
