"""The reader's committed weights: kept in half precision, written as float32 networks into a recogniser."""

from pathlib import Path

import numpy as np
import onnx

from bentos.runtime.contract import LookingSpec, ReaderSpec
from training.committed import WEIGHTS, committed, record
from training.reading.networks import arrays_of, with_arrays

FINDER_FILE, READER_FILE = "imprint_finder.onnx", "imprint_reader.onnx"


def write_reader(directory: Path, *, weights: Path = WEIGHTS) -> ReaderSpec:
    """Write both networks as float32 into a recogniser's directory; the contract's part that names them.

    Raises:
        CommittedWeightsError: a committed file is missing or changed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for file in (FINDER_FILE, READER_FILE):
        onnx.save(committed_network(file, weights=weights), directory / file)
    return ReaderSpec(finder_onnx=FINDER_FILE, reader_onnx=READER_FILE, looking=LookingSpec())


def committed_network(file: str, *, weights: Path = WEIGHTS) -> onnx.ModelProto:
    """One of the two committed networks in float32.

    Raises:
        CommittedWeightsError: the file is missing or changed.
    """
    return expanded(onnx.load(committed(file, weights=weights)))


def keep_reader(*, finder: Path, reader: Path, facts: dict[str, str], weights: Path = WEIGHTS) -> None:
    """Put two exported networks among the committed weights, in half precision, with their digests and facts."""
    weights.mkdir(parents=True, exist_ok=True)
    for path, file in ((finder, FINDER_FILE), (reader, READER_FILE)):
        onnx.save(halved(onnx.load(path)), weights / file)
        record(file, facts=facts, weights=weights)


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its float32 arrays stored as float16; single numbers stay, so no small epsilon is lost.

    It runs again once `expanded`.

    Raises:
        ValueError: a weight is beyond what half precision holds.
    """
    long = {name: array for name, array in arrays_of(model).items() if array.dtype == np.float32 and array.size > 1}
    if too_large := [name for name, array in long.items() if np.abs(array).max() > np.finfo(np.float16).max]:
        raise ValueError(f"{too_large[0]} holds numbers beyond half precision")
    return with_arrays(model, {name: array.astype(np.float16) for name, array in long.items()})


def expanded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its float16 arrays as float32: the same numbers, in the precision that it runs in."""
    halves = {name: array for name, array in arrays_of(model).items() if array.dtype == np.float16}
    return with_arrays(model, {name: array.astype(np.float32) for name, array in halves.items()})
