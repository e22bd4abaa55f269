"""The commands `rxvision privacy`: erase and export a subject, rotate keys, enforce retention."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bentos.access.table import Scope
from bentos.settings import Settings

if TYPE_CHECKING:
    from bentos.journal import Journal
    from bentos.privacy.desk import PrivacyDesk

app = typer.Typer(name="privacy", no_args_is_help=True, help="Erase, export, rotate keys, delete what is due.")
Subject = Annotated[str, typer.Argument(help="the reference that callers send; '-' reads it from standard input")]


@app.command()
def erase(subject: Subject) -> None:
    """Destroy a subject's key and all that is kept under it (GDPR article 17)."""
    from bentos.access.person import prove
    from bentos.privacy.erasure import erase as erased

    actor = prove(Settings(), scope=Scope.ERASE, command="privacy erase")
    with _opened() as (desk, journal):
        done = erased(_given(subject), desk=desk, journal=journal, actor=actor, now=datetime.now(UTC))
    typer.echo(f"erased: entry {done.entry_id} of the journal; {done.num_retained} retained parts are deleted")
    typer.echo("run `rxvision privacy rotate` to make copies of the key in backups unreadable too")


@app.command()
def export(
    subject: Subject,
    *,
    out: Annotated[Path, typer.Option(help="empty directory", file_okay=False)],
) -> None:
    """Write what is kept of a subject as JSON and picture files (GDPR articles 15 and 20)."""
    from bentos.access.person import prove
    from bentos.privacy.export import export as exported

    actor = prove(Settings(), scope=Scope.EXPORT, command="privacy export")
    with _opened() as (desk, journal):
        now = datetime.now(UTC)
        num = exported(_given(subject), into=out, desk=desk, journal=journal, actor=actor, now=now)
    typer.echo(f"{num} entries of the journal in {out}")


@app.command()
def rotate() -> None:
    """Wrap all data keys by a new key-encryption key and destroy the old one; no data is touched."""
    from bentos.access.person import prove
    from bentos.privacy.rotation import rotate as rotated

    actor = prove(Settings(), scope=Scope.ROTATE, command="privacy rotate")
    with _opened() as (desk, journal):
        done = rotated(desk, journal=journal, actor=actor, now=datetime.now(UTC))
    typer.echo(f"version {done.version} wraps {done.num_keys} data keys; older versions are destroyed")


@app.command()
def retention() -> None:
    """Delete what is past its period now; the pipeline's schedule does so every night."""
    from bentos.access.person import os_user
    from bentos.privacy.retention import enforce

    with _opened() as (desk, journal):
        report = enforce(desk, journal=journal, actor=os_user(), now=datetime.now(UTC))
    for row in report.classes:
        typer.echo(f"{row.name}: {row.num_deleted} deleted, {row.num_kept} kept; {row.period}")


@contextmanager
def _opened() -> "Iterator[tuple[PrivacyDesk, Journal]]":
    from bentos.privacy.desk import PrivacyDesk
    from bentos.privacy.journal_keys import open_journal

    settings = Settings()
    desk, journal = PrivacyDesk(settings), open_journal(settings)
    try:
        yield desk, journal
    finally:
        desk.close()
        journal.close()


def _given(subject: str) -> str:
    """On the command line others of the machine could see it, and the shell keeps it."""
    return sys.stdin.readline().rstrip("\n") if subject == "-" else subject
