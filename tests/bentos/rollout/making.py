"""Releases of several variants for tests, and recognisers that are real but bad in one way."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bentos.release import Ref, ReleaseSpec, pin, write_release
from bentos.runtime.contract import file_digests, read_gallery_spec, read_recogniser_spec, write_spec
from bentos.signing import signing_key
from tests.builders import DIM, SIZE_PX, encoder_onnx, tiny_bundle


def release_of(
    home: Path,
    *,
    champion: str = ".",
    challenger: str | None = None,
    shadow: str | None = None,
    previous: str | None = None,
    shadow_version: str | None = None,
    **facts: object,
) -> ReleaseSpec:
    """Sign a release of bundles by their folder below home; the version is the folder's name, 1 for the home's own."""
    spec = ReleaseSpec(
        released_at=datetime.now(UTC).isoformat(),
        champion=ref_of(home, champion),
        challenger=challenger and ref_of(home, challenger),
        shadow=shadow and ref_of(home, shadow, version=shadow_version),
        previous=previous and ref_of(home, previous),
        **facts,
    )
    write_release(home / "release" / "release.json", spec, key=signing_key(home / "keys"))
    return spec


def ref_of(home: Path, folder: str, *, version: str | None = None) -> Ref:
    """Pin one bundle."""
    found = version or ("1" if folder == "." else folder)
    return pin(home / folder / "recogniser", gallery=home / folder / "gallery", home=home, version=found)


def failing_bundle(directory: Path) -> Path:
    """A bundle whose networks open and warm up, and then end in an error on every picture."""
    return _with_networks(directory, _failing_encoder())


def slow_bundle(directory: Path, *, rounds: int) -> Path:
    """A bundle whose networks give the usual embeddings, after `rounds` large matrix products of no use."""
    return _with_networks(directory, _slow_encoder(rounds=rounds))


def _with_networks(directory: Path, network: onnx.ModelProto) -> Path:
    """A good bundle is enrolled first; then its networks are put in the place of the good ones, and signed for."""
    made = tiny_bundle(directory, name=directory.name)
    spec = read_recogniser_spec(made / "recogniser")
    for member in spec.members:
        onnx.save(network, made / "recogniser" / member.onnx_fp32)
    files = file_digests(made / "recogniser", list(spec.files))
    digest = write_spec(made / "recogniser", spec.model_copy(update={"files": files}))
    write_spec(made / "gallery", read_gallery_spec(made / "gallery").model_copy(update={"recogniser": digest}))
    return made


def _failing_encoder() -> onnx.ModelProto:
    """Reads row 10 ** 6 of pictures that are darker than the one a predictor warms up with.

    ONNX Runtime finds out while it runs.
    """
    model = encoder_onnx(seed=0)
    limits = {"far": np.array([10**6], np.int64), "bright": np.array(0.88, np.float32)}
    model.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in limits.items())
    model.graph.node[0].input[0] = "row"
    steps = (
        helper.make_node("ReduceMean", ["pictures"], ["level"], keepdims=0),
        helper.make_node("Less", ["level", "bright"], ["is_dark"]),
        helper.make_node("Cast", ["is_dark"], ["dark"], to=TensorProto.INT64),
        helper.make_node("Mul", ["far", "dark"], ["where"]),
        helper.make_node("Gather", ["pictures", "where"], ["row"], axis=0),
    )
    for place, step in enumerate(steps):
        model.graph.node.insert(place, step)
    return model


def _slow_encoder(*, rounds: int, width: int = 600) -> onnx.ModelProto:
    model = encoder_onnx(seed=0)
    graph = model.graph
    weights = np.random.default_rng(0).normal(size=(width, width), scale=width**-0.5).astype(np.float32)
    start = helper.make_node("ReduceMean", ["pictures"], ["level"], keepdims=0)
    wide = helper.make_node("Mul", ["level", "square"], ["busy0"])
    steps = [helper.make_node("MatMul", [f"busy{i}", "square"], [f"busy{i + 1}"]) for i in range(rounds)]
    end = helper.make_node("ReduceMean", [f"busy{rounds}"], ["idle"], keepdims=0)
    nothing = helper.make_node("Mul", ["idle", "zero"], ["nothing"])
    graph.initializer.append(numpy_helper.from_array(weights, "square"))
    graph.initializer.append(numpy_helper.from_array(np.zeros((), np.float32), "zero"))
    graph.node[-1].output[0] = "as usual"
    last = helper.make_node("Add", ["as usual", "nothing"], ["embedding"])
    graph.node.extend([start, wide, *steps, end, nothing, last])
    assert graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT
    assert (SIZE_PX, DIM) == (64, 16)
    onnx.checker.check_model(model)
    return model
