"""The command `enrol`: which catalogue, which pictures, whose recogniser."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bentos.release import directories, read_release
from bentos.runtime.medication import Medication
from bentos.settings import Settings
from bentos.signing import read_public_key
from data.catalogue.nlm import read_nlm_catalogue
from data.catalogue.plain import read_csv_catalogue
from data.enrolment import Enrolled, Reference, enrol
from data.photo import first_parts
from data.sources.labelled import read_table
from monitoring.gallery_gate import judge_gallery
from monitoring.gates import Gates
from pipelines.showing import CommandFault, one_bar

LABELS = "labels.csv"


@dataclass(frozen=True)
class Outcome:
    """An enrolment with the gate of its gallery."""

    out: Path
    enrolled: Enrolled
    gates: Gates

    def table(self) -> Table:
        """What a person wants to know of it."""
        spec, table = self.enrolled.gallery, Table(show_header=False, title=str(self.out), title_justify="left")
        table.add_row("medications", str(len(spec.medications)))
        table.add_row("appearances", str(len(spec.appearances)))
        table.add_row("views", str(len(spec.views)))
        table.add_row("pictures without a view", str(len(self.enrolled.refused)))
        for name, reason in list(self.enrolled.refused.items())[:5]:
            table.add_row(f"  {name[:40]}", reason)
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


def read_references(catalogue: Path, images: Path) -> tuple[list[Medication], list[Reference], str]:
    """The medications of an NLM or plain catalogue, their pictures below `images`, and the source's name.

    With a plain catalogue, `images` holds labels.csv with the columns file, ndc11, side.
    """
    if "image_files" in catalogue.read_text("utf-8-sig").partition("\n")[0].strip().split(","):
        return _nlm(catalogue, images)
    medications = read_csv_catalogue(catalogue)
    first = first_parts(medications)
    rows = read_table(images / LABELS, columns=("file", "ndc11", "side"))
    strangers = sorted({row["ndc11"] for row in rows} - first.keys())
    if strangers:
        raise CommandFault(f"{images / LABELS} names {strangers[0]}, which {catalogue} does not hold")
    return medications, [Reference(first[row["ndc11"]], images / row["file"], row["side"]) for row in rows], "folder"


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
    """The base bundle's, else the one that the bundle has already, else the champion's."""
    if base is not None:
        return base / "recogniser"
    if (out / "recogniser").is_dir():
        return out / "recogniser"
    settings = Settings()
    try:
        release = read_release(settings.release_path, key=read_public_key(settings.public_key_path))
    except FileNotFoundError as error:
        raise CommandFault("nothing is released yet; name a --bundle, or run `rxvision run` first") from error
    return directories(release.champion, home=settings.home)[0]
