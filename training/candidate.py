"""A candidate recogniser out of trained members: assembled once per members, data set, catalogue and settings."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from bentos.runtime.contract import MemberSpec, canonical_json
from bentos.runtime.features import VisualFeatures
from bentos.runtime.medication import Medication
from data.once import made_once
from data.references import reference_pictures
from training.calibration_config import CalibrationConfig
from training.recogniser import ExportedMember, Facts, assemble_recogniser

MEMBER_FILE = "member.json"


def read_member(directory: Path) -> ExportedMember:
    """The exported member that a directory holds; `FileNotFoundError` where its export never finished."""
    return ExportedMember(MemberSpec.model_validate_json((directory / MEMBER_FILE).read_bytes()), directory)


def make_recogniser(
    members: Sequence[Path],
    *,
    dataset: pd.DataFrame,
    medications: Sequence[Medication],
    config: CalibrationConfig,
    facts: Facts,
    code: str,
    home: Path,
    known_features: Mapping[str, VisualFeatures],
    on_progress: Callable[[str, int, int], None],
) -> Path:
    """The recogniser directory below `home/recognisers` for these members (directories with their exports).

    `known_features` are the feature store's, as of the data set's time. `code` names the version of the code that
    fits; when it was assembled is no part of what it is made from.

    Raises:
        ContractError: a member's files are not of the contract's form.
    """
    root = home / "recognisers"

    def make() -> Path:
        return assemble_recogniser(
            [read_member(path) for path in members],
            dataset=dataset,
            home=home,
            medications=medications,
            references=reference_pictures(dataset, home=home),
            config=config,
            facts=facts,
            work=root / "draft",
            out_root=root,
            on_progress=on_progress,
            known_features=known_features,
        )

    return made_once(root, key=_key(members, medications, config, facts, code), make=make)


def _key(
    members: Sequence[Path], medications: Sequence[Medication], config: CalibrationConfig, facts: Facts, code: str
) -> str:
    described = {
        "members": [read_member(path).spec.model_dump(mode="json") | {"of": path.name} for path in members],
        "medications": sorted(medication.model_dump_json() for medication in medications),
        "config": config.model_dump(mode="json"),
        "dataset": facts.training_fingerprint,
        "profile": facts.profile,
        "code": code,
    }
    return hashlib.sha256(canonical_json(described)).hexdigest()[:12]
