"""Schemathesis over the whole description, against a real service: no 5xx, no hang, everything as described."""

import subprocess
import sys
from pathlib import Path

from bentos.settings import Settings
from tests.bentos.conftest import tiny_home
from tests.bentos.processes import free_port, running

MAX_EXAMPLES = 3
SEMANTIC = "positive_data_acceptance"  # bytes at random are no picture, whatever the description says


def test_no_request_that_can_be_made_up_gets_a_5xx_or_an_answer_that_is_not_described(
    tmp_path: Path, bundle: Path
) -> None:
    home = tiny_home(tmp_path / "home", bundle=bundle)
    settings = Settings(
        home=home, port=free_port(), packed_home=home / "none", poll_s=0.1, job_max_unfinished=10_000, max_in_flight=64
    )
    with running(settings) as client:
        done = subprocess.run(
            [
                *(str(Path(sys.executable).parent / "schemathesis"), "run", f"{client.base_url}/openapi.json"),
                *("--exclude-checks", SEMANTIC, "--max-examples", str(MAX_EXAMPLES), "--seed", "1"),
                *("--generation-deterministic", "--request-timeout", "10", "--no-color", "--workers", "1"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
        assert client.get("/ready").status_code == 200
