"""The commands `rxvision token` and `rxvision keys`: a token of the development issuer, and API keys for machines."""

import getpass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from bentos.access.table import SCOPES_OF, Role, Scope
from bentos.settings import Settings

if TYPE_CHECKING:
    from bentos.access.api_keys import ApiKey, ApiKeys

keys_app = typer.Typer(name="keys", no_args_is_help=True, help="API keys for machines: add, list, revoke.")
_MAX_HOURS = 24 * 7
_MAX_DAYS = 366


def token(
    *,
    role: Annotated[list[Role], typer.Option(help="what the person is; may be given several times")],
    hours: Annotated[float, typer.Option(min=0.01, max=_MAX_HOURS, help="how long it is good")] = 1.0,
    subject: Annotated[str | None, typer.Option(help="who; else the user of this machine")] = None,
    acr: Annotated[str | None, typer.Option(help="how well the person was authenticated, to try step-up")] = None,
    amr: Annotated[list[str] | None, typer.Option(help="by what, to try step-up: pwd, otp, hwk ...")] = None,
) -> None:
    """Print an access token of this home's development issuer; its key is made on first use."""
    from bentos.access.issuer import LOCAL_AUDIENCE, LocalIssuer

    settings, now = Settings(), datetime.now(UTC)
    issuer = LocalIssuer(settings.home, keys_dir=settings.keys_dir)
    _journal("token", {"roles": sorted(role), "hours": hours}, settings=settings, now=now)
    made = issuer.token(
        subject or getpass.getuser(),
        roles=role,
        audience=settings.access_audience or LOCAL_AUDIENCE,
        lifetime=timedelta(hours=hours),
        now=now,
        acr=acr,
        amr=amr or (),
    )
    typer.echo(made)


def whoami() -> None:
    """Print how the journal names who shows the token of RXVISION_TOKEN or RXVISION_TOKEN_FILE, as rules need it."""
    from bentos.access.person import prove

    typer.echo(prove(Settings(), scope=Scope.MODEL, command="whoami"))


@keys_app.command()
def add(
    name: Annotated[str, typer.Argument(help="of the machine, for people; no personal data")],
    *,
    role: Annotated[list[Role] | None, typer.Option(help="gives the key all scopes of a role")] = None,
    scope: Annotated[list[Scope] | None, typer.Option(help="gives the key one scope")] = None,
    days: Annotated[float, typer.Option(min=0.01, max=_MAX_DAYS, help="until it ends")] = 90.0,
) -> None:
    """Make an API key and print it; it is shown this once, and only its hash is kept."""
    scopes = frozenset(scope or ()).union(*(SCOPES_OF[one] for one in role or ()))
    if not scopes:
        raise typer.BadParameter("give the key a --role or a --scope")
    settings, now = Settings(), datetime.now(UTC)
    key, text = _keys(settings).add(name, scopes=tuple(scopes), days=days)
    _journal("key_added", _facts(key), settings=settings, now=now)
    typer.echo(text)


@keys_app.command("list")
def show() -> None:
    """Print every key: id, state, end, scopes, name."""
    now = datetime.now(UTC)
    for key in _keys(Settings()).all():
        state = "revoked" if key.revoked_at else "ended" if key.expires_at <= now else "good"
        typer.echo(f"{key.key_id}  {state:7}  until {key.expires_at:%Y-%m-%d}  {' '.join(key.scopes)}  {key.name}")


@keys_app.command()
def revoke(key_id: Annotated[str, typer.Argument(help="as `rxvision keys list` shows it")]) -> None:
    """End a key at once, in every service of this home."""
    settings = Settings()
    key = _keys(settings).revoke(key_id)
    _journal("key_revoked", _facts(key), settings=settings, now=datetime.now(UTC))
    typer.echo(f"{key.key_id} is revoked")


def _keys(settings: Settings) -> "ApiKeys":
    from bentos.access.api_keys import ApiKeys

    return ApiKeys(settings.home, now=lambda: datetime.now(UTC))


def _facts(key: "ApiKey") -> dict[str, object]:
    return {"key_id": key.key_id, "scopes": list(key.scopes), "expires_at": key.expires_at.isoformat()}


def _journal(outcome: str, facts: dict[str, object], *, settings: Settings, now: datetime) -> None:
    """Who gave or took access; never what was given."""
    from bentos.access.person import os_user
    from bentos.journal import Entry
    from bentos.privacy.journal_keys import open_journal

    journal = open_journal(settings)
    journal.append(Entry(at=now, actor=os_user(), action="access", outcome=outcome, payload=facts))
    journal.close()
