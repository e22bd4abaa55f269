"""The command `enrol`: which catalogue, which pictures, whose recogniser; or an edit of a bundle's gallery."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bentos.release import directories, read_release
from bentos.runtime.gallery import Gallery
from bentos.runtime.medication import Medication
from bentos.runtime.recogniser import Recogniser
from bentos.settings import Settings
from bentos.signing import read_public_key
from data.catalogue.nlm import read_nlm_catalogue
from data.catalogue.plain import read_csv_catalogue
from data.enrolment import Enrolled, Reference, enrol, own_recogniser, readable
from data.gallery_edit import edit_gallery
from data.photo import first_parts
from data.sources.labelled import read_table
from monitoring.gallery_gate import judge_gallery
from monitoring.gates import Gates
from pipelines.showing import CommandFault, one_bar
from training.committed import PRETRAINED

LABELS = "labels.csv"
_SIDES = {"front": "front", "back": "back", "unknown": "unknown", "both": None}


@dataclass(frozen=True)
class Outcome:
    """An enrolment with the gate of its gallery."""

    out: Path
    enrolled: Enrolled
    gates: Gates
    seconds: float | None = None

    def table(self) -> Table:
        """What a person wants to know of it."""
        spec, table = self.enrolled.gallery, Table(show_header=False, title=str(self.out), title_justify="left")
        table.add_row("medications", str(len(spec.medications)))
        table.add_row("appearances", str(len(spec.appearances)))
        table.add_row("views", str(len(spec.views)))
        table.add_row("pictures without a view", str(len(self.enrolled.refused)))
        for name, reason in list(self.enrolled.refused.items())[:5]:
            table.add_row(f"  {name[:40]}", reason)
        if self.seconds is not None:
            table.add_row("written in", f"{self.seconds:.2f} s")
        for gate in self.gates.gates:
            table.add_row(f"gate: {gate.name}", f"{'passed' if gate.passed else 'FAILED'} ({gate.measured})")
        return table


def enrol_into(
    out: Path, *, catalogue: Path, images: Path, base: Path | None, workers: int, console: Console
) -> Outcome:
    """Enrol a catalogue's pictures into the bundle `out`, and judge its gallery.

    Raises:
        CommandFault: there is no recogniser to use, or no picture of any row.
        CatalogueError: a row is refused, with file, line and reason.
        ContractError: a file of a bundle was changed.
    """
    medications, references, source = read_references(catalogue, images)
    if not references:
        raise CommandFault(f"{images} holds no picture of any row of {catalogue}")
    recogniser = _recogniser(out, base)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with one_bar("reference pictures", console=console) as on_progress:
        enrolled = enrol(out, recogniser=recogniser, medications=medications, references=references, source=source,
                         now=now, workers=workers, on_progress=on_progress)  # fmt: skip
    return Outcome(out, enrolled, judge_gallery(out / "gallery", recogniser=out / "recogniser"))


def edit_into(
    out: Path, *, onto: Path, catalogue: Path | None, images: Path | None, remove: Collection[str]
) -> Outcome:
    """Write a bundle with the gallery of the bundle `onto`, less the medications `remove`, plus a catalogue's.

    Raises:
        CommandFault: a picture shows no medication of the catalogue, or the catalogue has no picture.
        CatalogueError: a row is refused, with file, line and reason.
        ContractError: `out` has a gallery, a medication to remove is not there, or a file was changed.
    """
    medications, references, source = read_references(catalogue, images) if catalogue and images else ([], [], "")
    if catalogue and not references:
        raise CommandFault(f"{images} holds no picture of any row of {catalogue}")
    recogniser = Recogniser.load(own_recogniser(out, onto / "recogniser"))
    gallery = Gallery.load(onto / "gallery", recogniser=recogniser)
    refused: dict[str, str] = {}
    now, started = datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter()
    pictures = list(readable(references, source=source, refused=refused))
    spec = edit_gallery(gallery, recogniser=recogniser, out=out / "gallery", name=out.name, now=now,
                        medications=medications, references=pictures, remove=remove)  # fmt: skip
    seconds = time.perf_counter() - started
    gates = judge_gallery(out / "gallery", recogniser=out / "recogniser")
    return Outcome(out, Enrolled(spec, len(references), refused), gates, seconds)


def read_references(catalogue: Path, images: Path) -> tuple[list[Medication], list[Reference], str]:
    """The medications of an NLM or plain catalogue, their pictures below `images`, and the source's name.

    With a plain catalogue, `images` holds labels.csv with the columns file, ndc11, side (front, back, or both: the
    two sides in one frame), and, where they are known, lot and taken_on.
    """
    if "image_files" in catalogue.read_text("utf-8-sig").partition("\n")[0].strip().split(","):
        return _nlm(catalogue, images)
    medications = read_csv_catalogue(catalogue)
    first = first_parts(medications)
    rows = read_table(images / LABELS, columns=("file", "ndc11", "side"))
    strangers = sorted({row["ndc11"] for row in rows} - first.keys())
    if strangers:
        raise CommandFault(f"{images / LABELS} names {strangers[0]}, which {catalogue} does not hold")
    return medications, [_labelled(row, first[row["ndc11"]], images) for row in rows], "folder"


def _labelled(row: Mapping[str, str], medication_id: str, images: Path) -> Reference:
    if row["side"] not in _SIDES:
        raise CommandFault(f"{images / LABELS}: {row['file']} shows {row['side']!r}; one of {', '.join(_SIDES)}")
    return Reference(medication_id, images / row["file"], _SIDES[row["side"]], lot=row.get("lot") or None,
                     taken_on=row.get("taken_on") or None)  # fmt: skip


def _nlm(catalogue: Path, images: Path) -> tuple[list[Medication], list[Reference], str]:
    read = read_nlm_catalogue(catalogue)
    below = images / "images" if (images / "images").is_dir() else images
    references = [
        Reference(medication_id, below / file, None)
        for medication_id, files in read.image_files.items()
        for file in files
        if (below / file).is_file()
    ]
    return read.medications, references, "rximage"


def _recogniser(out: Path, base: Path | None) -> Path:
    """The base bundle's, else the one that the bundle has already, else the champion's, else the pre-trained one."""
    if base is not None:
        return base / "recogniser"
    if (out / "recogniser").is_dir():
        return out / "recogniser"
    settings = Settings()
    try:
        release = read_release(settings.release_path, key=read_public_key(settings.public_key_path))
    except FileNotFoundError:
        return PRETRAINED
    return directories(release.champion, home=settings.home)[0]
