"""A verdict opens promotion for exactly the recogniser it is about, and only untouched."""

import json
from pathlib import Path

import pytest

from bentos.signing import signing_key
from monitoring.gates import judge
from monitoring.verdict import Verdict, VerdictError, demand, reach_verdict, read_verdict, write_verdict
from tests.monitoring.making import FlatHarm, evaluation
from tests.monitoring.test_gates import EASY, photographs

AT = "2026-01-01T00:00:00+00:00"


def reached(**about) -> Verdict:
    measured = evaluation(photographs(), **about)
    return reach_verdict(measured, gates=judge(measured, champion=None, policy=EASY, harm=FlatHarm()), at=AT)


def test_a_passing_verdict_about_this_recogniser_lets_it_through(tmp_path: Path) -> None:
    key = signing_key(tmp_path / "keys")
    path = write_verdict(reached(), tmp_path / "verdict.json", key=key)
    found = read_verdict(path, key=key.public_key())
    assert found == reached()
    demand(found, recogniser="sha256:" + "a1" * 32)


def test_a_verdict_about_another_recogniser_is_refused() -> None:
    with pytest.raises(VerdictError, match="not about"):
        demand(reached(), recogniser="sha256:" + "ff" * 32)


def test_a_failed_verdict_is_refused_with_its_reasons() -> None:
    measured = evaluation(photographs()[:100])
    failed = reach_verdict(measured, gates=judge(measured, champion=None, policy=EASY, harm=FlatHarm()), at=AT)
    with pytest.raises(VerdictError, match="Test photographs: 100"):
        demand(failed, recogniser=failed.recogniser)


def test_a_verdict_that_contradicts_its_gates_is_refused() -> None:
    measured = evaluation(photographs()[:100])
    failed = reach_verdict(measured, gates=judge(measured, champion=None, policy=EASY, harm=FlatHarm()), at=AT)
    with pytest.raises(VerdictError, match="did not pass"):
        demand(failed.model_copy(update={"passed": True}), recogniser=failed.recogniser)


@pytest.mark.parametrize("change", ["passed", "recogniser", "limit", "signature"])
def test_one_changed_field_breaks_the_signature(tmp_path: Path, change: str) -> None:
    key = signing_key(tmp_path / "keys")
    path = write_verdict(reached(), tmp_path / "verdict.json", key=key)
    envelope = json.loads(path.read_text())
    match change:
        case "signature":
            envelope["signature"] = "A" + envelope["signature"][1:-4] + "AAA="
        case "limit":
            envelope["payload"]["gates"]["gates"][0]["limit"] = 1
        case field:
            envelope["payload"][field] = "sha256:" + "ff" * 32
    path.write_text(json.dumps(envelope))
    with pytest.raises(VerdictError, match="signature"):
        read_verdict(path, key=key.public_key())


def test_another_key_or_no_file_is_refused(tmp_path: Path) -> None:
    path = write_verdict(reached(), tmp_path / "verdict.json", key=signing_key(tmp_path / "keys"))
    with pytest.raises(VerdictError, match="signature"):
        read_verdict(path, key=signing_key(tmp_path / "other").public_key())
    with pytest.raises(VerdictError, match="no verdict"):
        read_verdict(tmp_path / "missing.json", key=signing_key(tmp_path / "keys").public_key())


def test_the_evaluation_digest_changes_with_one_figure() -> None:
    measured = evaluation(photographs())
    digest = reached().evaluation
    measured["questions"]["picture"]["drug"]["top1"]["value"] = 0.5
    gates = judge(measured, champion=None, policy=EASY, harm=FlatHarm())
    assert reach_verdict(measured, gates=gates, at=AT).evaluation != digest
