"""The bare loop: the same predictor on the same ONNX files in a process of its own, with no server around it.

`python -m benchmarks.bare BUNDLE PICTURES` answers photographs for so many seconds each time it reads a number.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2

from benchmarks.processes import ROOT, python, stop
from benchmarks.subject import Subject, read_pictures, unlike
from bentos.runtime.predictor import Predictor
from bentos.settings import launch_environment
from bentos.warm_up import warm_up


@dataclass(frozen=True)
class Loops:
    """Bare loops that wait to be told to run."""

    processes: tuple[subprocess.Popen, ...]

    @classmethod
    def start(cls, subject: Subject, *, num: int) -> "Loops":
        """Load the recogniser in `num` processes, and wait until all are warm."""
        command = python("benchmarks.bare", str(subject.bundle), str(subject.pictures_dir))
        environment = launch_environment(subject.settings())
        loops = cls(tuple(
            subprocess.Popen(command, cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
            for _ in range(num)
        ))  # fmt: skip
        for process in loops.processes:
            process.stdout.readline()
        return loops

    def run(self, seconds: float, *, num: int | None = None) -> list[dict[str, float]]:
        """Let the first `num` (all) answer at once: what each did, `answers`, `cpu_s`, `wall_s`."""
        chosen = self.processes[:num]
        with ThreadPoolExecutor(len(chosen)) as threads:
            return list(threads.map(lambda process: _told(process, seconds), chosen))

    def close(self) -> None:
        """End the processes."""
        for process in self.processes:
            process.stdin.close()
            process.stdout.close()
            stop(process)


def _told(process: subprocess.Popen, seconds: float) -> dict[str, float]:
    process.stdin.write(f"{seconds}\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def answer_for(predictor: Predictor, pictures: Sequence[bytes], *, seconds: float) -> dict[str, float]:
    """Answer one photograph after another; the answer is put into JSON, as any caller of it would."""
    began, cpu_began, answers = time.perf_counter(), time.process_time(), 0
    for picture in unlike(pictures, series="bare"):
        predictor.identify([picture]).model_dump_json()
        answers += 1
        if time.perf_counter() - began >= seconds:
            break
    return {"answers": answers, "cpu_s": time.process_time() - cpu_began, "wall_s": time.perf_counter() - began}


def main(bundle: str, folder: str) -> None:
    """Load, say so, then obey standard input."""
    cv2.setNumThreads(1)
    predictor, pictures = Predictor.from_bundle(Path(bundle)), read_pictures(Path(folder))
    warm_up(predictor)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer_for(predictor, pictures, seconds=float(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
