"""Simulated photographs of held-out reference sides as a data set: what fusion and thresholds are fitted on.

Every photograph is of an appearance that neither the encoders nor the reader were trained on, so what is fitted
on them holds for pills that are enrolled later. Photographs and references are files below one directory, in
the manifest's columns.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from bentos.runtime.enrol import ReferencePicture
from bentos.runtime.medication import Medication, appearance_id_of, look_group_of
from data.catalogue.nlm import read_nlm_catalogue
from data.enrolment import Reference, sides_of
from data.sources.rximage import CutOutError
from training.pretrain.held_out import held_out
from training.pretrain.pack import Side
from training.pretrain.simulate import simulate_photo

SPLITS = ("fit", "calibrate", "test")
_JPEG_QUALITY = (70, 95)


@dataclass(frozen=True)
class SimulatedSet:
    """`photos` has the data set's columns, paths below `home`; `references` are the sides of the whole gallery.

    `medications` are the gallery's, `market` the whole catalogue but for the held-out looks: what imprints in general
    say.
    """

    home: Path
    photos: pd.DataFrame
    medications: tuple[Medication, ...]
    references: "ReferenceSides"
    market: tuple[Medication, ...]

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits over all photographs and the gallery's medications."""
        told = [*sorted(self.photos["photo_id"]), *(row.model_dump_json() for row in self.medications)]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class ReferenceSides:
    """Both sides of each medication's first frame under `rximage`, cut out anew whenever they are walked through.

    Frames that cannot be cut are passed over.
    """

    rximage: Path
    image_files: Mapping[str, Sequence[str]]
    medication_ids: tuple[str, ...]

    def __iter__(self) -> Iterator[ReferencePicture]:
        for medication_id in self.medication_ids:
            frame = Reference(medication_id, self.rximage / "images" / self.image_files[medication_id][0], None)
            try:
                yield from list(sides_of(frame, source="rximage"))
            except CutOutError:
                continue

    def among(self, medication_ids: Collection[str]) -> "ReferenceSides":
        """Those of some medications, in their order here."""
        chosen = tuple(number for number in self.medication_ids if number in medication_ids)
        return replace(self, medication_ids=chosen)


def simulated_set(
    rximage: Path,
    *,
    home: Path,
    photos_per_side: int,
    num_others: int,
    seed: int,
    splits: Sequence[str] = SPLITS,
    on_side: Callable[[int], None] = lambda num: None,
) -> SimulatedSet:
    """Photographs of held-out sides under `rximage` and of `num_others` trained looks, with the whole gallery.

    A held-out look group is in one split alone: a third each to fit, to calibrate and to test; those of `splits`
    are photographed, and the trained looks as split `train`. Packs are in the gallery, but not photographed: which of
    their pills a picture shows is not sure (of 14 unknown pills that looked most like known ones, ten were
    contraceptives whose picture is of the same pack's or another's pill), and a wrong label moves every limit.
    """
    read = read_nlm_catalogue(rximage / "catalogue.csv")
    known = {row.medication_id: row for row in read.gallery_medications}
    sides = ReferenceSides(rximage, read.image_files, tuple(known))
    photographed = _photographed_of(read.gallery_medications, splits=splits, num_others=num_others, seed=seed)
    rows = []
    for done, reference in enumerate(sides.among(photographed), start=1):
        medication = known[reference.medication_id]
        look = look_group_of(medication)
        if held_out(look):
            rows += _photographed(reference, medication, split=split_of(look), home=home, num=photos_per_side,
                                  seed=seed)  # fmt: skip
        else:
            rows.append(_row(reference, medication, split="unused", path="", key=reference.picture_digest))
            rows += _photographed(reference, medication, split="train", home=home, num=photos_per_side, seed=seed)
        on_side(done)
    market = tuple(row for row in read.medications if not held_out(look_group_of(row)))
    return SimulatedSet(home, pd.DataFrame(rows), tuple(read.gallery_medications), sides, market)


def write_labels(simulated: SimulatedSet) -> Path:
    """Write `labels.csv` beside the photographs, as `rxvision benchmark` reads it; returns its directory."""
    ndc_of = {row.medication_id: row.ndc11 for row in simulated.medications}
    photos = simulated.photos[simulated.photos["path"] != ""]
    table = pd.DataFrame({
        "file": photos["path"],
        "ndc11": photos["medication_id"].map(ndc_of),
        "background": "simulated",
        "side": photos["side"],
    })  # fmt: skip
    table.to_csv(simulated.home / "labels.csv", index=False)
    return simulated.home


def split_of(look_group: str) -> str:
    """The split of a held-out look group, by its name alone."""
    return SPLITS[int(hashlib.sha256(f"split {look_group}".encode()).hexdigest(), 16) % len(SPLITS)]


def _photographed_of(
    medications: Sequence[Medication], *, splits: Sequence[str], num_others: int, seed: int
) -> frozenset[str]:
    single = [row for row in medications if not row.is_pack]
    held = [row for row in single if held_out(look_group_of(row)) and split_of(look_group_of(row)) in splits]
    rest = [row for row in single if not held_out(look_group_of(row))]
    order = np.random.default_rng(seed).permutation(len(rest))[:num_others]
    return frozenset(row.medication_id for row in [*held, *(rest[i] for i in order)])


def _photographed(
    reference: ReferencePicture, medication: Medication, *, split: str, home: Path, num: int, seed: int
) -> Iterator[dict]:
    side = Side(reference.rgb_HWC, reference.mask_HW)
    for number in range(num):
        key = f"{reference.picture_digest} {seed} {number}"
        rng = np.random.default_rng(int(hashlib.sha256(key.encode()).hexdigest()[:15], 16))
        rgb_HWC = simulate_photo(side, rng, marked=medication.imprint_type or "")
        quality = int(rng.integers(*_JPEG_QUALITY))
        data = cv2.imencode(".jpg", rgb_HWC[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        digest = hashlib.sha256(data).hexdigest()
        path = Path("simulated") / split / f"{digest[:20]}.jpg"
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_bytes(data)
        yield _row(reference, medication, split=split, path=str(path), key=digest)


def _row(reference: ReferencePicture, medication: Medication, *, split: str, path: str, key: str) -> dict:
    return {
        "photo_id": key,
        "path": path,
        "split": split,
        "role": "consumer",
        "appearance_role": "seen" if split in ("unused", "train") else "unseen",
        "medication_id": reference.medication_id,
        "appearance_id": appearance_id_of(medication),
        "look_group": look_group_of(medication),
        "side": reference.side,
    }
