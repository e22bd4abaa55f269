"""Whether one run over several pictures is cheaper than one by one: `python -m benchmarks.batching [RECOGNISER]`.

A batcher makes every caller wait for others; it pays only where the CPU time of a picture falls with the batch.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort

from benchmarks.spread import spread
from bentos.runtime.recogniser import Recogniser, session_options

SIZES: Final = (1, 2, 4, 8)
_ROUNDS: Final = 15
COMMITTED: Final = Path(__file__).resolve().parents[1] / "training" / "weights" / "pretrained" / "recogniser"


def cpu_ms_by_batch(file: Path, *, size_px: int, rounds: int = _ROUNDS) -> dict[int, dict[str, float]]:
    """CPU milliseconds of a picture by the number of pictures in a run, sizes interleaved, one thread."""
    session = ort.InferenceSession(file, session_options(), providers=["CPUExecutionProvider"])
    rng, outputs = np.random.default_rng(0), [session.get_outputs()[0].name]
    feeds = {num: rng.normal(size=(num, 3, size_px, size_px)).astype(np.float32) for num in SIZES}
    costs: dict[int, list[float]] = {num: [] for num in SIZES}
    for _ in range(rounds + 1):
        for num, feed_BCHW in feeds.items():
            began = time.thread_time()
            session.run(outputs, {session.get_inputs()[0].name: feed_BCHW})
            costs[num].append(1e3 * (time.thread_time() - began) / num)
    return {num: spread(found[1:]) for num, found in costs.items()}


def main(arguments: Sequence[str]) -> None:
    """One line for each file of each member."""
    recogniser = Recogniser.load(Path(arguments[0]) if arguments else COMMITTED)
    for member in recogniser.spec.members:
        for name in filter(None, (member.onnx_int8, member.onnx_fp32)):
            found = cpu_ms_by_batch(recogniser.directory / name, size_px=member.preprocess.size_px)
            said = ", ".join(f"{num}: {cost['median']:.2f}" for num, cost in found.items())
            sys.stdout.write(f"{member.architecture} {member.preprocess.size_px} px {name}: CPU ms by batch: {said}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
