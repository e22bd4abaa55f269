"""The parity gate: torch and ONNX Runtime must give the same embedding and map, in fp32 and near enough in int8."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from training.backbones import Encoder
from training.maps import MAP, mapped

MAX_ABS_ERROR = 1e-4
MAX_MAP_ERROR = 1e-3
MIN_COSINE_FP32 = 0.9999
MIN_COSINE_INT8 = 0.97
MIN_SPEEDUP_INT8 = 1.25


class ParityError(Exception):
    """The exported network does not answer as the trained one does; it must not be served."""


@dataclass(frozen=True)
class Parity:
    """How far ONNX Runtime is from torch on real crops, and one core's time for a single picture.

    The map's error is a share of its largest value, its cosine that of a picture's whole map; None without a map.
    """

    num_pictures: int
    max_abs_error: float
    min_cosine_fp32: float
    min_cosine_int8: float
    fp32_ms: float
    int8_ms: float
    max_map_error: float | None = None
    min_map_cosine_int8: float | None = None

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
    map_error, map_cosine = _compare_maps(encoder, sessions, batches)
    fp32_BD, int8_BD = (_embed(session, batches) for session in sessions)
    parity = Parity(
        num_pictures=len(torch_BD),
        max_abs_error=float(np.abs(torch_BD - fp32_BD).max()),
        min_cosine_fp32=float((torch_BD * fp32_BD).sum(axis=1).min()),
        min_cosine_int8=float((torch_BD * int8_BD).sum(axis=1).min()),
        fp32_ms=_latency_ms(sessions[0], batches[0][:1]),
        int8_ms=_latency_ms(sessions[1], batches[0][:1]),
        max_map_error=map_error,
        min_map_cosine_int8=map_cosine,
    )
    if map_error is not None and map_error > MAX_MAP_ERROR:
        raise ParityError(f"the map of {fp32.name} differs from torch by {map_error:.2g} of its largest value")
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
    return _outputs(session, session.get_outputs()[0].name, batches)


def _outputs(session: ort.InferenceSession, output: str, batches: Sequence[np.ndarray]) -> np.ndarray:
    name = session.get_inputs()[0].name
    return np.concatenate([session.run([output], {name: batch})[0] for batch in batches])


def _compare_maps(
    encoder: Encoder, sessions: Sequence[ort.InferenceSession], batches: Sequence[np.ndarray]
) -> tuple[float | None, float | None]:
    """The map's largest error in fp32 and lowest cosine in int8; None where the first file has no map."""
    if MAP not in {output.name for output in sessions[0].get_outputs()}:
        return None, None
    both = mapped(encoder, size_px=batches[0].shape[-1])
    with torch.inference_mode():
        torch_BX = np.concatenate([both(torch.from_numpy(batch))[1].flatten(1).numpy() for batch in batches])
    fp32_BX, int8_BX = (_outputs(session, MAP, batches).reshape(len(torch_BX), -1) for session in sessions)
    lengths_B = np.linalg.norm(torch_BX, axis=1) * np.linalg.norm(int8_BX, axis=1)
    error = np.abs(torch_BX - fp32_BX).max() / np.abs(torch_BX).max()
    return float(error), float(((torch_BX * int8_BX).sum(axis=1) / lengths_B).min())


def _latency_ms(session: ort.InferenceSession, batch: np.ndarray, *, num_runs: int = 15) -> float:
    """The fastest of some runs: what the network needs when nothing else wants the core."""
    feed, first, only = {session.get_inputs()[0].name: batch}, [session.get_outputs()[0].name], ort.RunOptions()
    only.only_execute_path_to_fetches = True
    times = []
    for _ in range(num_runs):
        start = time.perf_counter()
        session.run(first, feed, only)
        times.append(time.perf_counter() - start)
    return 1000 * min(times)
