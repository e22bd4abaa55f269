"""Judging one recogniser with one gallery on a data set: evaluated once, kept as JSON and records."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from bentos.runtime.contract import spec_digest
from bentos.runtime.gallery import Gallery
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from data.once import made_once
from monitoring.evaluate import Evaluation, evaluate
from monitoring.records import write_records

EVALUATION_FILE, RECORDS_FILE, REPORT_FILE = "report.json", "records.jsonl", "report.html"


def judge_bundle(
    recogniser: Path,
    gallery: Path,
    *,
    dataset: pd.DataFrame,
    home: Path,
    key: str,
    seed: int,
    max_photos: int | None,
    on_progress: Callable[[int, int], None],
) -> Path:
    """The directory below `home/evaluations` with the evaluation's JSON and a record per photograph.

    The members are judged alone as well. `key` names the data set and the code that judges.

    Raises:
        ContractError: a file was changed, or the gallery is another recogniser's.
        EvaluationError: nothing can be evaluated.
    """
    loaded = Recogniser.load(recogniser)
    chosen = Gallery.load(gallery, recogniser=loaded)
    root = home / "evaluations"
    roles = dict(zip(dataset["appearance_id"], dataset["appearance_role"], strict=True))

    def make() -> Path:
        found = evaluate(Predictor(loaded, chosen), _judges(dataset, chosen), home=home, appearance_roles=roles,
                         max_photos=max_photos, seed=seed, on_progress=on_progress)  # fmt: skip
        return keep_evaluation(found, root)

    settings = f"{max_photos or 'all'}-{seed}"
    name = f"{loaded.digest[7:19]}-{spec_digest(chosen.spec)[7:19]}-{key}-{settings}"
    return made_once(root, key=name, make=make)


def keep_evaluation(found: Evaluation, root: Path) -> Path:
    """Write an evaluation's JSON and records into `root/<digest12>`; returns that directory."""
    target = root / found.digest.removeprefix("sha256:")[:12]
    shutil.rmtree(target, ignore_errors=True)
    write_records(found.records, target / RECORDS_FILE)
    (target / EVALUATION_FILE).write_text(json.dumps(found.metrics, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return target


def read_evaluation(directory: Path) -> dict[str, Any]:
    """The JSON of an evaluation."""
    return json.loads((directory / EVALUATION_FILE).read_text("utf-8"))


def _judges(dataset: pd.DataFrame, gallery: Gallery) -> pd.DataFrame:
    """The held-out photographs of medications that the gallery holds; those without a reference picture cannot be."""
    test = dataset[(dataset["split"] == "test") & (dataset["role"] == "consumer")]
    return test[test["medication_id"].isin(list(gallery.medications))]
