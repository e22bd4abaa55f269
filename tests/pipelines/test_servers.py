"""The interfaces come up as real processes on a home, answer, and are gone afterwards."""

import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil
import pytest

from pipelines.environments import Environment, prepare
from pipelines.servers import Server, ServerError, start_dagster, start_mlflow, stop, wait_until_up


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    made = Environment(home=tmp_path / "home", dagster_port=free_port(), mlflow_port=free_port())
    prepare(made, variables={})
    return made


def test_both_interfaces_come_up_and_go_down_with_their_children(environment: Environment) -> None:
    servers = [start_dagster(environment), start_mlflow(environment)]
    try:
        wait_until_up(servers, timeout_s=120)
        with urllib.request.urlopen(servers[1].page, timeout=10) as answer:
            assert answer.status == 200
        families = [
            child for server in servers for child in psutil.Process(server.process.pid).children(recursive=True)
        ]
        assert families
    finally:
        stop(servers)
    assert [server.process.returncode is None for server in servers] == [False, False]
    psutil.wait_procs(families, timeout=10)
    assert [child.pid for child in families if child.is_running()] == []


def test_a_server_that_ends_by_itself_is_named_with_its_log(environment: Environment) -> None:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    server = Server("dagster", process, environment.root / "dagster.log", "http://127.0.0.1:9", "/")
    process.wait()
    with pytest.raises(ServerError, match=r"dagster ended with status 3; see .*dagster\.log"):
        wait_until_up([server])
