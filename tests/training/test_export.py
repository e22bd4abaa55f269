"""Export: ONNX answers as torch does, int8 is kept only where it agrees, and the named networks can be exported."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from bentos.runtime.preprocess import to_batch
from tests.training.crops import drawn_crop
from training.backbones import (
    Encoder,
    WeightsError,
    build_encoder,
    load_encoder,
    new_encoder,
    read_initial_weights,
    save_encoder,
)
from training.config import MemberChoice, TrainConfig
from training.export import export_member, write_onnx
from training.maps import MAP
from training.parity import Parity, ParityError, check_parity
from training.profiles import PROFILES


def crops(size_px: int, *, num: int = 16) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [drawn_crop(number % 6, size_px=size_px, rng=rng) for number in range(num)]


def settled(encoder: Encoder, *, size_px: int) -> Encoder:
    """The encoder after its batch normalisation has seen pictures, as it has in any trained one."""
    encoder.train()
    with torch.no_grad():
        for _ in range(3):
            encoder(torch.randn(8, 3, size_px, size_px))
    return encoder.eval()


def saved(path: Path, *, architecture: str, size_px: int = 64, seed: int = 0) -> Path:
    config = TrainConfig(fast=MemberChoice(architecture=architecture, size_px=size_px), embedding_dim=32, seed=seed)
    encoder = settled(build_encoder(config, "fast"), size_px=size_px)
    save_encoder(encoder, path, recipe=config.recipe("fast"), prototypes_CD=torch.randn(5, 32))
    return path


@pytest.mark.parametrize(
    ("architecture", "operator"),
    [("test_efficientnet", "QuantizeLinear"), ("test_vit", "MatMulInteger")],
)
def test_a_member_is_exported_in_both_precisions(tmp_path: Path, architecture: str, operator: str) -> None:
    weights = saved(tmp_path / "w.safetensors", architecture=architecture)
    export = export_member(weights, member="fast", out=tmp_path / "out", calibration_crops=crops(64))
    assert export.parity.min_cosine_fp32 > 0.9999
    assert export.parity.int8_accepted
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"fast.onnx", "fast.int8.onnx"}
    assert export.spec.onnx_int8 == "fast.int8.onnx"
    assert export.spec.preprocess.size_px == 64
    kinds = {node.op_type for node in onnx.load(tmp_path / "out" / "fast.int8.onnx").graph.node}
    assert operator in kinds
    assert export.spec.map_output == MAP
    assert export.parity.max_map_error < 1e-4
    assert export.parity.min_map_cosine_int8 > 0.9


@pytest.mark.parametrize("num", [1, 3])
def test_the_graph_takes_any_batch_and_gives_unit_vectors(tmp_path: Path, num: int) -> None:
    weights = saved(tmp_path / "w.safetensors", architecture="test_efficientnet")
    encoder, recipe = load_encoder(weights)
    write_onnx(encoder, tmp_path / "m.onnx", size_px=64)
    session = ort.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    batch = to_batch(crops(64, num=num), spec=recipe.preprocess)
    embedding_BD = session.run(None, {session.get_inputs()[0].name: batch})[0]
    assert embedding_BD.shape == (num, 32)
    assert np.linalg.norm(embedding_BD, axis=1) == pytest.approx(1, abs=1e-5)


def test_another_networks_file_does_not_pass_the_gate(tmp_path: Path) -> None:
    first, second = (saved(tmp_path / f"{n}.safetensors", architecture="test_efficientnet", seed=n) for n in (1, 2))
    encoder, recipe = load_encoder(first)
    write_onnx(load_encoder(second)[0], tmp_path / "m.onnx", size_px=64)
    batches = [to_batch(crops(64), spec=recipe.preprocess)]
    with pytest.raises(ParityError, match="differs from torch"):
        check_parity(encoder, tmp_path / "m.onnx", tmp_path / "m.onnx", batches=batches)


@pytest.mark.parametrize(
    ("cosine", "int8_ms", "accepted", "serves"),
    [(0.99, 1.0, True, True), (0.99, 3.9, True, False), (0.9, 1.0, False, False)],
)
def test_int8_serves_only_where_it_agrees_and_pays(cosine: float, int8_ms: float, accepted: bool, serves: bool) -> None:
    parity = Parity(num_pictures=1, max_abs_error=0.0, min_cosine_fp32=1.0, min_cosine_int8=cosine, fp32_ms=4.0,
                    int8_ms=int8_ms)  # fmt: skip
    assert (parity.int8_accepted, parity.int8_serves) == (accepted, serves)


@pytest.mark.parametrize("member", ["fast", "accurate"])
def test_the_demo_members_are_exported_as_torch_sees_them(tmp_path: Path, member: str) -> None:
    recipe = PROFILES["demo"][member]
    encoder = settled(new_encoder(recipe, embedding_dim=128), size_px=recipe.size_px)
    write_onnx(encoder, tmp_path / "m.onnx", size_px=recipe.size_px)
    batches = [to_batch(crops(recipe.size_px, num=4), spec=recipe.preprocess)]
    parity = check_parity(encoder, tmp_path / "m.onnx", tmp_path / "m.onnx", batches=batches)
    assert parity.max_abs_error < 1e-4


def test_the_production_pair_can_be_built_and_its_transformer_exported(tmp_path: Path) -> None:
    config = TrainConfig(profile="production")
    assert {config.recipe(member).architecture for member in config.members} == {
        "tf_efficientnetv2_b1",
        "vit_base_patch16_224",
    }
    recipe = config.recipe("accurate")
    encoder = settled(new_encoder(config.recipe("fast"), embedding_dim=128), size_px=96)
    write_onnx(encoder, tmp_path / "fast.onnx", size_px=96)
    small = recipe.model_copy(update={"size_px": 32})
    vit = settled(new_encoder(small, embedding_dim=128), size_px=32)
    write_onnx(vit, tmp_path / "accurate.onnx", size_px=32)
    batches = [to_batch(crops(32, num=2), spec=small.preprocess)]
    assert check_parity(vit, tmp_path / "accurate.onnx", tmp_path / "accurate.onnx", batches=batches).int8_accepted


def test_initial_weights_are_taken_only_with_their_digest_and_all_their_tensors(tmp_path: Path) -> None:
    from bentos.runtime.contract import file_sha256

    weights = saved(tmp_path / "w.safetensors", architecture="test_efficientnet", seed=4)
    choice = {"architecture": "test_efficientnet", "size_px": 64, "initial_weights": weights}
    config = TrainConfig(fast=MemberChoice(**choice, initial_weights_sha256=file_sha256(weights)), embedding_dim=32)
    begun, known = build_encoder(config, "fast").state_dict(), load_encoder(weights)[0].state_dict()
    assert all(torch.equal(begun[name], known[name]) for name in known)
    encoder = build_encoder(TrainConfig(fast=MemberChoice(architecture="test_vit", size_px=64)), "fast")
    with pytest.raises(WeightsError, match="SHA-256"):
        read_initial_weights(encoder, weights, sha256="0" * 64)
    with pytest.raises(WeightsError, match="lacks"):
        read_initial_weights(encoder, weights, sha256=file_sha256(weights))
    with pytest.raises(ValueError, match="together"):
        MemberChoice(initial_weights=weights)


def test_a_file_that_is_no_member_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError):
        load_encoder(tmp_path / "w.safetensors")
