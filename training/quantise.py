"""int8 versions of an ONNX encoder: static QDQ for convolutional networks, dynamic MatMul for transformers."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

_MATRIX_OPERATORS = ("MatMul", "Gemm")


class _Batches(CalibrationDataReader):
    def __init__(self, name: str, batches: Sequence[np.ndarray]) -> None:
        self._feed: Iterator[dict[str, np.ndarray]] = iter([{name: batch} for batch in batches])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feed, None)


def quantise(fp32: Path, int8: Path, *, batches: Sequence[np.ndarray]) -> None:
    """Write the int8 version of `fp32`; `batches` (B, 3, S, S) set the ranges of a convolutional network."""
    logging.getLogger("onnxruntime.quantization").setLevel(logging.ERROR)
    with TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(fp32), str(prepared), skip_symbolic_shape=True)
        if matrix_share(prepared) > 0.5:
            quantize_dynamic(
                prepared, int8, op_types_to_quantize=list(_MATRIX_OPERATORS), weight_type=QuantType.QInt8,
                per_channel=True, extra_options={"MatMulConstBOnly": True},
            )  # fmt: skip
            return
        name = onnx.load(str(prepared), load_external_data=False).graph.input[0].name
        quantize_static(
            prepared, int8, _Batches(name, batches), quant_format=QuantFormat.QDQ, per_channel=True,
            op_types_to_quantize=["Conv"], activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax, extra_options={"CalibMovingAverage": True},
        )  # fmt: skip


def matrix_share(path: Path) -> float:
    """Share of the weights of convolutions and matrix products that belongs to matrix products."""
    graph = onnx.load(str(path)).graph
    num_weights = {tensor.name: int(np.prod(tensor.dims)) for tensor in graph.initializer}
    count = {
        kind: sum(num_weights.get(node.input[1], 0) for node in graph.node if node.op_type in kind)
        for kind in (_MATRIX_OPERATORS, ("Conv",))
    }
    return count[_MATRIX_OPERATORS] / max(1, sum(count.values()))
