"""Binds report, model card and data sheet to model, data, code and lock file in one signed statement beside them."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bentos.evidence.statement import Statement, about_files, differing, open_statement, sign_statement
from bentos.runtime.contract import spec_digest
from bentos.runtime.errors import ContractError
from data.harm import Harm
from monitoring.evidence.changes import Specs
from monitoring.evidence.data_sheet import data_sheet
from monitoring.evidence.model_card import model_card
from monitoring.evidence.provenance import LOCK_FILE, Code, data_digest, lock_file
from monitoring.evidence.sbom import sbom
from monitoring.judging import EVALUATION_FILE, RECORDS_FILE, REPORT_FILE, read_evaluation
from monitoring.verdict import evaluation_digest

STATEMENT_FILE: Final = "evidence.intoto.json"
MODEL_CARD_FILE, DATA_SHEET_FILE, VERDICT_NAME = "model_card.html", "data_sheet.html", "verdict.json"
SBOM_FILE: Final = "sbom.cdx.json"
PREDICATE_TYPE: Final = "urn:x-rxvision25:evaluation-evidence:v1"
_DOCUMENTS: Final = (
    EVALUATION_FILE,
    RECORDS_FILE,
    REPORT_FILE,
    MODEL_CARD_FILE,
    DATA_SHEET_FILE,
    SBOM_FILE,
    LOCK_FILE,
    "recalibration.md",
)


@dataclass(frozen=True)
class Basis:
    """What an evaluation rests on: the data set, its fingerprint, the code, and who launched the run."""

    rows: pd.DataFrame
    fingerprint: str
    code: Code
    launched_by: str | None
    at: str


def bind(directory: Path, *, verdict: Path, specs: Specs, basis: Basis, key: Ed25519PrivateKey) -> Path:
    """Write model card, data sheet, materials and lock file beside a report, and the signed statement over them."""
    measured = read_evaluation(directory)
    card = model_card(specs.recogniser, specs.gallery, evaluation=measured, harm=Harm(), at=basis.at)
    sheet = data_sheet(basis.rows, gallery=specs.gallery, fingerprint=basis.fingerprint, at=basis.at)
    (directory / SBOM_FILE).write_bytes(sbom())
    if (lock := lock_file()) is not None:
        shutil.copy(lock, directory / LOCK_FILE)
    (directory / MODEL_CARD_FILE).write_text(card, encoding="utf-8")
    (directory / DATA_SHEET_FILE).write_text(sheet, encoding="utf-8")
    statement = about_files(
        documents(directory, verdict=verdict),
        predicate_type=PREDICATE_TYPE,
        predicate=_predicate(measured, specs=specs, basis=basis),
    )
    path = directory / STATEMENT_FILE
    path.write_bytes(sign_statement(statement, key=key))
    return path


def documents(directory: Path, *, verdict: Path) -> dict[str, Path]:
    """The files of an evaluation that a statement is about, by name."""
    found = {name: directory / name for name in _DOCUMENTS if (directory / name).is_file()}
    return found | ({VERDICT_NAME: verdict} if verdict.is_file() else {})


def _predicate(measured: Mapping[str, Any], *, specs: Specs, basis: Basis) -> dict[str, Any]:
    code = basis.code
    return {
        "model": {"recogniser": spec_digest(specs.recogniser), "gallery": spec_digest(specs.gallery)},
        "data": {
            "training": specs.recogniser.training_fingerprint,
            "dataset": data_digest(basis.rows),
            "photographs": measured["about"]["photos_digest"],
        },
        "evaluation": evaluation_digest(measured),
        "code": {"commit": code.commit, "sources": code.sources},
        "environment": {"lock": code.lock, "packages": code.packages},
        "launched_by": basis.launched_by,
        "at": basis.at,
    }


def read_bound(directory: Path, *, key: Ed25519PublicKey) -> Statement:
    """The statement beside an evaluation; raises `ContractError` where it is missing, altered or another's."""
    path = directory / STATEMENT_FILE
    if not path.is_file():
        raise ContractError(f"there is no signed statement at {path}: judge the recogniser again to have one")
    return open_statement(path.read_bytes(), key=key, origin=str(path))


def what_differs(directory: Path, *, verdict: Path, specs: Specs, key: Ed25519PublicKey) -> list[str]:
    """What is not as it was signed: documents, verdict, recogniser or gallery; a sentence each.

    Raises:
        ContractError: the statement itself is missing, altered or another's.
    """
    statement = read_bound(directory, key=key)
    found = differing(statement, documents(directory, verdict=verdict))
    model = statement.predicate["model"]
    for name, spec in (("recogniser", specs.recogniser), ("gallery", specs.gallery)):
        if (now := spec_digest(spec)) != model[name]:
            found.append(f"the {name} differs: {now[7:19]} instead of {model[name][7:19]}")
    if evaluation_digest(read_evaluation(directory)) != statement.predicate["evaluation"]:
        found.append("the evaluation's figures differ")
    return found


def other_here(statement: Statement, *, code: Code) -> list[str]:
    """How this installation differs from the one that judged; no fault, but what a repetition would start from."""
    then = {"code's commit": statement.predicate["code"]["commit"], "sources": statement.predicate["code"]["sources"],
            "lock file": statement.predicate["environment"]["lock"],
            "packages": statement.predicate["environment"]["packages"]}  # fmt: skip
    now = {"code's commit": code.commit, "sources": code.sources, "lock file": code.lock, "packages": code.packages}
    return [
        f"the {name} here: {_short(now[name])}; then: {_short(was)}" for name, was in then.items() if was != now[name]
    ]


def _short(value: str | None) -> str:
    return "none" if value is None else value.removeprefix("sha256:")[:19]
