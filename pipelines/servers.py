"""The interfaces and the service as child processes of one command, stopped together."""

import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from bentos.access.tls import own_probe
from bentos.serve import answers, start_service
from bentos.settings import Settings, without_token
from pipelines.environments import Environment

_STOP_TIMEOUT_S = 20.0
_LINGER_S = 5.0


class ServerError(Exception):
    """A server did not come up, or ended by itself; names it and its log."""


@dataclass(frozen=True)
class Server:
    """One child process with its log, the page a person opens, and the path that says it is up."""

    name: str
    process: subprocess.Popen
    log: Path
    page: str
    probe: str
    tls: ssl.SSLContext | None = None

    def is_up(self) -> bool:
        """Whether it answers.

        Raises:
            ServerError: the process has ended.
        """
        if self.process.poll() is not None:
            raise ServerError(f"{self.name} ended with status {self.process.returncode}; see {self.log}")
        return answers(self.page + self.probe, context=self.tls)


def start_dagster(environment: Environment) -> Server:
    """Dagster's UI and daemon over the workspace."""
    host, port = environment.host, environment.dagster_port
    command = ["-m", "dagster", "dev", "-w", "workspace.yaml", "-h", host, "-p", str(port)]
    return _start("dagster", command, environment, page=f"http://{host}:{port}", probe="/server_info")


def start_mlflow(environment: Environment) -> Server:
    """MLflow's UI over the home's tracking database."""
    host, port = environment.host, environment.mlflow_port
    store = ["--backend-store-uri", environment.mlflow_uri, "--artifacts-destination", environment.mlflow_artifacts]
    command = ["-m", "mlflow", "server", *store, "--workers", "1", "--host", host, "--port", str(port)]
    return _start("mlflow", command, environment, page=f"http://{host}:{port}", probe="/health")


def start_serving(environment: Environment, settings: Settings) -> Server:
    """The BentoML service on the champion."""
    log = environment.root / "logs" / "service.log"
    process = start_service(settings, log=log)
    return Server("service", process, log, settings.base_url, "/ready", tls=own_probe(settings))


def _start(name: str, command: list[str], environment: Environment, *, page: str, probe: str) -> Server:
    log = environment.root / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            env=without_token(environment.launch_variables()),
            cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    return Server(name, process, log, page, probe)


def wait_until_up(servers: list[Server], *, timeout_s: float = 90.0) -> None:
    """Return when every server answers.

    Raises:
        ServerError: one ended, or the time ran out.
    """
    began = time.monotonic()
    waiting = list(servers)
    while waiting := [server for server in waiting if not server.is_up()]:
        if time.monotonic() - began > timeout_s:
            names = ", ".join(f"{server.name} (see {server.log})" for server in waiting)
            raise ServerError(f"not up within {timeout_s:g} s: {names}")
        time.sleep(0.3)


def heed_signals() -> None:
    """Make Ctrl-C and SIGTERM end this process and what it starts, also where a shell started it in the background.

    Such a shell has Ctrl-C ignored, and children would inherit that; Dagster ends its own on nothing else.
    """
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.default_int_handler)


def keep_until_stopped(servers: list[Server], *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait for Ctrl-C or SIGTERM; raises `ServerError` if a server ends by itself."""
    try:
        while all(server.process.poll() is None for server in servers):
            sleep(1.0)
    except KeyboardInterrupt:
        return
    for server in servers:
        server.is_up()


def stop(servers: list[Server]) -> None:
    """Ask every server to end, and kill what is left of it and of its children after a while."""
    running = [server.process for server in servers if server.process.poll() is None]
    families = [psutil.Process(process.pid).children(recursive=True) for process in running]
    for process in running:
        process.send_signal(signal.SIGINT)
    for process in running:
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _, left = psutil.wait_procs([child for family in families for child in family], timeout=_LINGER_S)
    for child in left:
        child.kill()
