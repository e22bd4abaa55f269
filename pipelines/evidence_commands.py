"""The commands around promotion and its evidence: approve, promote, changelog, evidence, verify, sbom."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from pipelines.showing import in_one_sentence

app = typer.Typer()

BundleOf = Annotated[
    Path | None,
    typer.Argument(exists=True, file_okay=False, metavar="[BUNDLE]", help="else what was trained last"),
]
Version = Annotated[str | None, typer.Option(help="the registry's version, or give a bundle")]
Gallery = Annotated[Path | None, typer.Option(exists=True, file_okay=False, help="where a version has several")]
VerdictFile = Annotated[Path | None, typer.Option("--verdict", exists=True, dir_okay=False, help="else found in home")]
PrivateKey = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="your own private key, PEM")]
Reason = Annotated[str, typer.Option(help="stands in the records for good: nothing about a patient")]


@app.command("approver-key")
def approver_key(
    path: Annotated[Path, typer.Argument(dir_okay=False, help="private key to make; only you may read it")],
    *,
    name: Annotated[str, typer.Option(help="your name")],
    role: Annotated[str, typer.Option(help="as the rules know it, e.g. pharmacist")],
    account: Annotated[str, typer.Option(help="under which you launch runs, e.g. person:anna")],
) -> None:
    """Make your approver's key, protected by a password, and print your lines for the rules."""
    from pipelines.evidence import make_key

    password = typer.prompt("Password of the key (empty: none)", default="", hide_input=True, confirmation_prompt=True)
    with in_one_sentence():
        typer.echo(make_key(path, name=name, role=role, account=account, password=password))


@app.command()
def approve(
    bundle: BundleOf = None,
    *,
    key: PrivateKey,
    reason: Reason,
    version: Version = None,
    gallery: Gallery = None,
    verdict: VerdictFile = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="it expires after so many days")] = 14,
    refuse: Annotated[bool, typer.Option("--refuse", help="say no instead; it stops the promotion")] = False,
) -> None:
    """Sign with your own key that this recogniser, with this gallery and verdict, may be put in force."""
    from assets.trials import Wanted
    from bentos.privacy.typed import refuse as refuse_personal
    from pipelines.evidence import approve_wanted

    refuse_personal([reason], policy="refuse", what="the reason, which is signed and stays for good")
    with in_one_sentence():
        wanted = Wanted(version, bundle, gallery, verdict)
        path = approve_wanted(wanted, key=key, reason=reason, days=days, refuse=refuse, ask=_password)
    typer.echo(f"{'refused' if refuse else 'approved'}; signed in {path}")


@app.command()
def promote(
    bundle: BundleOf = None, *, version: Version = None, gallery: Gallery = None, verdict: VerdictFile = None
) -> None:
    """Put a judged bundle in force; refused without its verdict, and what the rules ask for above the gates."""
    from assets.trials import Wanted
    from pipelines.evidence import promote_wanted
    from pipelines.trial_commands import named

    with in_one_sentence():
        spec = promote_wanted(Wanted(version, bundle, gallery, verdict))
    Console().print(named(spec))


@app.command()
def changelog(
    *, out: Annotated[Path | None, typer.Option(dir_okay=False, help="Markdown; else on the screen")] = None
) -> None:
    """What was released, when, by whom and why, what differed, who approved: in words, from the journal."""
    from pipelines.evidence import written_changelog

    text = written_changelog()
    if out is None:
        typer.echo(text)
    else:
        out.write_text(text, encoding="utf-8")


@app.command()
def evidence(
    bundle: BundleOf = None,
    *,
    out: Annotated[Path, typer.Option(dir_okay=False, help="ZIP file to write")],
    version: Version = None,
    gallery: Gallery = None,
    verdict: VerdictFile = None,
) -> None:
    """Pack everything for an inspector into one archive that verifies by itself."""
    from assets.trials import Wanted
    from pipelines.evidence import pack_wanted

    with in_one_sentence():
        data = pack_wanted(Wanted(version, bundle, gallery, verdict))
    out.write_bytes(data)
    typer.echo(f"{len(data) / 1024:,.0f} KiB in {out}; unpack it and run `python verify.py`")


@app.command()
def verify(
    bundle: BundleOf = None, *, version: Version = None, gallery: Gallery = None, verdict: VerdictFile = None
) -> None:
    """Hold report, cards, verdict and model against the signed statement; names what differs."""
    from assets.trials import Wanted
    from pipelines.evidence import compared

    with in_one_sentence():
        differing, other = compared(Wanted(version, bundle, gallery, verdict))
    for sentence in other:
        typer.echo(f"note: {sentence}")
    for sentence in differing:
        typer.echo(f"DIFFERS: {sentence}")
    typer.echo("not what was signed" if differing else "everything is as it was signed")
    raise typer.Exit(1 if differing else 0)


@app.command()
def sbom(*, out: Annotated[Path, typer.Option(dir_okay=False, help="CycloneDX 1.6, JSON")]) -> None:
    """Write the software bill of materials of this installation."""
    from monitoring.evidence.sbom import sbom as made

    out.write_bytes(made())
    typer.echo(f"written to {out}")


def _password() -> str:
    return typer.prompt("Password of the key", hide_input=True)
