"""Export: a trained member becomes ONNX files, fp32 and int8, that passed the parity gate, and its contract record."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

from bentos.runtime.contract import MemberName, MemberSpec, PreprocessSpec
from bentos.runtime.preprocess import to_batch
from training.backbones import Encoder, load_encoder
from training.maps import MAP, mapped
from training.parity import Parity, check_parity
from training.quantise import quantise

EMBEDDING = "embedding_BD"
_OPSET = 17


@dataclass(frozen=True)
class MemberExport:
    """The files in `directory`, what the recogniser says about them, and how they were found to agree."""

    spec: MemberSpec
    directory: Path
    parity: Parity


def export_member(
    weights: Path, *, member: MemberName, out: Path, calibration_crops: Sequence[np.ndarray]
) -> MemberExport:
    """Write `<member>.onnx` and, where it agrees, `<member>.int8.onnx` into `out`.

    Args:
        weights: the file that `train_member` or `save_encoder` wrote.
        calibration_crops: uint8 crops (S, S, 3) of real pictures: the first half sets the int8 ranges, all
            are compared between torch and ONNX Runtime; 64 are plenty.

    Raises:
        ParityError: ONNX Runtime's fp32 answer is not torch's.
        WeightsError: the file of weights is damaged.
    """
    out.mkdir(parents=True, exist_ok=True)
    encoder, recipe = load_encoder(weights)
    fp32, int8 = out / f"{member}.onnx", out / f"{member}.int8.onnx"
    outputs = write_onnx(encoder, fp32, size_px=recipe.size_px)
    quantise(fp32, int8, batches=_batches(calibration_crops[: len(calibration_crops) // 2], recipe.preprocess))
    parity = check_parity(encoder, fp32, int8, batches=_batches(calibration_crops, recipe.preprocess))
    if not parity.int8_accepted:
        int8.unlink()
    spec = MemberSpec(
        name=member,
        architecture=recipe.architecture,
        onnx_fp32=fp32.name,
        onnx_int8=int8.name if parity.int8_accepted else None,
        serve="int8" if parity.int8_serves else "fp32",
        preprocess=recipe.preprocess,
        embedding_dim=encoder.neck.out_features,
        map_output=MAP if MAP in outputs else None,
    )
    return MemberExport(spec, out, parity)


def write_onnx(encoder: Encoder, path: Path, *, size_px: int) -> tuple[str, ...]:
    """Write the encoder in evaluation mode, with any batch size, by torch's TorchScript exporter.

    Returns the names of its outputs: the unit rows, and the map (`training.maps`) where the network has one.
    """
    encoder = encoder.eval().float().cpu()
    both = mapped(encoder, size_px=size_px)
    outputs = (EMBEDDING, MAP) if both else (EMBEDDING,)
    torch.onnx.export(
        both or encoder,
        (torch.zeros(2, 3, size_px, size_px),),
        str(path),
        input_names=["image_BCHW"],
        output_names=list(outputs),
        dynamic_axes={name: {0: "batch"} for name in ("image_BCHW", *outputs)},
        opset_version=_OPSET,
        dynamo=False,
    )
    onnx.checker.check_model(str(path))
    return outputs


def _batches(crops: Sequence[np.ndarray], spec: PreprocessSpec) -> list[np.ndarray]:
    return [to_batch(crops[i : i + 8], spec=spec) for i in range(0, len(crops), 8)]
