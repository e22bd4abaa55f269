"""The data scientist's commands of `rxvision`: run, ui, enrol, benchmark, compare, rollback, render."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipelines.evidence_commands import app as evidence_commands
from pipelines.trial_commands import app as trial_commands

app = typer.Typer(no_args_is_help=True, help="Train, judge, promote and measure.")
app.add_typer(trial_commands)
app.add_typer(evidence_commands)
Directory = Annotated[Path, typer.Option(exists=True, file_okay=False)]
GallerySizes = Annotated[
    Path | None, typer.Option(help="directory for coverage and false names over the gallery's size")
]
Beside = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="figures of simulated photographs, for the page")
]
Against = Annotated[
    list[str] | None, typer.Option(help="NAME=FILE, another bundle's figures on the same photographs, for the page")
]
Deletion = Annotated[
    int, typer.Option(min=0, max=5000, help="photographs on which heat maps are checked by painting parts over")
]
WorstCases = Annotated[
    Path | None, typer.Option(dir_okay=False, help="HTML page of the worst answers with their photographs")
]


class Protocol(StrEnum):
    """Whose questions a benchmark asks."""

    PHOTOS = "photos"
    EPILLID = "epillid"


@app.command()
def run(
    *,
    once: Annotated[bool, typer.Option("--once", help="end instead of serving")] = False,
    config: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="YAML as in the Launchpad")] = None,
) -> None:
    """Run the whole line: photographs, training, evaluation, promotion; then serve it with its interfaces."""
    from pipelines.line import run_and_serve, run_once

    console = Console()
    (run_once if once else run_and_serve)(console, config=config)


@app.command()
def ui() -> None:
    """Start Dagster's and MLflow's interfaces on what runs have left, until stopped."""
    from pipelines.line import show_interfaces

    show_interfaces(Console())


@app.command()
def rollback(
    *,
    reason: Annotated[str | None, typer.Option(help="stands in the journal for good: nothing about a patient")] = None,
) -> None:
    """Put the previous release back in force; services follow within seconds."""
    from pipelines.line import roll_back
    from pipelines.showing import in_one_sentence

    with in_one_sentence():
        spec = roll_back(reason=reason)
    Console().print(f"version {spec.champion.version} is in force again: recogniser {spec.champion.recogniser[7:19]}, "
                    f"gallery {spec.champion.gallery[7:19]}")  # fmt: skip


@app.command()
def enrol(
    *,
    out: Annotated[Path, typer.Option(help="bundle to write; medications are added to one that is there")],
    catalogue: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="NLM catalogue.csv, or plain columns")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="reference pictures of its rows")
    ] = None,
    onto: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="bundle whose gallery is edited; it stays")
    ] = None,
    remove: Annotated[list[str] | None, typer.Option(help="medication of --onto to leave out, 00002-3228-30.1")] = None,
    bundle: Annotated[Path | None, typer.Option(help="whose recogniser to use; else the champion's")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64)] = 2,
) -> None:
    """Add medications to a bundle from their reference pictures, without training."""
    from pipelines.enrolment import edit_into, enrol_into
    from pipelines.showing import CommandFault, in_one_sentence

    console = Console()
    if (catalogue is None) != (images is None) or (catalogue is None and not remove) or (remove and onto is None):
        raise CommandFault("give --catalogue with --images, or --onto with --remove")
    with in_one_sentence():
        if onto is not None:
            outcome = edit_into(out, onto=onto, catalogue=catalogue, images=images, remove=remove or ())
            console.print(outcome.table())
            return
        outcome = enrol_into(out, catalogue=catalogue, images=images, base=bundle, workers=workers, console=console)
    console.print(outcome.table())


@app.command()
def benchmark(
    *,
    bundle: Directory,
    photos: Directory,
    json_out: Annotated[Path, typer.Option("--json", help="where the figures go")],
    records: Annotated[Path | None, typer.Option(help="JSON lines, one per photograph, for `compare`")] = None,
    page: Annotated[Path | None, typer.Option(help="where the figures go as a page to read, in Markdown")] = None,
    protocol: Annotated[Protocol, typer.Option(help="photos: labels.csv; epillid: as published, retrieval alone")] = (
        Protocol.PHOTOS
    ),
    gallery_sizes: GallerySizes = None,
    ablations: Annotated[bool, typer.Option("--ablations", help="also with single cues left out")] = False,
    beside: Beside = None,
    against: Against = None,
    deletion: Deletion = 0,
    worst_cases: WorstCases = None,
    seed: Annotated[int, typer.Option(help="draws partial imprints and bootstrap samples")] = 0,
) -> None:
    """Measure a bundle on labelled photographs (labels.csv: file, ndc11, background, side)."""
    from pipelines.measuring import Wanted, measure
    from pipelines.showing import benchmark_table, further_tables, in_one_sentence

    console = Console()
    if protocol is Protocol.EPILLID:
        from pipelines.protocols import measure_epillid

        console.print(measure_epillid(bundle, photos, json_out=json_out, seed=seed, console=console))
        return
    wanted = Wanted(json_out, records=records, page=page, sizes=gallery_sizes, ablations=ablations, beside=beside,
                    against=dict(one.split("=", 1) for one in against or ()), deletion=deletion,
                    worst_cases=worst_cases)  # fmt: skip
    with in_one_sentence():
        figures = measure(bundle, photos, wanted=wanted, seed=seed, console=console)
    for table in (benchmark_table(figures), *further_tables(figures)):
        console.print(table)


@app.command()
def recalibrate(
    *,
    photos: Annotated[Path, typer.Option(exists=True, file_okay=False, help="labels.csv: file, ndc11, side ...")],
    name: Annotated[str, typer.Option(help="whose photographs; names the domain of the new promises")],
    bundle: Annotated[Path | None, typer.Option(help="bundle to start from; else the champion")] = None,
    add_prototypes: Annotated[bool, typer.Option("--add-prototypes", help="photographs become views, too")] = False,
    promote: Annotated[bool, typer.Option("--promote", help="put it in force where it passes its gates")] = False,
    seed: Annotated[int, typer.Option(help="deals the pills into those to fit on and those to judge with")] = 7,
) -> None:
    """Fit confidence and thresholds to a site's own labelled photographs; the networks stay as they are."""
    from bentos.settings import Settings
    from pipelines.recalibration import promote_outcome, recalibrate_from
    from pipelines.showing import in_one_sentence

    console = Console()
    with in_one_sentence():
        outcome = recalibrate_from(photos, name=name, bundle=bundle, add_prototypes=add_prototypes, seed=seed,
                                   settings=Settings(), console=console)  # fmt: skip
        console.print(outcome.table())
        console.print(f"written to {outcome.directory}")
        if promote:
            spec = promote_outcome(outcome)
            console.print(f"version {spec.champion.version} is in force")
    if not outcome.gates.passed:
        raise typer.Exit(1)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="A.jsonl")],
    second: Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="B.jsonl")],
) -> None:
    """Compare two benchmarks' records photograph by photograph: differences B - A with 95 % intervals, as JSON."""
    from monitoring.compare import compare as held_together
    from pipelines.showing import in_one_sentence

    with in_one_sentence():
        print(json.dumps(held_together(first, second), indent=1))


@app.command()
def render(
    *,
    out: Annotated[Path, typer.Option(help="directory for the pictures and labels.csv")],
    medication: Annotated[list[str] | None, typer.Option(help="NDC-11 of the formulary; all without it")] = None,
    photos_per_side: Annotated[int, typer.Option(min=1, max=500)] = 2,
    seed: int = 0,
    pool: Annotated[str, typer.Option(help="train or test: whose backgrounds and lights")] = "test",
) -> None:
    """Draw photographs of formulary medications, with labels, as a directory that `benchmark` reads."""
    from pipelines.drawing import render_into

    number = render_into(out, ndc11s=medication, photos_per_side=photos_per_side, seed=seed, pool=pool)
    Console().print(f"{number} photographs in {out}")
