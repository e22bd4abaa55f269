"""Simulated photographs of held-out reference sides as a data set: what fusion and thresholds are fitted on.

Every photograph is of an appearance that neither the encoders nor the reader were trained on, so what is fitted
on them holds for pills that are enrolled later. Photographs and references are files below one directory, in
the manifest's columns.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from bentos.runtime.enrol import ReferencePicture
from bentos.runtime.medication import Medication, appearance_id_of, look_group_of
from data.catalogue.nlm import NlmCatalogue, read_nlm_catalogue
from data.enrolment import Reference, sides_of
from data.sources.rximage import CutOutError
from training.pretrain.held_out import held_out
from training.pretrain.pack import Side
from training.pretrain.simulate import simulate_photo

SPLITS = ("fit", "calibrate", "test")
_JPEG_QUALITY = (70, 95)


@dataclass(frozen=True)
class SimulatedSet:
    """`photos` has the data set's columns, paths below `home`; `references` are the sides of the small gallery.

    `market` is the whole catalogue but for the held-out looks: what imprints in general say.
    """

    home: Path
    photos: pd.DataFrame
    medications: tuple[Medication, ...]
    references: tuple[ReferencePicture, ...]
    market: tuple[Medication, ...]

    @property
    def fingerprint(self) -> str:
        """Twelve hex digits over all photographs and the catalogue's medications of the small gallery."""
        told = [*sorted(self.photos["photo_id"]), *(row.model_dump_json() for row in self.medications)]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]


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
    """Photographs of held-out sides under `rximage`, and a gallery of all of them with `num_others` trained looks.

    A held-out look group is in one split alone: a third each to fit, to calibrate and to test; those of `splits`
    are photographed, and the trained looks as split `train`.
    """
    read = read_nlm_catalogue(rximage / "catalogue.csv")
    known = {row.medication_id: row for row in read.medications}
    chosen = _chosen(read.gallery_medications, num_others=num_others, seed=seed)
    rows, references = [], []
    for reference in _sides(rximage, read, chosen):
        medication = known[reference.medication_id]
        references.append(reference)
        look = look_group_of(medication)
        if held_out(look) and split_of(look) in splits:
            rows += _photographed(reference, medication, split=split_of(look), home=home, num=photos_per_side,
                                  seed=seed)  # fmt: skip
        elif not held_out(look):
            rows.append(_row(reference, medication, split="unused", path="", key=reference.picture_digest))
            rows += _photographed(reference, medication, split="train", home=home, num=photos_per_side, seed=seed)
        on_side(len(references))
    market = tuple(row for row in read.medications if not held_out(look_group_of(row)))
    return SimulatedSet(home, pd.DataFrame(rows), tuple(known[key] for key in chosen), tuple(references), market)


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


def _chosen(medications: Sequence[Medication], *, num_others: int, seed: int) -> list[str]:
    held = [row.medication_id for row in medications if held_out(look_group_of(row))]
    rest = [row.medication_id for row in medications if not held_out(look_group_of(row))]
    order = np.random.default_rng(seed).permutation(len(rest))[:num_others]
    return sorted([*held, *(rest[i] for i in order)])


def _sides(rximage: Path, read: NlmCatalogue, chosen: Sequence[str]) -> Iterator[ReferencePicture]:
    """Both sides of each chosen medication's first frame; frames that cannot be cut are passed over."""
    for medication_id in chosen:
        frame = Reference(medication_id, rximage / "images" / read.image_files[medication_id][0], None)
        try:
            yield from list(sides_of(frame, source="rximage"))
        except CutOutError:
            continue


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
