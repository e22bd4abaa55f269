"""The command `rxvision audit unlock`: the keys of one export, for whoever is to read it elsewhere."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bentos.access.table import Scope
from bentos.settings import Settings


def unlock(
    export: Annotated[Path, typer.Argument(help="directory of an export", exists=True, file_okay=False)],
    *,
    out: Annotated[Path, typer.Option(help="file of keys to write: send it by another way", dir_okay=False)],
) -> None:
    """Write the keys that open an export, and the sealed entries in it; that it was done becomes an entry."""
    from bentos.access.person import prove
    from bentos.audit.handed import hand_over
    from bentos.journal import Entry
    from bentos.privacy.journal_keys import HomeKeys, open_journal

    settings = Settings()
    actor = prove(settings, scope=Scope.EXPORT, command="audit unlock")
    made = hand_over(export, keys=HomeKeys(settings), out=out)
    facts = {"export_id": made.under and made.under.export_id, "num_blocks": len(made.blocks)}
    journal = open_journal(settings)
    journal.append(Entry(at=datetime.now(UTC), actor=actor, action="access", outcome="export_unlocked", payload=facts))
    journal.close()
    typer.echo(f"{out} opens {export}, and {len(made.blocks)} blocks of sealed entries")
