"""The crop pack: every training photograph decoded, located and cropped once, by the runtime's own code.

Shapes: N crops, S size in px.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from multiprocessing import get_context
from pathlib import Path

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
) -> Pack:
    """Crop the train and validate photographs and the references of the appearances that may be trained on.

    Args:
        dataset: the manifest with splits; `path` is relative to `home`.
        medications: the catalogue, whose imprint says which sides look alike.
        out: the pack's directory; one that is already there with the same content is used as it is.
        on_progress: called with photographs done and all.

    Photographs in which no pill is found are left out.

    Raises:
        ValueError: no photograph to train on.
    """
    chosen = trainable(dataset, medications=medications)
    fingerprint = _fingerprint(chosen, spec)
    pack = Pack(out)
    if (out / _FACTS).is_file() and pack.fingerprint == fingerprint:
        on_progress(len(chosen), len(chosen))
        return pack
    draft = out.with_name(out.name + ".draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    _write(draft, chosen, home=home, spec=spec, on_progress=on_progress, workers=workers, fingerprint=fingerprint)
    shutil.rmtree(out, ignore_errors=True)
    draft.replace(out)
    return pack


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
    draft: Path,
    chosen: pd.DataFrame,
    *,
    home: Path,
    spec: PreprocessSpec,
    on_progress: Callable[[int, int], None],
    workers: int,
    fingerprint: str,
) -> None:
    shape = (len(chosen), spec.size_px, spec.size_px, 3)
    crops_NSSC = np.lib.format.open_memmap(draft / "all.npy", mode="w+", dtype=np.uint8, shape=shape)
    kept, elongated = [], []
    paths = [home / path for path in chosen["path"]]
    for number, (crop_SSC, long) in enumerate(_cropped(paths, spec=spec, workers=workers)):
        if crop_SSC is not None:
            crops_NSSC[len(kept)] = crop_SSC
            kept.append(number)
            elongated.append(long)
        on_progress(number + 1, len(chosen))
    np.save(draft / _CROPS, crops_NSSC[: len(kept)])
    (draft / "all.npy").unlink()
    columns = ["photo_id", "appearance_id", "side", "role", "split", "label"]
    rows = chosen.iloc[kept][columns].assign(elongated=elongated)
    rows.to_parquet(draft / _ROWS, index=False)
    facts = {"fingerprint": fingerprint, "num_classes": int(chosen["label"].max()) + 1}
    (draft / _FACTS).write_text(json.dumps(facts))


def _cropped(paths: Sequence[Path], *, spec: PreprocessSpec, workers: int) -> Iterator[tuple[np.ndarray | None, bool]]:
    chunks = [paths[i : i + _CHUNK] for i in range(0, len(paths), _CHUNK)]
    crop = partial(crop_files, spec=spec)
    if workers <= 1:
        for chunk in chunks:
            yield from crop(chunk)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for results in pool.map(crop, chunks):
            yield from results


def crop_files(paths: Sequence[Path], *, spec: PreprocessSpec) -> list[tuple[np.ndarray | None, bool]]:
    """Per file: the crop of the best pill (None where none is found), and whether it has a long axis."""
    cv2.setNumThreads(1)
    return [_crop_file(path, spec) for path in paths]


def _crop_file(path: Path, spec: PreprocessSpec) -> tuple[np.ndarray | None, bool]:
    try:
        picture = decode(path.read_bytes())
    except InputError:
        return None, False
    found = locate(picture.rgb_HWC, alpha_HW=picture.alpha_HW)
    if not found:
        return None, False
    return crop_pill(picture.rgb_HWC, found[0], spec=spec), found[0].length_px >= ELONGATED_FROM * found[0].width_px
