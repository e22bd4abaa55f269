"""The ePillID benchmark as published: `all_labels.csv`, pictures below `classification_data/`.

Layout: Usuyama et al., "ePillID Dataset: A Low-Shot Fine-Grained Benchmark for Pill Identification", 2020.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bentos.runtime.medication import Medication
from data.photo import Photo, Unreadable, files_fingerprint, first_parts
from data.sources.labelled import read_photo, read_table, truth

LABELS = "all_labels.csv"
PICTURES = "classification_data"


@dataclass(frozen=True)
class EPillIdSource:
    """Consumer and reference pictures of pill sides, already cut to the pill.

    `pilltype_id` begins with the NDC-11. Consumer pictures of one pill type are one photo group, as they show
    one pill.
    """

    directory: Path
    medications: Iterable[Medication] = field(kw_only=True)
    name: str = field(default="epillid", kw_only=True)

    @property
    def fingerprint(self) -> str:
        """Digest over the label file: the published pictures do not change under it."""
        return files_fingerprint([self.directory / LABELS])

    def photos(self, *, skip: Callable[[str], bool]) -> Iterator[Photo | Unreadable]:
        """Stream the pictures in the order of the table."""
        first = first_parts(self.medications)
        for row in read_table(self.directory / LABELS, columns=("pilltype_id", "is_ref", "is_front", "image_path")):
            ndc11 = row["pilltype_id"].partition("_")[0]
            is_reference = truth(row["is_ref"])
            yield from read_photo(
                self.directory / PICTURES / row["image_path"],
                name=row["image_path"],
                source=self.name,
                skip=skip,
                role="reference" if is_reference else "consumer",
                medication_id=first.get(ndc11, ndc11),
                group=f"{self.name}/{row['pilltype_id']}",
                side="front" if truth(row["is_front"]) else "back",
                conditions={"light": "studio"} if is_reference else {},
            )
