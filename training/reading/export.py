"""Trained weights as an ONNX network that agrees with torch."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import torch
from safetensors.numpy import load_file

from bentos.runtime.recogniser import session_options
from training.reading.graph import Graph
from training.reading.loop import AVERAGE_FILE, START_FILE
from training.reading.networks import with_arrays

_STRIP, _CANVAS = (1, 3, 48, 128), (1, 3, 128, 256)
_AGREES = 1e-3


class ReadingExportError(ValueError):
    """ONNX Runtime's answer is not torch's, or nothing was trained."""


def export_network(run: Path, out: Path) -> float:
    """Write the averaged weights of the training in `run` as the network `out`; the largest difference from torch.

    The difference is relative to the largest answer.

    Raises:
        ReadingExportError: there is no training in `run`, or ONNX Runtime disagrees with torch.
    """
    if not (run / AVERAGE_FILE).is_file():
        raise ReadingExportError(f"{run} holds no training")
    model = with_arrays(onnx.load(run / START_FILE), load_file(run / AVERAGE_FILE))
    shape = _STRIP if model.graph.node[-1].op_type == "Softmax" else _CANVAS
    picture = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    session = ort.InferenceSession(model.SerializeToString(), session_options(), providers=["CPUExecutionProvider"])
    served = session.run(None, {session.get_inputs()[0].name: picture})[0]
    with torch.inference_mode():
        trained = Graph(model)(torch.from_numpy(picture)).numpy()
    difference = float(np.abs(served - trained).max() / np.abs(trained).max())
    if not difference < _AGREES:
        raise ReadingExportError(f"ONNX Runtime differs from torch by {difference:.2g} of the largest answer")
    out.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, out)
    return difference
