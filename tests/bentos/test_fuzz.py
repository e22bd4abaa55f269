"""A bounded atheris run over everything that reads a caller's bytes, from real and broken examples on."""

import os
import subprocess
import sys
from pathlib import Path

from tests.bentos.archives import hostile, zipped
from tests.bentos.pictures import jpeg, unusable, usable

SECONDS = 12
SMALL = 60_000
FRONT = jpeg()
TYPED = (b"{}", b'{"imprint": "44;198", "color": "WHITE", "shape": "ROUND", "size_mm": 9.5}', b'{"size_mm": NaN}')
ROWS = (b"image,image_back,imprint,color,shape,size_mm\na.jpg,b.jpg,A2,RED,ROUND,9\n", b'image\n"a.jpg"\n')
SEEDS = (
    (*usable().values(), *(data for data, _ in unusable().values())),
    TYPED,
    ROWS,
    (zipped({"a.jpg": FRONT, "manifest.csv": ROWS[1]}), *hostile(FRONT).values()),
)


def test_no_bytes_raise_anything_but_a_refusal_or_hang(tmp_path: Path, repository: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for target, seeds in enumerate(SEEDS):
        for number, data in enumerate(data for data in seeds if len(data) < SMALL):
            (corpus / f"{target}-{number}").write_bytes(bytes([target]) + data)
    bounds = (f"-max_total_time={SECONDS}", "-timeout=10", "-rss_limit_mb=0", "-seed=1", "-max_len=65536")
    done = subprocess.run(
        [sys.executable, str(repository / "tests" / "bentos" / "fuzz.py"), *bounds, str(corpus)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-6_000:]
    assert "DONE" in done.stderr
