"""The reader's networks: torch says what ONNX Runtime says, folding and halving change next to nothing, it reads."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper

from bentos.runtime.locate import locate
from bentos.runtime.medication import ImprintToken
from bentos.runtime.read import open_reader
from bentos.runtime.recogniser import session_options
from data.rendering.render import render_reference
from monitoring.reading import read_photo
from tests.builders import medication
from training.committed import CommittedWeightsError, committed, read_index
from training.reading.base import read_base
from training.reading.graph import Graph
from training.reading.networks import arrays_of, assembled, nodes_of, part_of, with_arrays
from training.reading.simplify import simplified
from training.reading.weights import (
    FINDER_FILE,
    READER_FILE,
    committed_network,
    expanded,
    halved,
    keep_reader,
    write_reader,
)
from training.wheels import WheelError

SHAPES = {FINDER_FILE: (2, 3, 64, 96), READER_FILE: (2, 3, 48, 80)}


def answer(model: onnx.ModelProto, picture: np.ndarray) -> np.ndarray:
    """What ONNX Runtime says."""
    session = ort.InferenceSession(model.SerializeToString(), session_options(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: picture})[0]


def noise(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(7).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize("file", SHAPES)
def test_a_graph_answers_as_onnx_runtime_does_and_can_learn(file: str) -> None:
    model, picture = committed_network(file), noise(SHAPES[file])
    graph = Graph(model)
    told = graph(torch.from_numpy(picture))
    served = answer(model, picture)
    assert np.abs(told.detach().numpy() - served).max() < 1e-4 * max(1, np.abs(served).max())
    told.square().mean().backward()
    assert all(parameter.grad is not None for parameter in graph.parameters())
    arrays = graph.arrays()
    assert np.array_equal(arrays_of(with_arrays(model, arrays))[name := next(iter(arrays))], arrays[name])


def test_a_network_cut_in_two_computes_the_same() -> None:
    model, picture = committed_network(READER_FILE), noise(SHAPES[READER_FILE])
    middle = next(node for node in nodes_of(model)[60:] if node.op_type == "Conv").input[0]
    front, tail = part_of(model, output=middle), part_of(model, start=middle, output=model.graph.output[0].name)
    assert np.allclose(answer(tail, answer(front, picture)), answer(model, picture), atol=1e-5)


def unfolded() -> onnx.ModelProto:
    """A convolution, batch normalisation, a channel's scale, a hard swish out of four nodes, a plain convolution."""
    rng = np.random.default_rng(3)
    arrays = {
        "weight": rng.normal(size=(6, 3, 3, 3)), "gain": rng.uniform(0.5, 2, 6), "shift": rng.normal(size=6),
        "mean": rng.normal(size=6), "variance": rng.uniform(0.5, 2, 6), "scale": rng.normal(size=(1, 6, 1, 1)),
        "row": rng.normal(size=(1, 1, 1, 6)), "three": 3.0, "low": 0.0, "high": 6.0, "six": 6.0,
        "last": rng.normal(size=(2, 6, 1, 1)),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "weight"], ["a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["a", "gain", "shift", "mean", "variance"], ["b"], epsilon=1e-3),
        helper.make_node("Mul", ["b", "scale"], ["c"]),
        helper.make_node("Add", ["c", "row"], ["c2"]),
        helper.make_node("Add", ["c2", "three"], ["d"]),
        helper.make_node("Clip", ["d", "low", "high"], ["e"]),
        helper.make_node("Mul", ["c2", "e"], ["f"]),
        helper.make_node("Div", ["f", "six"], ["g"]),
        helper.make_node("Conv", ["g", "last"], ["y"], kernel_shape=[1, 1]),
    ]
    entry = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, "h", "w"])
    values = {name: np.asarray(value, np.float32) for name, value in arrays.items()}
    return assembled(nodes, values, entry=entry, output="y", opset=12)


def test_simplifying_folds_what_is_linear_per_channel_and_keeps_the_answer() -> None:
    model, picture = unfolded(), noise((2, 3, 5, 6))
    simple = simplified(model)
    assert [node.op_type for node in nodes_of(simple)] == ["Conv", "Add", "HardSigmoid", "Mul", "Conv"]
    assert np.allclose(answer(simple, picture), answer(model, picture), atol=1e-4)


@pytest.mark.parametrize("file", SHAPES)
def test_weights_in_half_precision_come_back_as_they_were_kept(file: str) -> None:
    model, picture = committed_network(file), noise(SHAPES[file])
    kept = halved(model)
    assert kept.ByteSize() < 0.6 * model.ByteSize()
    assert np.array_equal(answer(expanded(kept), picture), answer(model, picture))


def test_numbers_beyond_half_precision_are_refused() -> None:
    model = with_arrays(unfolded(), {"weight": np.full((6, 3, 3, 3), 1e6, np.float32)})
    with pytest.raises(ValueError, match="half precision"):
        halved(model)


def test_kept_networks_are_recorded_and_a_changed_file_is_refused(tmp_path: Path) -> None:
    for file in SHAPES:
        onnx.save(committed_network(file), tmp_path / f"new_{file}")
    weights = tmp_path / "weights"
    new = {"finder": tmp_path / f"new_{FINDER_FILE}", "reader": tmp_path / f"new_{READER_FILE}"}
    keep_reader(**new, facts={"seed": "3"}, weights=weights)
    assert read_index(weights)[READER_FILE]["facts"] == {"seed": "3"}
    write_reader(tmp_path / "out", weights=weights)
    (weights / FINDER_FILE).write_bytes(b"other")
    with pytest.raises(CommittedWeightsError, match="was changed"):
        write_reader(tmp_path / "out", weights=weights)
    with pytest.raises(CommittedWeightsError, match="not among"):
        committed("nothing.onnx", weights=weights)


def test_base_networks_of_another_release_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WheelError, match="no wheel"):
        read_base(tmp_path / "missing.whl")
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as wheel:
        wheel.writestr("rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx", b"other")
        wheel.writestr("rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx", b"other")
    with pytest.raises(WheelError, match="SHA-256"):
        read_base(tmp_path / "other.whl")


def test_the_committed_reader_reads_rendered_pills(tmp_path: Path) -> None:
    cv2.setNumThreads(1)
    reader = open_reader(tmp_path, write_reader(tmp_path), options=session_options())
    read = []
    for number, text in enumerate(("335", "GG", "54612", "TEVA", "1084", "KX74")):
        pill = medication(number + 1, imprint=(ImprintToken(text=text, side="front"),), size_mm=12.0, shape="OVAL")
        photo = render_reference(pill, side="front", lot=0)
        (located,) = locate(photo.rgb_HWC)
        read.append(read_photo(reader.read(photo.rgb_HWC, located), [text]))
    assert sum(bool(photo.tokens) for photo in read) >= 4
