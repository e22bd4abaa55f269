"""The real service signs checkpoints while it answers, and the last ones when it stops."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

from bentos.audit.checkpoints import AUDIT_DIR, CHECKPOINTS_FILE, PUBLIC_KEY_FILE, Checkpoint, read_checkpoints
from bentos.audit.verify import verify_trail
from bentos.journal import Journal
from bentos.settings import Settings
from bentos.signing import read_public_key
from tests.bentos.conftest import tiny_home
from tests.bentos.processes import free_port, running
from tests.builders import jpeg, tiny_catalogue, tiny_picture

FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))


def checkpoints(settings: Settings) -> list[Checkpoint]:
    key = read_public_key(settings.keys_dir / PUBLIC_KEY_FILE)
    return read_checkpoints(settings.home / AUDIT_DIR / CHECKPOINTS_FILE, key=key)


def covered(settings: Settings) -> int:
    return max((one.size for one in checkpoints(settings)), default=0)


def ask(client: httpx.Client) -> str:
    return client.post("/api/v1/predict", files={"image": FRONT}).raise_for_status().json()["request_id"]


def verified(answer: Path, settings: Settings) -> subprocess.CompletedProcess:
    """The caller's side as docs/audit.md says it, on a machine that has the two files and no home."""
    rxvision = str(Path(sys.executable).parent / "rxvision")
    key, file = settings.keys_dir / PUBLIC_KEY_FILE, settings.home / AUDIT_DIR / CHECKPOINTS_FILE
    command = [rxvision, "audit", "verify", "--receipt", answer, "--checkpoints", file, "--key", key]
    own = {**os.environ, "RXVISION_HOME": str(answer.parent / "nothing")}
    return subprocess.run(command, env=own, capture_output=True, text=True, check=False)


def test_two_workers_keep_their_answers_under_checkpoints(tmp_path: Path, bundle: Path) -> None:
    home = tiny_home(tmp_path / "home", bundle=bundle)
    settings = Settings(home=home, port=free_port(), grpc_port=free_port(), workers=2, packed_home=home / "none")
    journal = Journal(settings.journal_url)
    with running(settings) as client:
        first = journal.of_request(ask(client)).entry_id
        until = time.monotonic() + 20
        while covered(settings) < first and time.monotonic() < until:
            time.sleep(0.1)
        assert covered(settings) >= first
        asked = [ask(client) for _ in range(12)]
        reply = client.post("/api/v1/predict", files={"image": FRONT})
        (tmp_path / "answer.json").write_bytes(reply.content)
    found = verified(tmp_path / "answer.json", settings)
    assert (found.returncode, reply.json()["request_id"] in found.stdout) == (0, True), found.stderr
    found = verify_trail(journal.links(), checkpoints=checkpoints(settings))
    assert found.finding is None
    assert found.num_covered == found.num_entries >= max(journal.of_request(one).entry_id for one in asked)
