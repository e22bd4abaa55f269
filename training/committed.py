"""The weights that travel with the project, and what is known of each file: `training/weights/weights.json`."""

import json
from pathlib import Path

from bentos.runtime.contract import file_sha256

WEIGHTS = Path(__file__).parent / "weights"
INDEX_FILE = "weights.json"
PRETRAINED = WEIGHTS / "pretrained" / "recogniser"


class CommittedWeightsError(ValueError):
    """A file of committed weights is missing, is not in the index, or is not what the index says."""


def committed(file: str, *, weights: Path = WEIGHTS) -> Path:
    """The path of a committed file, once its digest was checked against the index.

    Raises:
        CommittedWeightsError: it is missing, unknown or changed.
    """
    index, path = read_index(weights), weights / file
    if file not in index or not path.is_file():
        raise CommittedWeightsError(f"{path} is not among the committed weights: {', '.join(index) or 'none'}")
    if (found := file_sha256(path)) != index[file]["sha256"]:
        raise CommittedWeightsError(f"{path} was changed: SHA-256 {found}, the index says {index[file]['sha256']}")
    return path


def record(file: str, *, weights: Path = WEIGHTS, **known: object) -> None:
    """Write the digest of a file that lies in `weights`, and what else is `known`, into the index; others stay."""
    index = read_index(weights) | {file: {"sha256": file_sha256(weights / file), **known}}
    draft = weights / (INDEX_FILE + ".part")
    draft.write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")
    draft.replace(weights / INDEX_FILE)


def read_index(weights: Path = WEIGHTS) -> dict[str, dict]:
    """File name -> `sha256`, `facts` (data, commit, seed, how long) and what its reader needs; {} where none is."""
    path = weights / INDEX_FILE
    return json.loads(path.read_bytes()) if path.is_file() else {}
