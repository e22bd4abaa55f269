"""A receipt holds for its answer alone, and betrays what was done to its entry: to checkpoints or to the trail."""

import asyncio
import json
import sqlite3
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bentos import cli
from bentos.answering import Answering
from bentos.audit.chain import Placed
from bentos.audit.checkpoints import AUDIT_DIR, CHECKPOINTS_FILE, PUBLIC_KEY_FILE, Checkpoint, audit_key
from bentos.audit.receipts import Promise, answer_sha256, check_receipt, demand_covered, receipted
from bentos.audit.schema import StoredJson, append, writing
from bentos.audit.sealing import Sealing
from bentos.journal import TABLE, Journal, connect
from bentos.metrics import metrics
from bentos.runtime.answer import Answer, Receipt
from bentos.runtime.errors import ContractError
from bentos.settings import Settings
from tests.builders import jpeg, tiny_catalogue, tiny_picture

FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))
NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
KEY = Ed25519PrivateKey.generate()


@pytest.fixture
def answers(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Answer]]:
    """Six answers, four of them under a checkpoint, and each kept by its caller as a file."""
    monkeypatch.setenv("RXVISION_HOME", str(settings.home))
    answering = Answering(
        settings, journal=Journal(settings.journal_url), metrics=metrics(), now=lambda: datetime.now(UTC)
    )
    answering.watch.poll()
    sealing, made = Sealing(settings), []
    for number in range(6):
        made.append(asyncio.run(answering.answer([FRONT], metadata=None, request_id=f"r{number}")))
        (tmp_path / f"{number}.json").write_text(made[-1].model_dump_json())
        if number == 3:
            sealing.catch_up()
    yield made
    answering.close()


def verify(*arguments: object) -> int:
    """`rxvision audit verify` as the shell would run it; its status."""
    sys.argv = ["rxvision", "audit", "verify", *map(str, arguments)]
    with pytest.raises(SystemExit) as end:
        cli.main()
    return end.value.code or 0


def receipts(directory: Path, *numbers: int) -> list[str]:
    return [part for number in numbers for part in ("--receipt", str(directory / f"{number}.json"))]


def public_key(settings: Settings) -> Path:
    return settings.keys_dir / PUBLIC_KEY_FILE


def checkpoints_file(settings: Settings) -> Path:
    return settings.home / AUDIT_DIR / CHECKPOINTS_FILE


def lift_triggers(settings: Settings) -> sqlite3.Connection:
    connection = sqlite3.connect(settings.home / "journal.db")
    for name in ("update", "delete"):
        connection.execute(f"DROP TRIGGER journal_refuses_{name}")
    return connection


def test_answers_from_the_cache_have_entries_and_receipts_of_their_own(
    answers: list[Answer], settings: Settings
) -> None:
    cached = [entry.payload.get("cached", False) for entry in Journal(settings.journal_url).entries(action="predict")]
    assert cached == [False, *[True] * 5]
    entries = Journal(settings.journal_url).entries(action="predict")
    assert [answer.receipt.entry_id for answer in answers] == [entry.entry_id for entry in entries]
    assert [answer.receipt.answer_sha256 for answer in answers] == [entry.payload["answer_sha256"] for entry in entries]
    assert len({answer.receipt.signature for answer in answers}) == 6


def test_nothing_of_a_receipt_or_its_answer_can_be_changed(answers: list[Answer]) -> None:
    answer = answers[0].model_copy(update={"receipt": None})
    placed = Placed(7, "ab" * 32)
    signed = receipted(answer, digest=answer_sha256(answer), placed=placed, now=NOON, key=KEY)
    assert check_receipt(signed.receipt, key=KEY.public_key(), answer=signed).entry_id == 7
    for name, value in signed.receipt.model_dump(exclude={"schema_version"}).items():
        other = value + 1 if isinstance(value, int) else value[:-3] + ("000" if value[-3:] != "000" else "111")
        with pytest.raises(ContractError):
            check_receipt(signed.receipt.model_copy(update={name: other}), key=KEY.public_key())
    pill = answer.pills[0].model_copy(update={"confidence": 0.123})
    with pytest.raises(ContractError, match="not the one that was signed"):
        check_receipt(signed.receipt, key=KEY.public_key(), answer=answer.model_copy(update={"pills": (pill,)}))
    with pytest.raises(ContractError, match="signed with key"):
        check_receipt(signed.receipt, key=Ed25519PrivateKey.generate().public_key())


def test_an_answer_that_another_program_wrote_down_again_is_still_the_same(answers: list[Answer]) -> None:
    again = json.loads(answers[0].model_dump_json(), parse_float=lambda text: float(text))
    spelled = json.dumps(again, indent=2, sort_keys=True).replace(".0,", ",")
    assert answer_sha256(Answer.model_validate_json(spelled)) == answers[0].receipt.answer_sha256


def test_the_trail_honours_what_callers_kept(
    answers: list[Answer], settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert verify(*receipts(tmp_path, 0, 3, 5)) == 0
    assert "3 receipts are honoured" in capsys.readouterr().out
    bare, batch = tmp_path / "bare.json", tmp_path / "batch.json"
    bare.write_text(answers[5].receipt.model_dump_json())
    items = [{"index": 0, "request_id": "r0", "answer": answers[0].model_dump(mode="json")}, {"index": 1}]
    batch.write_text(json.dumps({"request_id": "b", "num_answered": 1, "items": items}))
    assert verify("--receipt", bare, "--receipt", batch) == 0
    assert "2 receipts are honoured" in capsys.readouterr().out
    (tmp_path / "0.json").write_text((tmp_path / "0.json").read_text().replace('"status":"', '"status":"un', 1))
    assert verify(*receipts(tmp_path, 0)) == 1
    (tmp_path / "0.json").write_text(answers[0].model_copy(update={"receipt": None}).model_dump_json())
    assert verify(*receipts(tmp_path, 0)) == 1
    assert "holds no receipt" in capsys.readouterr().err


def test_a_cut_tail_that_no_checkpoint_knew_is_found_by_a_receipt(
    answers: list[Answer], settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    last = answers[-1].receipt.entry_id
    with lift_triggers(settings) as connection:
        connection.execute("DELETE FROM journal WHERE entry_id >= ?", (last,))
    connection.close()
    assert verify() == 0
    assert verify(*receipts(tmp_path, 5)) == 1
    assert f"entry {last} is the first bad one, cut" in capsys.readouterr().err


def test_a_tail_written_anew_is_found_by_a_receipt(
    answers: list[Answer], settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    last = answers[-1].receipt.entry_id
    with lift_triggers(settings) as connection:
        connection.execute("DELETE FROM journal WHERE entry_id = ?", (last,))
    connection.close()
    other = {"at": NOON, "actor": "a", "action": "predict", "outcome": "answered", "payload": StoredJson("{}")}
    with writing(connect(settings.journal_url)) as transaction:
        append(transaction, TABLE, [other])
    assert verify() == 0
    assert verify(*receipts(tmp_path, 4, 5)) == 1
    said = capsys.readouterr().err
    assert f"entry {last} is the first bad one" in said
    assert "somebody holds a receipt for another entry" in said


def test_a_caller_needs_checkpoints_and_key_alone(
    answers: list[Answer], settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for file in (public_key(settings), checkpoints_file(settings)):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv("RXVISION_HOME", str(tmp_path / "elsewhere"))
    offline = ("--checkpoints", tmp_path / CHECKPOINTS_FILE, "--key", tmp_path / PUBLIC_KEY_FILE)
    assert verify(*receipts(tmp_path, 0, 3), *offline) == 0
    assert "answers request r3; it stands under checkpoint 1" in capsys.readouterr().out
    assert verify(*receipts(tmp_path, 5), *offline) == 1
    assert "not under a checkpoint yet" in capsys.readouterr().err
    assert verify(*receipts(tmp_path, 0), *offline[:3], settings.keys_dir / "signing.pub") == 1
    assert not (tmp_path / "elsewhere").exists()


def a_checkpoint(*, size: int, at: datetime, tags: tuple[str, ...]) -> Checkpoint:
    rest = {"number": 1, "before": "", "head": "", "root": "", "frontier": ()}
    return Checkpoint(size=size, at=at, tags=tags, **rest)


def test_checkpoints_alone_tell_a_replaced_entry_and_a_cut_one() -> None:
    promise = Promise(entry_id=3, entry_hash="c" * 64, request_id="r", at=NOON)
    tags = ("a" * 16, "b" * 16, "c" * 16)
    assert demand_covered(promise, [a_checkpoint(size=3, at=NOON, tags=tags)]).size == 3
    for checkpoint, said in (
        (a_checkpoint(size=3, at=NOON, tags=(*tags[:2], "d" * 16)), "another entry"),
        (a_checkpoint(size=2, at=NOON + timedelta(hours=1), tags=tags[:2]), "it was cut"),
        (a_checkpoint(size=2, at=NOON, tags=tags[:2]), "not under a checkpoint yet"),
    ):
        with pytest.raises(ContractError, match=said):
            demand_covered(promise, [checkpoint])
    with pytest.raises(ContractError, match="no checkpoint"):
        demand_covered(promise, [])


def test_two_receipts_for_one_place_cannot_both_be_true(
    answers: list[Answer], settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    answer = answers[0]
    forged = receipted(
        answer, digest=answer_sha256(answer), placed=Placed(answer.receipt.entry_id, "0" * 64), now=NOON,
        key=audit_key(settings.keys_dir),
    )  # fmt: skip
    (tmp_path / "forged.json").write_text(Receipt.model_dump_json(forged.receipt))
    assert verify(*receipts(tmp_path, 0), "--receipt", tmp_path / "forged.json") == 1
    assert "name different ones" in capsys.readouterr().err
