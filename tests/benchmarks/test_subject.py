"""What is measured, and with which clocks."""

import itertools
import subprocess
import sys

import numpy as np

from benchmarks.processes import Tree
from benchmarks.subject import photograph, unlike
from bentos.runtime.decode import decode
from data.catalogue.formulary import read_formulary

MEDICATIONS = read_formulary()[:2]
BUSY = "import time\nwhile time.process_time() < 0.2: pass\nprint(time.process_time(), flush=True)\ninput()"


def test_a_photograph_is_as_large_as_asked_and_drawn_the_same_again() -> None:
    data = photograph(MEDICATIONS, 1, size_px=1000)
    assert decode(data).rgb_HWC.shape == (1000, 1000, 3)
    assert data == photograph(MEDICATIONS, 1, size_px=1000)


def test_no_two_requests_have_the_same_bytes_and_the_pixels_stay() -> None:
    data = photograph(MEDICATIONS, 0, size_px=200)
    asked = list(itertools.islice(unlike([data], series="a"), 3)) + list(
        itertools.islice(unlike([data], series="b"), 3)
    )
    assert len(set(asked)) == 6
    assert all(np.array_equal(decode(each).rgb_HWC, decode(data).rgb_HWC) for each in asked)


def test_the_cpu_clock_of_another_process_is_its_own() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        own_s = float(process.stdout.readline())
        seen_s = Tree.of(process.pid).cpu_s()
        process.communicate(b"\n")
    assert own_s <= seen_s < own_s + 0.1
