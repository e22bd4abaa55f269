"""A ready ONNX encoder as a member: one YAML file says what it is, and it is checked, normalised and recorded.

From then on it is a member like any other: same calibration, gates and report. Shapes: B pictures, D embedding.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import onnx
import onnxruntime as ort
import yaml
from onnx import TensorProto, helper
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bentos.runtime.contract import MemberName, MemberSpec, PreprocessSpec, file_sha256
from bentos.runtime.errors import RuntimeFault
from bentos.runtime.preprocess import to_batch
from training.parity import Parity, check_same_direction

_UNIT = "unit_embedding"
_REFUSALS = (ort_errors.Fail, ort_errors.InvalidArgument, ort_errors.InvalidGraph, ort_errors.InvalidProtobuf,
             ort_errors.NotImplemented, ort_errors.RuntimeException, ort_errors.NoModel)  # fmt: skip


class ExternalEncoderError(RuntimeFault):
    """The file is not the encoder that its description says, or cannot serve as one; says why."""


class ExternalEncoder(BaseModel):
    """What the YAML file says. `file` lies beside it; all of it is kept beside the member."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, description="what reports call the network")]
    file: Annotated[Path, Field(description="ONNX: pictures (B, 3, S, S) float32 to embeddings (B, D)")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="hex digest that the file must have")]
    preprocess: Annotated[PreprocessSpec, Field(description="size, border, mean and deviation it was made for")]
    licence: str
    origin: str = ""


def read_external(path: Path) -> ExternalEncoder:
    """Read the description and check the digest of the file that it names.

    Raises:
        ExternalEncoderError: it is missing, not of this form, or the file has another digest.
    """
    try:
        described = ExternalEncoder.model_validate(yaml.safe_load(path.read_text()))
        known = described.model_copy(update={"file": path.parent / described.file})
        found = file_sha256(known.file)
    except FileNotFoundError as error:
        raise ExternalEncoderError(f"{error.filename} does not exist") from error
    except (ValidationError, yaml.YAMLError) as error:
        raise ExternalEncoderError(f"{path} describes no encoder: {error}") from error
    if found != known.sha256:
        raise ExternalEncoderError(f"{known.file} has SHA-256 {found}, {path.name} says {known.sha256}")
    return known


def export_external(
    known: ExternalEncoder, *, member: MemberName, out: Path, crops: list[np.ndarray]
) -> tuple[MemberSpec, Parity]:
    """Write `<member>.onnx` with unit rows into `out`, compared with the file as it came on `crops` (uint8 S, S, 3).

    Raises:
        ExternalEncoderError: it takes other pictures, another batch size than it is given, or gives no rows.
        ParityError: it answers otherwise once its rows are of length one.
    """
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{member}.onnx"
    batches = [to_batch(crops[i : i + 8], spec=known.preprocess) for i in range(0, len(crops), 8)]
    dim = _embedding_dim(known, batches[0])
    onnx.save(_with_unit_rows(onnx.load(str(known.file)), dim=dim), str(target))
    parity = check_same_direction(known.file, target, batches=batches)
    spec = MemberSpec(
        name=member,
        architecture=known.name,
        onnx_fp32=target.name,
        onnx_int8=None,
        serve="fp32",
        preprocess=known.preprocess,
        embedding_dim=dim,
    )
    return spec, parity


def _embedding_dim(known: ExternalEncoder, batch: np.ndarray) -> int:
    """D, after asking for one picture and for several."""
    try:
        session = ort.InferenceSession(known.file, providers=["CPUExecutionProvider"])
        (name,) = [item.name for item in session.get_inputs()]
        shapes = [session.run(None, {name: part})[0].shape for part in (batch[:1], batch)]
    except (*_REFUSALS, ValueError) as error:
        raise ExternalEncoderError(f"{known.name} does not take pictures {batch.shape[1:]}, any number at once: "
                                   f"{error}") from error  # fmt: skip
    if [len(shape) for shape in shapes] != [2, 2] or [shape[0] for shape in shapes] != [1, len(batch)]:
        raise ExternalEncoderError(f"{known.name} gives {shapes[1]} for {len(batch)} pictures, not a row each")
    return int(shapes[0][1])


def _with_unit_rows(model: onnx.ModelProto, *, dim: int) -> onnx.ModelProto:
    """The same network with its first output divided by its length."""
    first = model.graph.output[0].name
    model.graph.node.append(helper.make_node("LpNormalization", [first], [_UNIT], axis=1, p=2))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(_UNIT, TensorProto.FLOAT, ["batch", dim]))
    return model
