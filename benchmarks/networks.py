"""What single networks cost on one core, and where the time of one answer goes.

Networks that have no committed weights are measured with random ones: the time does not depend on their values.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from benchmarks.plan import Plan
from benchmarks.recognisers import CALIBRATED_ON, UNTRAINED, export_untrained, located_in
from benchmarks.spread import spread
from benchmarks.subject import Subject
from bentos.runtime.decode import decode
from bentos.runtime.locate import Located, locate
from bentos.runtime.predictor import Predictor
from bentos.runtime.preprocess import crop_pill, to_batch
from bentos.runtime.recogniser import Recogniser, session_options


@dataclass(frozen=True)
class Timed:
    """One network to run: its name on the page, and one run of it."""

    name: str
    run: Callable[[], object]


def measure_networks(subject: Subject, plan: Plan, *, say: Callable[[str], None]) -> dict[str, Any]:
    """CPU and wall milliseconds of one picture through each network, interleaved; and of an answer by stages."""
    predictor = Predictor.from_bundle(subject.bundle)
    found = [pair for data in subject.pictures if (pair := located_in(data))]
    timed = _committed(predictor.recogniser, found) if {"fast", "reader"} & set(plan.networks) else []
    for name in plan.networks:
        if name in UNTRAINED:
            say(f"exporting {name}")
            timed += _untrained(name, subject.home / "networks", found)
    runs = {each.name: _interleaved(each) for each in timed}
    costs = {name: [] for name in runs}
    for _ in range(plan.forwards):
        for name, run in runs.items():
            costs[name].append(next(run))
    return {
        "networks": {name: {"cpu_ms": spread([cpu for cpu, _ in rows]), "wall_ms": spread([wall for _, wall in rows])}
                     for name, rows in costs.items()},
        "stages": _stages(predictor, subject.pictures, num=plan.forwards),
    }  # fmt: skip


def _committed(recogniser: Recogniser, found: Sequence[tuple[np.ndarray, Located]]) -> list[Timed]:
    """The member as it is served, its fp32 file, and the imprint reader with all that is around its networks."""
    member = recogniser.members["fast"].spec
    crops = [crop_pill(rgb_HWC, located, spec=member.preprocess) for rgb_HWC, located in found]
    files = {"int8": member.onnx_int8, "fp32": member.onnx_fp32}
    timed = [
        _network(f"{member.architecture} {member.preprocess.size_px} px {kind}", recogniser.directory / file,
                 to_batch(crops[:1], spec=member.preprocess))
        for kind, file in files.items() if file
    ]  # fmt: skip
    if recogniser.reader is None:
        return timed
    turn = iter(range(10**9))
    return [*timed, Timed("imprint reader", lambda: recogniser.reader.read(*found[next(turn) % len(found)]))]


def _untrained(name: str, folder: Path, found: Sequence[tuple[np.ndarray, Located]]) -> list[Timed]:
    recipe = UNTRAINED[name]
    crops = [crop_pill(rgb, located, spec=recipe.preprocess) for rgb, located in found[:CALIBRATED_ON]]
    files = export_untrained(name, recipe, folder, crops=crops)
    feed = to_batch(crops[:1], spec=recipe.preprocess)
    label = f"{recipe.architecture} {recipe.size_px} px"
    return [_network(f"{label} {kind}", file, feed) for kind, file in zip(("fp32", "int8"), files, strict=True)]


def _network(name: str, file: Path, feed_BCHW: np.ndarray) -> Timed:
    session = ort.InferenceSession(file, session_options(), providers=["CPUExecutionProvider"])
    fed = {session.get_inputs()[0].name: feed_BCHW}
    outputs, options = [session.get_outputs()[0].name], ort.RunOptions()
    options.only_execute_path_to_fetches = True  # as the runtime asks
    return Timed(name, lambda: session.run(outputs, fed, options))


def _interleaved(timed: Timed) -> Iterator[tuple[float, float]]:
    timed.run()
    while True:
        yield _cost_ms(timed.run)


def _cost_ms(run: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = time.thread_time(), time.perf_counter()
    run()
    return 1e3 * (time.thread_time() - cpu), 1e3 * (time.perf_counter() - wall)


def _stages(predictor: Predictor, pictures: Sequence[bytes], *, num: int) -> dict[str, Any]:
    """CPU milliseconds of each stage of an answer; `other` is cropping, features and statistics."""
    rows = [_stage_costs(predictor, pictures[number % len(pictures)]) for number in range(num + 1)][1:]
    rows = [row for row in rows if row]
    return {name: spread([row[name] for row in rows]) for name in rows[0]}


def _stage_costs(predictor: Predictor, data: bytes) -> dict[str, float]:
    clock = [time.thread_time()]

    def lap() -> float:
        clock.append(time.thread_time())
        return 1e3 * (clock[-1] - clock[-2])

    rgb_HWC, costs = decode(data).rgb_HWC, {}
    costs["decode"] = lap()
    found = locate(rgb_HWC)
    costs["locate"] = lap()
    if not found:
        return {}
    if predictor.recogniser.reader is not None:
        predictor.recogniser.reader.read(rgb_HWC, found[0])
    costs["read imprint"] = lap()
    predictor.observe([data])
    observed = lap()
    observation = predictor.observe([data])
    lap()
    for pill in observation.pills:
        for side in pill.sides:
            for member in predictor.recogniser.members:
                side.embedding(predictor.recogniser, member)
    costs["embed"] = lap()
    predictor.answer(observation)
    costs["score, decide, explain"] = lap()
    known = costs["decode"] + costs["locate"] + costs["read imprint"]
    return costs | {"crop and measure": max(0.0, observed - known)}
