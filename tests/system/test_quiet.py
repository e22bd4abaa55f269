"""Nothing reports home: the libraries' own reporting is off in every way the runtime is started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.environments import QUIET
from tests.builders import jpeg, tiny_bundle, tiny_catalogue, tiny_picture

IDENTIFY = "import sys; sys.argv[0] = 'rxvision'; from bentos.cli import main; main()"


@pytest.fixture
def bare_environment(tmp_path: Path) -> dict[str, str]:
    """A person's shell: a home of its own, and none of our variables."""
    (tmp_path / "person").mkdir()
    kept = {name: value for name, value in os.environ.items() if name not in QUIET}
    return {**kept, "HOME": str(tmp_path / "person"), "XDG_CACHE_HOME": str(tmp_path / "person" / ".cache")}


def test_identify_in_a_bare_shell_leaves_no_trace_of_reporting(
    tmp_path: Path, bare_environment: dict[str, str]
) -> None:
    """ONNX Runtime, where it may report, leaves a device id and a queue of events in the home directory."""
    bundle, photo = tiny_bundle(tmp_path / "bundle"), tmp_path / "photo.jpg"
    photo.write_bytes(jpeg(tiny_picture(tiny_catalogue()[0])))
    command = [sys.executable, "-c", IDENTIFY, "identify", str(photo), "--bundle", str(bundle), "--json"]
    done = subprocess.run(command, env=bare_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [path for path in (tmp_path / "person").rglob("*") if "Microsoft" in path.name] == []


def test_the_audit_hook_of_the_line_test_hears_connections(tmp_path: Path) -> None:
    """Silence in the log of the line test means something only if a connection would be written down."""
    log = tmp_path / "connections.log"
    audit = Path(__file__).parent / "audit"
    code = "import socket; socket.socket().connect_ex(('127.0.0.1', 9)); socket.getaddrinfo('localhost', 80)"
    environment = {**os.environ, "PYTHONPATH": str(audit), "RXVISION_TEST_CONNECTIONS": str(log)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert "('127.0.0.1', 9)" in log.read_text()
    assert "'localhost'" in log.read_text()
