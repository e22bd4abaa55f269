"""The command `rxvision`: identify, serve, build, version; other packages add theirs by an entry point."""

import os
import sys
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from bentos.access.commands import keys_app, token, whoami
from bentos.audit.commands import app as audit_app
from bentos.faults import ServiceFault
from bentos.privacy.commands import app as privacy_app
from bentos.runtime.answer import PillMetadata
from bentos.runtime.errors import InputError, RuntimeFault
from bentos.settings import Settings, launch_environment, silence

if TYPE_CHECKING:
    from bentos.runtime.predictor import Predictor

COMMANDS_GROUP = "rxvision.commands"
app = typer.Typer(name="rxvision", no_args_is_help=True, help="Medication identification from photographs.")
app.add_typer(audit_app)
app.add_typer(keys_app)
app.add_typer(privacy_app)
app.command()(token)
app.command()(whoami)


Photo = Annotated[Path, typer.Argument(help="photograph: JPEG, PNG or HEIC", exists=True, dir_okay=False)]
Back = Annotated[Path | None, typer.Option(help="photograph of the other side", exists=True, dir_okay=False)]
Bundle = Annotated[Path | None, typer.Option(help="recogniser/ and gallery/ side by side; else the champion")]


@app.command()
def identify(
    photo: Photo,
    *,
    back: Back = None,
    imprint: Annotated[str | None, typer.Option(help="imprint text, both sides in any order")] = None,
    color: Annotated[str | None, typer.Option(help="SPL colour; several joined by ';'")] = None,
    shape: Annotated[str | None, typer.Option(help="SPL shape, e.g. ROUND, OVAL, CAPSULE")] = None,
    size_mm: Annotated[float | None, typer.Option(help="longest side in mm")] = None,
    bundle: Bundle = None,
    heat_map: Annotated[
        Path | None, typer.Option(dir_okay=False, help="PNG to write: what in the photograph spoke for the answer")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="print the answer as JSON")] = False,
) -> None:
    """Identify the medication in a photograph."""
    metadata = _metadata(imprint=imprint, color=color, shape=shape, size_mm=size_mm, heat_map=heat_map is not None)
    pictures = [path.read_bytes() for path in (photo, back) if path is not None]
    answer = _predictor(bundle).identify(pictures, metadata=metadata, request_id="local")
    if heat_map is not None:
        from bentos.overlay import draw_heat_maps

        heat_map.write_bytes(draw_heat_maps(answer, pictures))
    if json:
        print(answer.model_dump_json(indent=1))
        return
    from bentos.show import render_answer

    Console().print(render_answer(answer))


@app.command()
def serve(
    *,
    host: Annotated[str | None, typer.Option(help="0.0.0.0 opens the service to the network")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    grpc_port: Annotated[int | None, typer.Option(min=1, max=65535)] = None,
    bento: Annotated[str | None, typer.Option(help="tag of a built Bento; else the installed code")] = None,
) -> None:
    """Serve the champion over REST and gRPC until stopped, following the release file."""
    from bentos.serve import check_before_start, serve_command

    given = {"host": host, "port": port, "grpc_port": grpc_port}
    settings = Settings(**{name: value for name, value in given.items() if value is not None})
    settings.home.mkdir(parents=True, exist_ok=True)
    check_before_start(settings)
    command = serve_command(settings, bento=bento)
    os.execve(command[0], command, launch_environment(settings))


@app.command()
def build() -> None:
    """Build a Bento of the champion and print its tag."""
    from bentos.build import build_bento

    print(build_bento(Settings()))


@app.command("version")
def show_version() -> None:
    """Print the version."""
    print(version("rxvision25"))


def load_commands(parent: typer.Typer) -> None:
    """Add the commands that installed packages offer; one whose libraries are not installed stays away."""
    for entry in entry_points(group=COMMANDS_GROUP):
        try:
            offered = entry.load()
        except ModuleNotFoundError as error:
            if entry.module.startswith(str(error.name)):
                raise
            continue
        if isinstance(offered, typer.Typer):
            parent.registered_commands.extend(offered.registered_commands)
            parent.registered_groups.extend(offered.registered_groups)
        else:
            offered(parent)


def main() -> None:
    """Run the command line; a named error becomes one sentence and status 2 (input) or 1."""
    silence()
    load_commands(app)
    try:
        app()
    except RuntimeFault as error:
        Console(stderr=True, soft_wrap=True).print(f"rxvision: {error}", style="red", markup=False, highlight=False)
        sys.exit(2 if isinstance(error, InputError) else 1)


def _metadata(**typed: str | float | None) -> PillMetadata:
    try:
        return PillMetadata(**typed)
    except ValidationError as error:
        fault = error.errors(include_url=False)[0]
        raise InputError("bad_metadata", f"{fault['loc'][0]}: {fault['msg']}") from error


def _predictor(bundle: Path | None) -> "Predictor":
    if bundle is not None:
        from bentos.runtime.predictor import Predictor

        return Predictor.from_bundle(bundle)
    from bentos.bundle import open_champion

    try:
        return open_champion(Settings())
    except FileNotFoundError as error:
        sentence = f"nothing is released at {error.filename}; name a --bundle, or run `rxvision run` first"
        raise ServiceFault("no_release", sentence) from error
