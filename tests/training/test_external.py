"""Any other ONNX encoder joins by one file: checked, given unit rows, and calibrated like a member of our own."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from bentos.runtime.contract import file_sha256
from bentos.runtime.preprocess import to_batch
from bentos.runtime.recogniser import Recogniser
from tests.builders import NOW, preprocess_spec
from tests.training.test_recogniser import CATALOGUE, make_dataset, references
from training.calibration_config import CalibrationConfig
from training.candidate import read_member
from training.config import MemberChoice, TrainConfig
from training.external import ExternalEncoderError, export_external, read_external
from training.member import make_member
from training.recogniser import Facts, assemble_recogniser

DIM = 24


def foreign_onnx(path: Path, *, size_px: int = 32, batch: str | int = "n", rows: bool = True) -> Path:
    """Another house's encoder: mean over 8 x 8 cells, a projection, no unit length."""
    weights = np.random.default_rng(4).normal(size=(3 * (size_px // 8) ** 2, DIM)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["x"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["y" if rows else "z"]),
        *([] if rows else [helper.make_node("ReduceSum", ["z"], ["y"], keepdims=0)]),
    ]
    graph = helper.make_graph(
        nodes, "foreign", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, size_px, size_px])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, DIM] if rows else [])],
        [numpy_helper.from_array(weights, "weights")],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def describe(folder: Path, *, size_px: int = 32, **overrides) -> Path:
    """The one file that an encoder joins by."""
    facts = {"name": "foreign", "file": "foreign.onnx", "sha256": file_sha256(folder / "foreign.onnx"),
             "preprocess": preprocess_spec(size_px=size_px).model_dump(mode="json"), "licence": "MIT",
             **overrides}  # fmt: skip
    (folder / "foreign.yaml").write_text(yaml.safe_dump(facts))
    return folder / "foreign.yaml"


def crops(size_px: int = 32) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 255, size=(5, size_px, size_px, 3), dtype=np.uint8))


def test_its_rows_are_made_of_length_one_and_point_where_they_did(tmp_path: Path) -> None:
    known = read_external(describe(foreign_onnx(tmp_path / "foreign.onnx").parent))
    spec, parity = export_external(known, member="accurate", out=tmp_path / "out", crops=crops())
    assert (spec.name, spec.architecture, spec.embedding_dim, spec.serve) == ("accurate", "foreign", DIM, "fp32")
    assert parity.max_abs_error < 1e-5
    session = ort.InferenceSession(tmp_path / "out" / spec.onnx_fp32, providers=["CPUExecutionProvider"])
    (rows,) = session.run(None, {"x": to_batch(crops(), spec=spec.preprocess)})
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("network", "described", "says"),
    [
        ({}, {"sha256": "0" * 64}, "SHA-256"),
        ({}, {"file": "nowhere.onnx", "sha256": "0" * 64}, "does not exist"),
        ({}, {"licence": None}, "describes no encoder"),
        ({}, {"size_px": 64}, "does not take pictures"),
        ({"batch": 1}, {}, "any number at once"),
        ({"rows": False}, {}, "not a row each"),
    ],
)
def test_what_is_not_as_described_is_refused(tmp_path: Path, network: dict, described: dict, says: str) -> None:
    foreign_onnx(tmp_path / "foreign.onnx", **network)
    path = describe(tmp_path, **described)
    with pytest.raises(ExternalEncoderError, match=says):
        export_external(read_external(path), member="fast", out=tmp_path / "out",
                        crops=crops(described.get("size_px", 32)))  # fmt: skip


def test_it_becomes_a_member_of_a_calibrated_recogniser_through_the_training_configuration(tmp_path: Path) -> None:
    described = describe(foreign_onnx(tmp_path / "foreign.onnx").parent)
    dataset = make_dataset(tmp_path).assign(role="consumer", duplicate_of=None)
    dataset.loc[dataset["photo_id"].str.endswith("fit-0"), "split"] = "train"
    config = TrainConfig(members=("fast",), fast=MemberChoice(external=described))

    class Silent:
        def on_crop(self, done: int, total: int) -> None: ...

        def on_step(self, done: int, total: int) -> None: ...

        def on_epoch(self, epoch: int, figures: dict[str, float]) -> None: ...

    made = make_member(config, "fast", dataset=dataset, medications=CATALOGUE, code="t", home=tmp_path, follow=Silent())
    assert made.parity_holds
    directory = assemble_recogniser(
        [read_member(made.directory)], dataset=dataset, home=tmp_path, medications=CATALOGUE, references=references(),
        config=CalibrationConfig(read_imprints=False), facts=Facts("foreign", "demo", NOW, "drawn", "none", {}),
        work=tmp_path / "work", out_root=tmp_path / "recognisers", on_progress=lambda stage, done, total: None,
    )  # fmt: skip
    spec = Recogniser.load(directory).spec
    assert spec.members[0].architecture == "foreign"
    assert len(spec.patterns) == 2 * 16
