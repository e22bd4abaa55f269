"""The crop pack: every training photograph decoded, located and cropped once, by the runtime's own code.

Shapes: N crops, S size in px.
"""

import fcntl
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
import pandas as pd

from bentos.runtime.contract import PreprocessSpec, canonical_json
from bentos.runtime.decode import decode
from bentos.runtime.errors import InputError
from bentos.runtime.locate import locate
from bentos.runtime.medication import Medication, fold_imprint
from bentos.runtime.preprocess import ELONGATED_FROM, crop_pill

_CROPS, _ROWS, _FACTS = "crops.npy", "rows.parquet", "pack.json"
_CHUNK = 32
NOTHING_BESIDE: Mapping[Path, PreprocessSpec] = MappingProxyType({})


@dataclass(frozen=True)
class Pack:
    """A directory with the crops and their labels; opened lazily, so that it is cheap to send to a worker.

    Rows: `photo_id, appearance_id, side, role, split, elongated, label`, in the order of the crops.
    """

    directory: Path

    def __reduce__(self) -> tuple:
        """Only the way to the files is sent to another process, not the crops."""
        return Pack, (self.directory,)

    @cached_property
    def crops_NSSC(self) -> np.ndarray:
        """uint8 crops, memory-mapped."""
        return np.load(self.directory / _CROPS, mmap_mode="r", allow_pickle=False)

    @cached_property
    def rows(self) -> pd.DataFrame:
        return pd.read_parquet(self.directory / _ROWS)

    @cached_property
    def _facts(self) -> dict:
        return json.loads((self.directory / _FACTS).read_text())

    @property
    def fingerprint(self) -> str:
        """Identifies photographs, labels and cropping."""
        return self._facts["fingerprint"]

    @property
    def num_classes(self) -> int:
        """How many different looking sides there are."""
        return self._facts["num_classes"]

    def numbers(self, *splits: str) -> np.ndarray:
        """Row numbers of the crops of these splits."""
        return np.flatnonzero(self.rows["split"].isin(splits).to_numpy())


def build_pack(
    dataset: pd.DataFrame,
    *,
    medications: Sequence[Medication],
    home: Path,
    spec: PreprocessSpec,
    out: Path,
    on_progress: Callable[[int, int], None],
    workers: int = 2,
    beside: Mapping[Path, PreprocessSpec] = NOTHING_BESIDE,
) -> Pack:
    """Crop the train and validate photographs and the references of the appearances that may be trained on.

    Args:
        dataset: the manifest with splits; `path` is relative to `home`.
        medications: the catalogue, whose imprint says which sides look alike.
        out: the pack's directory; one that is already there with the same content is used as it is.
        on_progress: called with photographs done and all.
        beside: packs of the same photographs that are wanted soon, directory in the same folder to cropping: they are
            made in the same pass, as decoding and locating take most of its time.

    Photographs in which no pill is found are left out.

    Raises:
        ValueError: no photograph to train on.
    """
    chosen = trainable(dataset, medications=medications)
    wanted = {out: spec, **beside}
    with _one_at_a_time(out.parent):
        missing = {path: one for path, one in wanted.items() if not _is_made(path, _fingerprint(chosen, one))}
        if out in missing:
            _make(missing, chosen, home=home, on_progress=on_progress, workers=workers)
    on_progress(len(chosen), len(chosen))
    return Pack(out)


@contextmanager
def _one_at_a_time(packs: Path) -> Iterator[None]:
    """Trainings that run side by side want the same packs: the second one waits, and finds them made."""
    packs.mkdir(parents=True, exist_ok=True)
    with (packs / ".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def _make(
    specs: Mapping[Path, PreprocessSpec],
    chosen: pd.DataFrame,
    *,
    home: Path,
    on_progress: Callable[[int, int], None],
    workers: int,
) -> None:
    drafts = {path: path.with_name(path.name + ".draft") for path in specs}
    for draft in drafts.values():
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
    _write({drafts[path]: spec for path, spec in specs.items()}, chosen, home=home, on_progress=on_progress,
           workers=workers)  # fmt: skip
    for path, draft in drafts.items():
        shutil.rmtree(path, ignore_errors=True)
        draft.replace(path)


def _is_made(out: Path, fingerprint: str) -> bool:
    return (out / _FACTS).is_file() and Pack(out).fingerprint == fingerprint


def pack_key(spec: PreprocessSpec, dataset_fingerprint: str) -> str:
    """Name of a pack: members of one crop size share it, as mean and deviation are applied later."""
    cropping = spec.model_dump(mode="json", exclude={"mean", "std"})
    return hashlib.sha256(canonical_json([cropping, dataset_fingerprint])).hexdigest()[:12]


def trainable(dataset: pd.DataFrame, *, medications: Sequence[Medication]) -> pd.DataFrame:
    """The rows to train and validate on, with their class in `label`; references only of seen appearances."""
    seen = dataset["appearance_role"].eq("seen") & dataset["duplicate_of"].isna()
    chosen = dataset[seen & dataset["split"].isin(["train", "validate", "reference"])].sort_values("photo_id")
    if not chosen["split"].eq("train").any():
        raise ValueError("the data set holds no photograph of the train split")
    by_id = {medication.medication_id: medication for medication in medications}
    looks = [side_look(by_id.get(row.medication_id), side=row.side, look_group=row.look_group)
             for row in chosen.itertuples()]  # fmt: skip
    return chosen.assign(label=pd.Categorical(looks).codes.astype(np.int64)).reset_index(drop=True)


def side_look(medication: Medication | None, *, side: str, look_group: str) -> str:
    """What one side of a pill looks like, as far as its crop shows: sides of equal value share one class.

    Blank sides of the same colours and shape look alike whatever the drug, and so do the two sides of a
    capsule that bears the same text twice. Where a token's side is not known, each side is its own class.
    """
    if medication is None or side == "unknown" or any(token.side is None for token in medication.imprint):
        return f"{look_group}/{side}"
    tokens = sorted(fold_imprint(token.text) or token.text for token in medication.imprint if token.side == side)
    facts = [tokens, sorted(medication.colors), medication.shape, medication.score, medication.imprint_type]
    return canonical_json(facts if tokens else facts[:-1]).decode()


def _fingerprint(chosen: pd.DataFrame, spec: PreprocessSpec) -> str:
    rows = chosen[["photo_id", "split", "label"]].to_csv(index=False).encode()
    cropping = spec.model_dump(mode="json", exclude={"mean", "std"})
    return hashlib.sha256(rows + canonical_json(cropping)).hexdigest()


def _write(
    drafts: Mapping[Path, PreprocessSpec],
    chosen: pd.DataFrame,
    *,
    home: Path,
    on_progress: Callable[[int, int], None],
    workers: int,
) -> None:
    """The crops of all drafts, and what stands beside them, in one pass over the photographs."""
    crops = {
        draft: np.lib.format.open_memmap(
            draft / "all.npy", mode="w+", dtype=np.uint8, shape=(len(chosen), spec.size_px, spec.size_px, 3)
        )
        for draft, spec in drafts.items()
    }
    kept, elongated = [], []
    paths = [home / path for path in chosen["path"]]
    for number, cropped in enumerate(_cropped(paths, specs=tuple(drafts.values()), workers=workers)):
        if cropped is not None:
            for crops_NSSC, crop_SSC in zip(crops.values(), cropped.crops, strict=True):
                crops_NSSC[len(kept)] = crop_SSC
            kept.append(number)
            elongated.append(cropped.elongated)
        on_progress(number + 1, len(chosen))
    columns = ["photo_id", "appearance_id", "side", "role", "split", "label"]
    rows = chosen.iloc[kept][columns].assign(elongated=elongated)
    for draft, spec in drafts.items():
        np.save(draft / _CROPS, crops.pop(draft)[: len(kept)])
        (draft / "all.npy").unlink()
        rows.to_parquet(draft / _ROWS, index=False)
        facts = {"fingerprint": _fingerprint(chosen, spec), "num_classes": int(chosen["label"].max()) + 1}
        (draft / _FACTS).write_text(json.dumps(facts))


@dataclass(frozen=True)
class Cropped:
    """The best pill of a photograph, once for each cropping asked for, and whether it has a long axis."""

    crops: tuple[np.ndarray, ...]
    elongated: bool


def _cropped(paths: Sequence[Path], *, specs: Sequence[PreprocessSpec], workers: int) -> Iterator[Cropped | None]:
    chunks = [paths[i : i + _CHUNK] for i in range(0, len(paths), _CHUNK)]
    crop = partial(crop_files, specs=specs)
    if workers <= 1:
        for chunk in chunks:
            yield from crop(chunk)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for results in pool.map(crop, chunks):
            yield from results


def crop_files(paths: Sequence[Path], *, specs: Sequence[PreprocessSpec]) -> list[Cropped | None]:
    """The crops of every file; None where no pill is found or the file is no picture."""
    cv2.setNumThreads(1)
    return [_crop_file(path, specs) for path in paths]


def _crop_file(path: Path, specs: Sequence[PreprocessSpec]) -> Cropped | None:
    try:
        picture = decode(path.read_bytes())
    except InputError:
        return None
    found = locate(picture.rgb_HWC, alpha_HW=picture.alpha_HW)
    if not found:
        return None
    crops = tuple(crop_pill(picture.rgb_HWC, found[0], spec=spec) for spec in specs)
    return Cropped(crops, elongated=found[0].length_px >= ELONGATED_FROM * found[0].width_px)
