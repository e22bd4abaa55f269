"""The commands `rxvision audit`: verify a trail and receipts, export it, prove a request is in it, answer it again."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bentos.access.table import Scope
from bentos.audit.checkpoints import AUDIT_DIR, CHECKPOINTS_FILE, PUBLIC_KEY_FILE, audit_key, read_checkpoints
from bentos.audit.fetching import fetch
from bentos.audit.unlocking import unlock
from bentos.faults import ServiceFault
from bentos.runtime.errors import ContractError
from bentos.settings import Settings
from bentos.signing import key_id, read_public_key

if TYPE_CHECKING:
    from bentos.audit.chain import Link
    from bentos.audit.checkpoints import Checkpoint
    from bentos.audit.receipts import Promise
    from bentos.journal import Recorded

app = typer.Typer(name="audit", no_args_is_help=True, help="Prove that nothing in the journal was altered.")
app.command()(fetch)
app.command()(unlock)

Url = Annotated[str | None, typer.Option("--journal", help="SQLAlchemy URL; the configured journal where not given")]
Unlock = Annotated[
    Path | None,
    typer.Option(help="file of keys as `audit unlock` writes it; else the home's", exists=True, dir_okay=False),
]
Key = Annotated[Path | None, typer.Option(help="PEM of the public audit key", exists=True, dir_okay=False)]


@app.command()
def verify(
    *,
    export: Annotated[Path | None, typer.Option(help="directory of an export", exists=True, file_okay=False)] = None,
    journal: Url = None,
    key: Key = None,
    checkpoints: Annotated[
        Path | None, typer.Option(help="checkpoints file, a copy kept elsewhere", exists=True, dir_okay=False)
    ] = None,
    receipt: Annotated[
        list[Path] | None, typer.Option(help="answer as it came, receipt or proof that must be honoured", exists=True)
    ] = None,
    unlock: Unlock = None,
) -> None:
    """Verify every entry and checkpoint; name the first bad entry. The key of an export should come from elsewhere.

    Receipts with `--checkpoints` and neither `--journal` nor `--export` are held against that file alone, offline.
    """
    from bentos.audit.handed import is_closed, keyring

    settings = Settings()
    key_path = key or (export / PUBLIC_KEY_FILE if export else settings.keys_dir / PUBLIC_KEY_FILE)
    checkpoints_path = checkpoints or (export or settings.home / AUDIT_DIR) / CHECKPOINTS_FILE
    known = key_path.is_file() or checkpoints_path.is_file() or bool(receipt)
    alone = receipt and checkpoints and not (export or journal)
    signed = read_checkpoints(checkpoints_path, key=read_public_key(key_path), whole=not alone) if known else []
    promises = _promises(receipt or [], key=key_path)
    if alone:
        _demand_covered(promises, signed)
        return
    if export and is_closed(export, keys=keyring(settings, unlock)):
        _seals_alone(export, key=key_path, signed=signed, promises=promises)
        return
    _say_verified(_rows(settings, export=export, journal=journal, unlock=unlock), signed=signed, promises=promises)
    if export:
        _say_sealed(export, key=key_path, signed=signed)


@app.command()
def export(
    into: Annotated[Path, typer.Argument(help="empty directory", file_okay=False)],
    *,
    journal: Url = None,
    encrypt: Annotated[
        bool | None, typer.Option("--encrypt/--plain", help="encrypted segments; as configured where not given")
    ] = None,
) -> None:
    """Write the journal as signed Parquet segments, with checkpoints and public key: verifies without this machine."""
    from bentos.access.person import prove
    from bentos.audit.export import Encryption, export_segments
    from bentos.privacy.journal_keys import HomeKeys

    settings = Settings()
    prove(settings, scope=Scope.EXPORT, command="audit export")
    rows = journal_rows(journal or settings.journal_url)
    checkpoints = settings.home / AUDIT_DIR / CHECKPOINTS_FILE
    keys, wanted = HomeKeys(settings), settings.encrypt_exports if encrypt is None else encrypt
    encryption = Encryption(keys.make(), keys=keys) if wanted else None
    signing = audit_key(settings.keys_dir)
    seals = export_segments(rows, into, key=signing, checkpoints=checkpoints, encryption=encryption)
    said = "encrypted segments" if wanted else "segments"
    typer.echo(f"{seals[-1].last if seals else 0} entries in {len(seals)} {said} in {into}")


@app.command()
def report(
    *,
    out: Annotated[Path, typer.Option(help="HTML page to write; it needs nothing beside it", dir_okay=False)],
    export: Annotated[Path | None, typer.Option(help="directory of an export", exists=True, file_okay=False)] = None,
    journal: Url = None,
    key: Key = None,
    unlock: Unlock = None,
) -> None:
    """Verify the trail and write a page about it for a browser: what happened, who changed what, whether it holds."""
    from datetime import UTC, datetime

    from sqlalchemy import make_url

    from bentos.audit.handed import keyring
    from bentos.audit.report import write_report

    settings = Settings()
    key_path = key or (export / PUBLIC_KEY_FILE if export else settings.keys_dir / PUBLIC_KEY_FILE)
    path = (export or settings.home / AUDIT_DIR) / CHECKPOINTS_FILE
    public = read_public_key(key_path) if key_path.is_file() or path.is_file() else None
    signed = read_checkpoints(path, key=public) if public else []
    rows = _rows(settings, export=export, journal=journal, unlock=unlock)
    origin = f"export {export}" if export else make_url(journal or settings.journal_url).render_as_string()
    facts = {"Trail": origin, "Checkpoints": str(path), "Audit key": key_id(public) if public else "none yet"}
    verdict = write_report(
        rows, checkpoints=signed, out=out, now=datetime.now(UTC), facts=facts, keys=keyring(settings, unlock)
    )
    typer.echo(f"{verdict.num_entries} entries hold; the page is in {out}")
    if verdict.finding is not None:
        raise ContractError(f"entry {verdict.finding.entry_id} is the first bad one; the page says so")


@app.command()
def checkpoint() -> None:
    """Sign what the journal holds now; a running service does so every second."""
    from datetime import UTC, datetime

    from bentos.audit.checkpoints import Checkpointer
    from bentos.journal import Journal

    settings = Settings()
    journal = Journal(settings.journal_url)
    directory, key = settings.home / AUDIT_DIR, audit_key(settings.keys_dir)
    num = Checkpointer(directory, key=key, links=journal.links, size=journal.size).catch_up(datetime.now(UTC))
    typer.echo(f"{num} checkpoints signed; {journal.size()} entries are covered")
    journal.close()


@app.command()
def prove(
    request_id: Annotated[str, typer.Argument(help="of the answer")],
    *,
    out: Annotated[Path, typer.Option(help="proof to write: JSON", dir_okay=False)],
) -> None:
    """Write a signed proof: the entry of one answer, and its Merkle path to the last checkpoint."""
    from bentos.audit.proofs import prove as proved
    from bentos.journal import Journal

    settings = Settings()
    entry = _entry_of(request_id, settings)
    journal = Journal(settings.journal_url)
    key = audit_key(settings.keys_dir)
    found = read_checkpoints(settings.home / AUDIT_DIR / CHECKPOINTS_FILE, key=key.public_key())
    if not found:
        raise ContractError("there is no checkpoint yet: run `rxvision audit checkpoint`")
    signed = proved(entry.entry_id, request_id=request_id, links=journal.links(), checkpoint=found[-1], key=key)
    out.write_text(signed.model_dump_json(indent=1) + "\n")
    typer.echo(f"entry {entry.entry_id}, under checkpoint {found[-1].number}, in {out}")
    journal.close()


@app.command()
def replay(
    request_id: Annotated[str, typer.Argument(help="of the answer")],
    *,
    picture: Annotated[
        Path | None, typer.Option(help="the photograph that was sent; else as retained", exists=True, dir_okay=False)
    ] = None,
    back: Annotated[Path | None, typer.Option(help="the other side", exists=True, dir_okay=False)] = None,
    metadata: Annotated[str | None, typer.Option(help="what was typed: PillMetadata as JSON")] = None,
    bundle: Annotated[Path | None, typer.Option(help="recogniser/ and gallery/; else as the release says")] = None,
) -> None:
    """Give an old answer once more, with the same model and pictures, and say whether it is the same."""
    from bentos.audit.replay import answered_by, retained, supplied
    from bentos.audit.replay import replay as replayed
    from bentos.runtime.predictor import Predictor
    from bentos.upload import parse_metadata

    settings = Settings()
    entry = _entry_of(request_id, settings)
    predictor = Predictor.from_bundle(bundle) if bundle else answered_by(entry, settings)
    if picture is None:
        asked = retained(entry, settings=settings)
    else:
        pictures = [path.read_bytes() for path in (picture, back) if path is not None]
        typed = parse_metadata(metadata) if metadata else None
        asked = supplied(entry, pictures, metadata=typed, settings=settings)
    found = replayed(entry, asked, predictor=predictor)
    for difference in found:
        typer.echo(difference)
    typer.echo(f"entry {entry.entry_id}: {'another answer' if found else 'the same answer'}")
    raise typer.Exit(1 if found else 0)


def journal_rows(url: str) -> "Iterator[Link]":
    """The rows of a journal as they are stored; it is neither made nor brought up to date.

    Raises:
        ContractError: there is none, or its entries are not chained yet.
    """
    from sqlalchemy import make_url
    from sqlalchemy.exc import DBAPIError

    from bentos.audit.schema import links
    from bentos.journal import TABLE, connect

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        raise ContractError(f"there is no journal at {parsed.database}")
    engine = connect(url)
    try:
        with engine.connect() as connection:
            yield from links(connection, TABLE)
    except DBAPIError as error:
        raise ContractError(f"the journal cannot be read as a chain: {error.orig}") from error
    finally:
        engine.dispose()


def _entry_of(request_id: str, settings: Settings) -> "Recorded":
    from bentos.privacy.journal_keys import open_journal

    journal = open_journal(settings)
    entry = journal.of_request(request_id)
    journal.close()
    if entry is None:
        raise ServiceFault("unknown_request", f"no answer to request {request_id} is in the journal")
    return entry


def _promises(files: Iterable[Path], *, key: Path) -> "list[Promise]":
    from bentos.audit.receipts import read_promises

    public = read_public_key(key) if files else None
    return [promise for file in files for promise in read_promises(file, key=public)]


def _rows(settings: Settings, *, export: Path | None, journal: str | None, unlock: Path | None) -> "Iterator[Link]":
    from bentos.audit.export import exported_rows
    from bentos.audit.handed import keyring

    if export is None:
        return journal_rows(journal or settings.journal_url)
    return exported_rows(export, keys=keyring(settings, unlock))


def _say_verified(rows: "Iterable[Link]", *, signed: "Sequence[Checkpoint]", promises: "Sequence[Promise]") -> None:
    from bentos.audit.receipts import by_place
    from bentos.audit.verify import verify_trail

    verdict = verify_trail(rows, checkpoints=signed, receipts=by_place(promises))
    typer.echo(f"{verdict.num_entries} entries hold; {verdict.num_covered} are under {len(signed)} checkpoints")
    if (bad := verdict.finding) is not None:
        raise ContractError(f"entry {bad.entry_id} is the first bad one, {bad.kind}: {bad.why}")
    if promises:
        typer.echo(f"{len(promises)} receipts are honoured")


def _say_sealed(export: Path, *, key: Path, signed: "Sequence[Checkpoint]") -> None:
    from bentos.audit.export import check_seals

    num = check_seals(export, key=read_public_key(key), checkpoints=signed)
    typer.echo(f"{num} segments are as they were sealed")


def _seals_alone(export: Path, *, key: Path, signed: "Sequence[Checkpoint]", promises: "Iterable[Promise]") -> None:
    """What can be said of an encrypted export without its key."""
    if promises:
        raise ContractError("the export is encrypted and its key is not here: receipts cannot be held against it")
    _say_sealed(export, key=key, signed=signed)
    typer.echo("the export is encrypted and its key is not here: its entries were not read one by one")


def _demand_covered(promises: "Iterable[Promise]", signed: "Sequence[Checkpoint]") -> None:
    from bentos.audit.receipts import by_place, demand_covered

    by_place(promises)
    for promise in promises:
        under = demand_covered(promise, signed)
        said = f"entry {promise.entry_id} answers request {promise.request_id}"
        typer.echo(f"{said}; it stands under checkpoint {under.number} of {under.at.isoformat()}")
