"""The command `rxvision audit fetch`: a caller's own copy of a service's checkpoints and of their key."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bentos.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from bentos.client.rest import RestClient


def fetch(
    service: Annotated[str, typer.Argument(help="https://host:port")],
    *,
    checkpoints: Annotated[Path, typer.Option(help="copy to make or to go on with", dir_okay=False)],
    key: Annotated[Path, typer.Option(help="PEM of the public audit key; fetched where it is missing", dir_okay=False)],
    receipt: Annotated[
        list[Path] | None, typer.Option(help="a new copy begins with the checkpoint that covers it", exists=True)
    ] = None,
    authority: Annotated[Path | None, typer.Option(help="PEM that the service's certificate is of")] = None,
) -> None:
    """Copy a service's signed checkpoints; refused where they do not go on from what is there.

    The token, or API key, is that of `RXVISION_TOKEN` or `RXVISION_TOKEN_FILE`.
    """
    import ssl

    import httpx

    from bentos.access.person import token_of
    from bentos.audit.receipts import read_promises
    from bentos.client.checkpoints import later
    from bentos.client.rest import RestClient

    settings = Settings()
    trusted = ssl.create_default_context(cafile=authority)
    with RestClient(service, token=token_of(settings), http=httpx.Client(verify=trusted)) as client:
        public = _key(key, client)
        first = min((one.entry_id for file in receipt or () for one in read_promises(file, key=public)), default=None)
        kept = checkpoints.read_bytes().splitlines() if checkpoints.is_file() else []
        lines = later(client, key=public, kept=kept, from_entry=first)
    with checkpoints.open("ab") as file:
        file.write(b"".join(line + b"\n" for line in lines))
    typer.echo(f"{len(lines)} checkpoints more, {len(kept) + len(lines)} in {checkpoints}")


def _key(path: Path, client: "RestClient") -> "Ed25519PublicKey":
    from bentos.signing import key_id, read_public_key

    if not path.is_file():
        path.write_bytes(client.audit_key())
        typer.echo(f"key {key_id(read_public_key(path))} is the service's own word: hold it against one from elsewhere")
    return read_public_key(path)
