"""The measurement of batches runs on a network of the project; it says nothing of how fast."""

from benchmarks.batching import COMMITTED, SIZES, cpu_ms_by_batch
from bentos.runtime.contract import read_recogniser_spec


def test_a_picture_has_its_cost_in_every_batch() -> None:
    member = read_recogniser_spec(COMMITTED).members[0]
    found = cpu_ms_by_batch(COMMITTED / member.onnx_fp32, size_px=member.preprocess.size_px, rounds=2)
    assert tuple(found) == SIZES
    assert all(0 < cost["median"] < 1e3 for cost in found.values())
