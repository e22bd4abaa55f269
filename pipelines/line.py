"""What `rxvision run`, `ui` and `rollback` do, from the environment to the last line on the screen."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from bentos.settings import Settings
from pipelines.environments import Environment, prepare
from pipelines.servers import (
    Server,
    ServerError,
    heed_signals,
    keep_until_stopped,
    start_dagster,
    start_mlflow,
    start_serving,
    stop,
    wait_until_up,
)

if TYPE_CHECKING:
    from bentos.release import ReleaseSpec


_INTERRUPTED_S = 30.0
_LINE_ONLY = "import sys; from pipelines.line import run_line_only; run_line_only(*sys.argv[1:])"


def run_line_only(config: str | None = None) -> None:
    """The line without its table, as the process of its own that `run_and_serve` starts."""
    try:
        run_once(Console(), config=Path(config) if config else None, with_table=False)
    except typer.Exit as stopped:
        sys.exit(stopped.exit_code)


def run_once(console: Console, *, config: Path | None = None, with_table: bool = True) -> None:
    """Run the line and print its table; ends with status 1 where the line stopped."""
    environment = Environment()
    prepare(environment)
    from pipelines.run import LOG_FILE, LineError, run_line
    from pipelines.summary import summary_table

    try:
        run_line(environment, console=console, ops=read_ops(config))
    except LineError as error:
        console.print(f"rxvision: {error}; more in {environment.root / LOG_FILE}", style="red", markup=False)
        raise typer.Exit(1) from error
    if with_table:
        console.print(summary_table(environment, serving=False))


def read_ops(config: Path | None) -> dict[str, Any]:
    """The part `ops` of a Launchpad's YAML; empty without a file."""
    return {} if config is None else yaml.safe_load(config.read_text())["ops"]


def run_and_serve(console: Console, *, config: Path | None = None) -> None:
    """Run the line in a process of its own, which gives its memory back, then serve until stopped."""
    environment = Environment()
    prepare(environment)
    heed_signals()
    command = [sys.executable, "-c", _LINE_ONLY, *([str(config)] if config else [])]
    status = _waited_for(subprocess.Popen(command, env=environment.launch_variables()))
    if status != 0:
        raise typer.Exit(status)
    servers = [start_dagster(environment), start_mlflow(environment), start_serving(environment, Settings())]
    _keep(servers, console=console, environment=environment)


def _waited_for(process: subprocess.Popen) -> int:
    """Its exit status; interrupted, it is given time to write down that it was."""
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        return process.wait(_INTERRUPTED_S) or 130


def show_interfaces(console: Console) -> None:
    """The two interfaces without the service; runs whose process is dead are shown as failed."""
    environment = Environment()
    prepare(environment)
    heed_signals()
    from pipelines.run import clear_up

    clear_up(environment)
    servers = [start_dagster(environment), start_mlflow(environment)]
    _keep(servers, console=console)


def roll_back(*, reason: str | None = None) -> "ReleaseSpec":
    """Go back to the previous release; the registry's aliases follow."""
    from assets.registry import Registry
    from assets.resources import Workspace
    from bentos.access.person import prove
    from bentos.access.table import Scope
    from monitoring.promote import rollback

    environment = Environment()
    prepare(environment)
    workspace = Workspace(home=str(environment.root))
    actor = prove(workspace.settings(), scope=Scope.PROMOTE, command="rollback")
    spec = rollback(workspace.desk(actor=actor), now=workspace.now(), reason=reason)
    Registry(tracking_uri=environment.mlflow_uri).follow_release(spec)
    return spec


def _keep(servers: list[Server], *, console: Console, environment: Environment | None = None) -> None:
    """Wait until all answer, show where (with the outcome of the run where its environment is given), and stay."""
    try:
        with console.status("starting the interfaces"):
            wait_until_up(servers)
        console.print(_outcome(environment) if environment else _addresses(servers), "Ctrl-C ends them all.")
        keep_until_stopped(servers)
    except ServerError as error:
        console.print(f"rxvision: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    finally:
        stop(servers)


def _outcome(environment: Environment) -> Table:
    from pipelines.summary import summary_table

    return summary_table(environment, serving=True)


def _addresses(servers: list[Server]) -> Table:
    table = Table(show_header=False)
    for server in servers:
        table.add_row(server.name, server.page, str(server.log))
    return table
