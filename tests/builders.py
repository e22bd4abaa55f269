"""Builders for tests: real records with safe defaults, and a tiny real bundle with random weights."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bentos.runtime.contract import (
    CueSpec,
    LogisticSpec,
    MemberSpec,
    PatternSpec,
    PreprocessSpec,
    QualitySpec,
    RecogniserSpec,
    RouterSpec,
    file_digests,
    write_spec,
)
from bentos.runtime.enrol import ReferencePicture, build_gallery
from bentos.runtime.medication import ImprintToken, Medication
from bentos.runtime.recogniser import Recogniser

NOW = "2026-01-01T00:00:00+00:00"
SIZE_PX = 64
DIM = 16
ALL_CUES = (
    "fast",
    "accurate",
    "color_histogram",
    "shape_ratio",
    "texture",
    "imprint",
    "typed_color",
    "typed_shape",
    "size",
)


def medication(number: int = 1, **overrides) -> Medication:
    """A white round tablet; `number` makes its NDC and imprint distinct."""
    facts = {
        "ndc11": f"{number:05d}-0001-01",
        "generic_name": f"drug{number}",
        "rxnorm_name": f"drug{number} 10 MG Oral Tablet",
        "strength": "10 MG",
        "imprint": (ImprintToken(text=f"A{number}", side="front"), ImprintToken(text="TEST", side="back")),
        "imprint_type": "DEBOSSED",
        "colors": ("WHITE",),
        "shape": "ROUND",
        "size_mm": 8.0,
    }
    return Medication(**{**facts, **overrides})


def preprocess_spec(**overrides) -> PreprocessSpec:
    """Small crops, plain normalisation."""
    return PreprocessSpec(
        **{"size_px": SIZE_PX, "margin": 0.08, "mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25), **overrides}
    )


def encoder_onnx(*, seed: int, size_px: int = SIZE_PX, dim: int = DIM) -> onnx.ModelProto:
    """A real encoder: 8 x 8 average pooling, a random projection, unit length."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(3 * (size_px // 8) ** 2, dim)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["pictures"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["projected"]),
        helper.make_node("LpNormalization", ["projected"], ["embedding"], axis=1, p=2),
    ]
    pictures = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["batch", 3, size_px, size_px])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", dim])
    graph = helper.make_graph(nodes, "encoder", [pictures], [embedding], [numpy_helper.from_array(weights, "weights")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def mapped_encoder_onnx(*, seed: int, size_px: int = SIZE_PX, dim: int = DIM) -> onnx.ModelProto:
    """A real encoder that averages its regions: of each it sees by how much its colours differ, projected at random."""
    rng = np.random.default_rng(seed)
    weights = {
        "contrast": np.array([[1, -1, 0, 0, -1, 1], [-1, 1, 1, -1, 0, 0], [0, 0, -1, 1, 1, -1]], np.float32),
        "weights": rng.normal(size=(6, dim)).astype(np.float32),
    }
    nodes = [
        helper.make_node("AveragePool", ["pictures"], ["pooled"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Transpose", ["pooled"], ["regions"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["regions", "contrast"], ["differing"]),
        helper.make_node("Relu", ["differing"], ["colorful"]),
        helper.make_node("MatMul", ["colorful", "weights"], ["projected"]),
        helper.make_node("ReduceMean", ["projected"], ["mean"], axes=[1, 2], keepdims=1),
        helper.make_node("ReduceL2", ["mean"], ["length"], axes=[3], keepdims=1),
        helper.make_node("Div", ["projected", "length"], ["map"]),
        helper.make_node("ReduceMean", ["map"], ["embedding"], axes=[1, 2], keepdims=0),
    ]
    pictures = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["batch", 3, size_px, size_px])
    embedding = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", dim])
    regions = helper.make_tensor_value_info("map", TensorProto.FLOAT, ["batch", size_px // 8, size_px // 8, dim])
    initial = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "encoder", [pictures], [embedding, regions], initial)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def member_spec(name: str, **overrides) -> MemberSpec:
    """One member that serves its fp32 file."""
    facts = {
        "name": name,
        "architecture": "random projection",
        "onnx_fp32": f"{name}.onnx",
        "onnx_int8": None,
        "serve": "fp32",
        "preprocess": preprocess_spec(),
        "embedding_dim": DIM,
    }
    return MemberSpec(**{**facts, **overrides})


def pattern_spec(**overrides) -> PatternSpec:
    """Every cue counts once; nothing is forbidden."""
    facts = {
        "weights": dict.fromkeys(ALL_CUES, 1.0),
        "bias": 0.0,
        "temperature": 1.0,
        "set_threshold": -5.0,
        "identified_uncertainty": 0.5,
        "unknown_threshold": ((1, -20.0),),
    }
    return PatternSpec(**{**facts, **overrides})


def recogniser_spec(**overrides) -> RecogniserSpec:
    """A record with both members and every pattern of cues."""
    from training.calibrate import ROUTER_FEATURES, all_patterns

    ratio = LogisticSpec(slope=2.0, intercept=-2.0)
    distance = LogisticSpec(slope=-4.0, intercept=1.0, limit=4.0)
    cues = CueSpec(
        members={"fast": ratio, "accurate": ratio},
        color_histogram=distance,
        shape_ratio=distance,
        texture=distance,
        imprint_error_rate=0.03,
        size_sd_mm=0.7,
        typed_color_error_rate=0.08,
        typed_shape_error_rate=0.05,
    )
    facts = {
        "name": "tiny",
        "created_at": NOW,
        "profile": "demo",
        "members": (member_spec("fast"), member_spec("accurate")),
        "cues": cues,
        "patterns": {pattern.key: pattern_spec() for pattern in all_patterns(("fast", "accurate"))},
        "router": RouterSpec(
            feature_names=ROUTER_FEATURES,
            weights=(0.0,) * len(ROUTER_FEATURES),
            bias=-3.0,
            hard_probability=0.5,
            escalate_uncertainty=0.3,
        ),
        "quality": QualitySpec(min_sharpness=0.0, max_clipped=1.0, min_pill_px=8, min_brightness=0.0),
        "unknown_prior": 0.1,
        "promised_coverage": 0.95,
        "calibration_domain": "tests",
        "training_fingerprint": "none",
        "training_facts": {},
        "files": {},
    }
    return RecogniserSpec(**{**facts, **overrides})


def tiny_recogniser(directory: Path, **overrides) -> Recogniser:
    """Write and load a real two-member recogniser with random weights."""
    spec = recogniser_spec(**overrides)
    directory.mkdir(parents=True, exist_ok=True)
    for seed, member in enumerate(spec.members):
        encoder = mapped_encoder_onnx if member.map_output else encoder_onnx
        onnx.save(encoder(seed=seed), directory / member.onnx_fp32)
    files = [member.onnx_fp32 for member in spec.members]
    write_spec(directory, spec.model_copy(update={"files": file_digests(directory, files)}))
    return Recogniser.load(directory)


def pill_picture(
    *, rgb: tuple[int, int, int] = (200, 60, 60), size_px: int = 200, marks: int = 0, long: bool = False
) -> np.ndarray:
    """A plain pill on grey, uint8 (S, S, 3); `marks` makes it distinct."""
    import cv2

    picture = np.full((size_px, size_px, 3), 110, np.uint8)
    axes = (size_px // 3, size_px // (6 if long else 3))
    cv2.ellipse(picture, (size_px // 2, size_px // 2), axes, 0, 0, 360, rgb, -1, cv2.LINE_AA)
    for i in range(marks):
        x = size_px // 2 - axes[0] // 2 + i * axes[0] // 4
        cv2.line(picture, (x, size_px // 2 - 22), (x, size_px // 2 + 22), (20, 20, 20), 7, cv2.LINE_AA)
    return picture


def jpeg(picture_HWC: np.ndarray, *, quality: int = 92) -> bytes:
    """The picture as JPEG bytes."""
    import cv2

    return cv2.imencode(".jpg", picture_HWC[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


TINY_COLORS = {"WHITE": (235, 235, 235), "RED": (190, 40, 40), "BLUE": (50, 70, 190), "GREEN": (50, 150, 70)}


def tiny_catalogue() -> list[Medication]:
    """Four medications of four colours; the last one is an oval."""
    return [
        medication(i, colors=(color,), shape="OVAL" if color == "GREEN" else "ROUND", size_mm=8.0 + i)
        for i, color in enumerate(TINY_COLORS, start=1)
    ]


def tiny_picture(item: Medication, *, side: str = "front") -> np.ndarray:
    """What the medication of the tiny catalogue looks like from one side."""
    return pill_picture(rgb=TINY_COLORS[item.colors[0]], marks=2 if side == "front" else 0, long=item.shape == "OVAL")


def tiny_references() -> list[ReferencePicture]:
    """Both sides of every medication of the tiny catalogue."""
    return [
        ReferencePicture(item.medication_id, side, tiny_picture(item, side=side), None, f"{item.ndc11}-{side}", "tests")
        for item in tiny_catalogue()
        for side in ("front", "back")
    ]


def tiny_bundle(directory: Path, **overrides) -> Path:
    """A bundle directory with `recogniser/` and `gallery/`: real files, random weights, four medications."""
    recogniser = tiny_recogniser(directory / "recogniser", **overrides)
    build_gallery(
        recogniser,
        medications=tiny_catalogue(),
        references=tiny_references(),
        out=directory / "gallery",
        name="tiny",
        now=NOW,
    )
    return directory
