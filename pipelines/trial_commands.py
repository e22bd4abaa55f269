"""The commands around a running release: challenge, shadow, and what becomes of an experiment."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from bentos.release import ReleaseSpec


class Role(StrEnum):
    """Who is tried."""

    CHALLENGER = "challenger"
    SHADOW = "shadow"


app = typer.Typer()
experiment = typer.Typer(no_args_is_help=True, help="What a challenger or shadow has shown, and what becomes of it.")

Version = Annotated[str | None, typer.Option(help="the registry's version, or give a bundle")]
Bundle = Annotated[
    Path | None, typer.Option(exists=True, file_okay=False, help="recogniser/ and gallery/ below home, instead")
]
Gallery = Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="where a version has several")]


@app.command()
def challenge(
    *,
    version: Version = None,
    bundle: Bundle = None,
    gallery: Gallery = None,
    verdict: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="else found in home")] = None,
    share: Annotated[float, typer.Option(min=0, max=0.5, help="of the callers; always the same ones")] = 0.1,
) -> None:
    """Give a judged version a share of the traffic beside the champion."""
    from assets.trials import Wanted
    from pipelines.showing import in_one_sentence
    from pipelines.trials import challenge_with

    with in_one_sentence():
        spec = challenge_with(Wanted(version, bundle, gallery, verdict), share=share)
    Console().print(named(spec))


@app.command()
def shadow(*, version: Version = None, bundle: Bundle = None, gallery: Gallery = None) -> None:
    """Let a version answer everything once more, unseen; its answers are compared and journalled."""
    from assets.trials import Wanted
    from pipelines.showing import in_one_sentence
    from pipelines.trials import shadow_with

    with in_one_sentence():
        spec = shadow_with(Wanted(version, bundle, gallery))
    Console().print(named(spec))


@experiment.command()
def end() -> None:
    """Take challenger and shadow out of the release."""
    from pipelines.showing import in_one_sentence
    from pipelines.trials import end

    with in_one_sentence():
        spec = end()
    Console().print(named(spec))


@experiment.command()
def resume() -> None:
    """Let an experiment that disagreement paused go on after a review."""
    from pipelines.showing import in_one_sentence
    from pipelines.trials import go_on

    with in_one_sentence():
        spec = go_on()
    Console().print(named(spec))


@experiment.command()
def settle() -> None:
    """Sign what the services have decided by themselves: a withdrawn variant leaves the release."""
    from pipelines.showing import in_one_sentence
    from pipelines.trials import settled

    with in_one_sentence():
        spec = settled()
    Console().print("nothing was withdrawn" if spec is None else named(spec))


@experiment.command()
def report(
    *,
    json_out: Annotated[Path | None, typer.Option("--json", help="where the figures go; else on the screen")] = None,
    page: Annotated[Path | None, typer.Option(help="where a page to read goes, in HTML")] = None,
    role: Annotated[Role | None, typer.Option(help="the last trial of either without it")] = None,
    alpha: Annotated[float, typer.Option(min=0.001, max=0.5, help="chance of one wrong call of a measure")] = 0.05,
) -> None:
    """What the last trial has shown: differences whose intervals may be looked at at any time, by slice."""
    from bentos.privacy.journal_keys import open_journal
    from bentos.settings import Settings
    from monitoring.experiment import experiment_report
    from monitoring.experiment_page import in_words, write_page
    from pipelines.showing import in_one_sentence

    journal = open_journal(Settings())
    with in_one_sentence():
        found = experiment_report(journal, role=role and role.value, alpha=alpha)
    journal.close()
    text = json.dumps(found, indent=1)
    if page is not None:
        write_page(found, page)
    if json_out is None:
        print(text)
        return
    json_out.write_text(text + "\n", encoding="utf-8")
    for sentence in in_words(found):
        Console().print(sentence)


def named(spec: "ReleaseSpec") -> Table:
    """The release, a line for each variant."""
    table = Table("variant", "version", "recogniser", "gallery", "share")
    taken = spec.challenger_share if spec.challenger else 0.0
    shares = {"champion": f"{1 - taken:.0%}", "challenger": f"{taken:.0%}"}
    for role, ref in spec.named().items():
        table.add_row(role, ref.version, ref.recogniser[7:19], ref.gallery[7:19], shares.get(role, ""))
    return table


app.add_typer(experiment, name="experiment")
