"""Recognisers to measure beside the committed one; their networks have random weights, as time does not depend on them.

Shapes: H W C a picture.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from bentos.runtime.contract import (
    MemberSpec,
    PatternSpec,
    PreprocessSpec,
    RecogniserSpec,
    file_digests,
    pattern_key,
    read_recogniser_spec,
    write_spec,
)
from bentos.runtime.decode import decode
from bentos.runtime.locate import Located, locate
from bentos.runtime.preprocess import crop_pill, to_batch
from training.profiles import PROFILES, Recipe

EMBEDDING_DIM: Final = 128
CALIBRATED_ON: Final = 8
UNTRAINED: Final = {
    "standard_fast": PROFILES["standard"]["fast"].model_copy(update={"size_px": 240}),
    "standard_accurate": PROFILES["standard"]["accurate"],
    "production_accurate": PROFILES["production"]["accurate"],
}


def export_untrained(name: str, recipe: Recipe, folder: Path, *, crops: Sequence[np.ndarray]) -> tuple[Path, Path]:
    """The ONNX files, fp32 and int8, of a network with random weights; made once."""
    from training.backbones import new_encoder
    from training.export import write_onnx
    from training.quantise import quantise

    fp32, int8 = folder / f"{name}.onnx", folder / f"{name}.int8.onnx"
    folder.mkdir(parents=True, exist_ok=True)
    if not int8.is_file():
        write_onnx(new_encoder(recipe, embedding_dim=EMBEDDING_DIM), fp32, size_px=recipe.size_px)
        quantise(fp32, int8, batches=[to_batch(crops, spec=recipe.preprocess)])
    return fp32, int8


def located_in(data: bytes) -> tuple[np.ndarray, Located] | None:
    """A photograph's pixels and its first pill; None without one."""
    rgb_HWC = decode(data).rgb_HWC
    found = locate(rgb_HWC)
    return (rgb_HWC, found[0]) if found else None


def crops_of(pictures: Sequence[bytes], spec: PreprocessSpec) -> list[np.ndarray]:
    """Some located pills, cropped as a member wants them."""
    found = [pair for data in pictures if (pair := located_in(data))][:CALIBRATED_ON]
    return [crop_pill(rgb_HWC, located, spec=spec) for rgb_HWC, located in found]


def two_member_recogniser(base: Path, *, name: str, pictures: Sequence[bytes], work: Path) -> Path:
    """The recogniser `base` with this accurate member beside its fast one, of no weight in any answer."""
    spec, out = read_recogniser_spec(base), _copied(base, work / f"with {name}")
    member = _exported("accurate", name, pictures=pictures, work=work, out=out)
    cues = spec.cues.model_copy(update={"members": spec.cues.members | {"accurate": spec.cues.members["fast"]}})
    members = (*(own for own in spec.members if own.name != "accurate"), member)
    return _written(out, spec, members=members, cues=cues, patterns=_with_accurate(spec.patterns))


def one_member_recogniser(base: Path, *, name: str, pictures: Sequence[bytes], work: Path) -> Path:
    """The recogniser `base` with another network as its fast member, and everything else as it was."""
    spec, out = read_recogniser_spec(base), _copied(base, work / f"of {name}")
    member = _exported("fast", name, pictures=pictures, work=work, out=out)
    return _written(out, spec, members=(member,))


def _with_accurate(patterns: dict[str, PatternSpec]) -> dict[str, PatternSpec]:
    """Each pattern of cues with both members and with the accurate one alone, which has no weight."""
    found = dict(patterns)
    for key, pattern in patterns.items():
        weightless = pattern.model_copy(update={"weights": {**pattern.weights, "accurate": 0.0}})
        cues = set(key.split("+"))
        found[pattern_key(cues | {"accurate"})] = weightless
        found[pattern_key(cues - {"fast"} | {"accurate"})] = weightless
    return found


def _exported(role: str, name: str, *, pictures: Sequence[bytes], work: Path, out: Path) -> MemberSpec:
    """The network's int8 file in `out`."""
    recipe = UNTRAINED[name]
    _, int8 = export_untrained(name, recipe, work, crops=crops_of(pictures, recipe.preprocess))
    file = f"{role}.int8.onnx"
    shutil.copy(int8, out / file)
    return MemberSpec(name=role, architecture=recipe.architecture, onnx_fp32=file, onnx_int8=file, serve="int8",
                      preprocess=recipe.preprocess, embedding_dim=EMBEDDING_DIM)  # fmt: skip


def _copied(base: Path, out: Path) -> Path:
    shutil.rmtree(out, ignore_errors=True)
    return Path(shutil.copytree(base, out))


def _written(out: Path, spec: RecogniserSpec, **changed: Any) -> Path:
    """The record with other members, its files digested anew."""
    changed_spec = spec.model_copy(update=changed)
    files = sorted((set(spec.files) - _files_of(spec.members)) | _files_of(changed_spec.members))
    write_spec(out, changed_spec.model_copy(update={"files": file_digests(out, files)}))
    return out


def _files_of(members: Sequence[MemberSpec]) -> set[str]:
    """A member that is served in full precision alone has no other file."""
    named = (file for member in members for file in (member.onnx_fp32, member.onnx_int8))
    return {file for file in named if file is not None}
