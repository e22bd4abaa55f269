"""NLM's pill recognition challenge and its image collection, in the two layouts they were published in.

The challenge (2016): `groundTruthTable.csv` pairs a reference picture of `dr/` with a consumer picture of `dc/`;
reference names carry NDC-11, part and side. The collection: `directory_consumer_grade_images.txt`, a line a
picture, `NDC11|part|path|layout|name`.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bentos.runtime.medication import Medication
from data.photo import Photo, Unreadable, files_fingerprint
from data.sources.labelled import LayoutError, hyphenated, read_photo, read_table

TRUTH = "groundTruthTable.csv"
DIRECTORY = "directory_consumer_grade_images.txt"
_REFERENCE_NAME = re.compile(
    r"(?P<ndc11>\d{5}-\d{4}-\d{2})_PART_(?P<part>\d+)_OF_\d+_.*?_S(?P<side>[FB])_", re.IGNORECASE
)
_SIDES = {"F": "front", "B": "back"}
_ROLE_OF_LAYOUT = {"C3PI_TEST": "consumer", "C3PI_REFERENCE": "reference"}
_PICTURES = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class NlmChallengeSource:
    """Consumer photographs with their reference pictures; the label names NDC-11 and part.

    Of the collection, raw camera files and the two-sided frames are left out. Consumer pictures of one
    medication are one photo group: they show the same few pills.
    """

    directory: Path
    medications: Iterable[Medication] = field(default=(), kw_only=True)
    name: str = field(default="nlm_challenge", kw_only=True)

    @property
    def fingerprint(self) -> str:
        """Digest over the label files: the published pictures do not change under them."""
        return files_fingerprint(path for path in (self.directory / TRUTH, self.directory / DIRECTORY) if path.exists())

    def photos(self, *, skip: Callable[[str], bool]) -> Iterator[Photo | Unreadable]:
        """Stream the pictures in the order of the label file.

        Raises:
            LayoutError: neither label file is there.
        """
        if (self.directory / TRUTH).is_file():
            yield from self._challenge(skip)
        elif (self.directory / DIRECTORY).is_file():
            yield from self._collection(skip)
        else:
            raise LayoutError(f"{self.directory} holds neither {TRUTH} nor {DIRECTORY}")

    def _challenge(self, skip: Callable[[str], bool]) -> Iterator[Photo | Unreadable]:
        listed: set[str] = set()
        for row in read_table(self.directory / TRUTH, columns=("ref_images", "cons_images")):
            reference = row["ref_images"]
            for folder, file, role in (("dr", reference, "reference"), ("dc", row["cons_images"], "consumer")):
                name = f"{folder}/{file}"
                if name not in listed:
                    yield from self._labelled(name, reference, role=role, skip=skip)
                listed.add(name)

    def _labelled(
        self, name: str, reference: str, *, role: str, skip: Callable[[str], bool]
    ) -> Iterator[Photo | Unreadable]:
        label = _REFERENCE_NAME.match(reference)
        if label is None:
            yield Unreadable(name, self.name, f"the reference name {reference!r} states no NDC-11, part and side")
            return
        medication_id = f"{label['ndc11']}.{int(label['part'])}"
        yield from read_photo(
            self.directory / name,
            name=name,
            source=self.name,
            skip=skip,
            role=role,
            medication_id=medication_id,
            group=f"{self.name}/{medication_id}",
            side=_SIDES[label["side"].upper()],
            conditions={"light": "studio"} if role == "reference" else {},
        )

    def _collection(self, skip: Callable[[str], bool]) -> Iterator[Photo | Unreadable]:
        with (self.directory / DIRECTORY).open(newline="", encoding="utf-8", errors="replace") as handle:
            for row in csv.reader(handle, delimiter="|", quoting=csv.QUOTE_NONE):
                role = _ROLE_OF_LAYOUT.get(row[3].strip().upper()) if len(row) == 5 else None
                if role is None or not row[2].casefold().endswith(_PICTURES):
                    continue
                medication_id = f"{hyphenated(row[0].strip())}.{row[1].strip()}"
                yield from read_photo(
                    self.directory / row[2],
                    name=row[2],
                    source=self.name,
                    skip=skip,
                    role=role,
                    medication_id=medication_id,
                    group=f"{self.name}/{medication_id}",
                )
