"""The reader's committed weights: kept in half precision, written as float32 networks into a recogniser."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from bentos.runtime.contract import ReaderSpec
from training.committed import WEIGHTS, committed, record

FINDER_FILE, READER_FILE = "imprint_finder.onnx", "imprint_reader.onnx"


def write_reader(directory: Path, *, weights: Path = WEIGHTS) -> ReaderSpec:
    """Write both networks as float32 into a recogniser's directory; the contract's part that names them.

    Raises:
        CommittedWeightsError: a committed file is missing or changed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for file in (FINDER_FILE, READER_FILE):
        onnx.save(expanded(onnx.load(committed(file, weights=weights))), directory / file)
    return ReaderSpec(finder_onnx=FINDER_FILE, reader_onnx=READER_FILE)


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
    return _with_initialisers(model, _half)


def expanded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its float16 arrays as float32: the same numbers, in the precision that it runs in."""
    return _with_initialisers(model, _single)


def _with_initialisers(model: onnx.ModelProto, change: Callable[[TensorProto], TensorProto]) -> onnx.ModelProto:
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.initializer[:]
    changed.graph.initializer.extend(change(tensor) for tensor in model.graph.initializer)
    return changed


def _half(tensor: TensorProto) -> TensorProto:
    values = numpy_helper.to_array(tensor)
    if values.dtype != np.float32 or values.size <= 1:
        return tensor
    if np.abs(values).max() > np.finfo(np.float16).max:
        raise ValueError(f"{tensor.name} holds {np.abs(values).max():.3g}, more than half precision can")
    return numpy_helper.from_array(values.astype(np.float16), tensor.name)


def _single(tensor: TensorProto) -> TensorProto:
    values = numpy_helper.to_array(tensor)
    is_half = values.dtype == np.float16
    return numpy_helper.from_array(values.astype(np.float32), tensor.name) if is_half else tensor
