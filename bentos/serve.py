"""How our BentoML processes are launched: the command, its environment, and waiting until one is ready."""

import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from bentos.access.opening import check_access
from bentos.access.tls import check_tls, own_probe, web_server_arguments
from bentos.faults import ServiceFault
from bentos.privacy.journal_keys import check_keys
from bentos.settings import Settings, launch_environment

SERVICE = "bentos.service:RxVision"


def serve_command(settings: Settings, *, bento: str | None = None) -> list[str]:
    """Arguments that serve a built Bento by its tag, or the installed package where none is given."""
    root = str(Path(__file__).resolve().parents[1])
    where = [bento] if bento else [SERVICE, "--working-dir", root]
    return [
        *(sys.executable, "-m", "bentoml", "serve", *where),
        *("--host", settings.host, "--port", str(settings.port)),
        *web_server_arguments(settings),
    ]


def check_before_start(settings: Settings) -> None:
    """See that the service may listen where it is told to, and that it can.

    Raises:
        ServiceFault: port_taken, access_not_configured, access_misconfigured, tls_misconfigured, privacy_unavailable.
    """
    check_access(settings)
    check_tls(settings)
    check_keys(settings)
    refuse_taken(settings)


def refuse_taken(settings: Settings) -> None:
    """See that nobody listens at the gRPC port: workers share it, so a second service there would not be noticed.

    Raises:
        ServiceFault: port_taken.
    """
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.grpc_port))
        except OSError as error:
            sentence = f"gRPC cannot listen at {settings.host}:{settings.grpc_port}: {error.strerror}."
            raise ServiceFault("port_taken", sentence) from error


def start_service(settings: Settings, *, bento: str | None = None, log: Path) -> subprocess.Popen:
    """Start the service in the background, its output in `log`; stop it with SIGTERM to the process."""
    check_before_start(settings)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            serve_command(settings, bento=bento),
            env=launch_environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def wait_until_ready(
    settings: Settings, process: subprocess.Popen, *, timeout_s: float = 60.0, path: str = "/ready"
) -> float:
    """Seconds until `path` said 200.

    Raises:
        ServiceFault: not_ready, the process ended or the time ran out.
    """
    began = time.monotonic()
    while (waited := time.monotonic() - began) < timeout_s:
        if process.poll() is not None:
            raise ServiceFault("not_ready", f"the service ended with status {process.returncode} before it was ready")
        if answers(settings.base_url + path, context=own_probe(settings)):
            return waited
        time.sleep(0.1)
    raise ServiceFault("not_ready", f"the service was not ready within {timeout_s:g} s")


def answers(url: str, *, context: ssl.SSLContext | None = None) -> bool:
    """Whether an address says 200 now."""
    try:
        with urllib.request.urlopen(url, timeout=2, context=context) as response:
            return response.status == 200
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
