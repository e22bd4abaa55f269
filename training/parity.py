"""The parity gate: torch and ONNX Runtime must give the same embedding, in fp32 and near enough in int8."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from training.backbones import Encoder

MAX_ABS_ERROR = 1e-4
MIN_COSINE_FP32 = 0.9999
MIN_COSINE_INT8 = 0.97
MIN_SPEEDUP_INT8 = 1.25


class ParityError(Exception):
    """The exported network does not answer as the trained one does; it must not be served."""


@dataclass(frozen=True)
class Parity:
    """How far ONNX Runtime is from torch on real crops, and one core's time for a single picture."""

    num_pictures: int
    max_abs_error: float
    min_cosine_fp32: float
    min_cosine_int8: float
    fp32_ms: float
    int8_ms: float

    @property
    def int8_accepted(self) -> bool:
        """int8 is kept: on every picture it points where torch does."""
        return self.min_cosine_int8 >= MIN_COSINE_INT8

    @property
    def int8_serves(self) -> bool:
        """int8 is kept and so much faster that its small loss pays."""
        return self.int8_accepted and self.fp32_ms >= MIN_SPEEDUP_INT8 * self.int8_ms


def check_parity(encoder: Encoder, fp32: Path, int8: Path, *, batches: Sequence[np.ndarray]) -> Parity:
    """Compare the embeddings of `batches` (B, 3, S, S) by torch, ONNX fp32 and ONNX int8.

    Raises:
        ParityError: fp32 differs by more than rounding.
    """
    with torch.inference_mode():
        torch_BD = np.concatenate([encoder(torch.from_numpy(batch)).numpy() for batch in batches])
    sessions = [_session(path) for path in (fp32, int8)]
    fp32_BD, int8_BD = (_embed(session, batches) for session in sessions)
    parity = Parity(
        num_pictures=len(torch_BD),
        max_abs_error=float(np.abs(torch_BD - fp32_BD).max()),
        min_cosine_fp32=float((torch_BD * fp32_BD).sum(axis=1).min()),
        min_cosine_int8=float((torch_BD * int8_BD).sum(axis=1).min()),
        fp32_ms=_latency_ms(sessions[0], batches[0][:1]),
        int8_ms=_latency_ms(sessions[1], batches[0][:1]),
    )
    if not (parity.max_abs_error <= MAX_ABS_ERROR and parity.min_cosine_fp32 >= MIN_COSINE_FP32):
        raise ParityError(
            f"{fp32.name} differs from torch by {parity.max_abs_error:.2g} (at most {MAX_ABS_ERROR:g}), "
            f"lowest cosine {parity.min_cosine_fp32:.6f} (at least {MIN_COSINE_FP32})"
        )
    return parity


def check_same_direction(before: Path, after: Path, *, batches: Sequence[np.ndarray]) -> Parity:
    """Compare the rows of two ONNX files, those of the first scaled to length one; there is no int8.

    Raises:
        ParityError: they differ by more than rounding.
    """
    sessions = [_session(path) for path in (before, after)]
    raw_BD, unit_BD = (_embed(session, batches) for session in sessions)
    raw_BD = raw_BD / np.linalg.norm(raw_BD, axis=1, keepdims=True)
    gap, cosine = float(np.abs(raw_BD - unit_BD).max()), float((raw_BD * unit_BD).sum(axis=1).min())
    if not (gap <= MAX_ABS_ERROR and cosine >= MIN_COSINE_FP32):
        raise ParityError(f"{after.name} differs from {before.name} by {gap:.2g} (at most {MAX_ABS_ERROR:g})")
    latency_ms = _latency_ms(sessions[1], batches[0][:1])
    return Parity(len(unit_BD), gap, cosine, min_cosine_int8=0.0, fp32_ms=latency_ms, int8_ms=latency_ms)


def _session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _embed(session: ort.InferenceSession, batches: Sequence[np.ndarray]) -> np.ndarray:
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: batch})[0] for batch in batches])


def _latency_ms(session: ort.InferenceSession, batch: np.ndarray, *, num_runs: int = 15) -> float:
    """The fastest of some runs: what the network needs when nothing else wants the core."""
    feed = {session.get_inputs()[0].name: batch}
    times = []
    for _ in range(num_runs):
        start = time.perf_counter()
        session.run(None, feed)
        times.append(time.perf_counter() - start)
    return 1000 * min(times)
