"""A directory of photographs with `labels.csv`: file, ndc11, background, side."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bentos.runtime.medication import Medication
from data.photo import Photo, Unreadable, files_fingerprint, first_parts
from data.sources.labelled import read_photo, read_table

LABELS = "labels.csv"
_SIDES = {"front": "front", "back": "back"}


@dataclass(frozen=True)
class FolderSource:
    """Consumer photographs of a directory.

    A label means the first part of its NDC-11; one outside the catalogue ends in the quarantine. Optional
    columns: `group` (pictures taken together; without it the photographs of one medication form a group),
    `light`, `blur`, `taken_on`, `lot`.
    """

    directory: Path
    medications: Iterable[Medication] = field(kw_only=True)
    name: str = field(default="folder", kw_only=True)

    @property
    def fingerprint(self) -> str:
        """Digest over the label file and the pictures' names, sizes and modification times."""
        return files_fingerprint(sorted(path for path in self.directory.iterdir() if path.is_file()))

    def photos(self, *, skip: Callable[[str], bool]) -> Iterator[Photo | Unreadable]:
        """Stream the labelled photographs in the order of the table."""
        first = first_parts(self.medications)
        for row in read_table(self.directory / LABELS, columns=("file", "ndc11")):
            ndc11 = row["ndc11"]
            yield from read_photo(
                self.directory / row["file"],
                name=row["file"],
                source=self.name,
                skip=skip,
                role="consumer",
                medication_id=first.get(ndc11, ndc11 or None),
                group=f"{self.name}/{row.get('group') or ndc11}",
                side=_SIDES.get(row.get("side", "").casefold(), "unknown"),
                lot=row.get("lot") or None,
                taken_on=row.get("taken_on") or None,
                conditions={name: row[name] for name in ("background", "light", "blur") if row.get(name)},
            )
