"""Approvals count for what they are about, while fresh, by people who may give them and did not launch the run."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from bentos.evidence.approvals import (
    APPROVALS_DIR,
    ApprovalError,
    ApprovalRules,
    Approver,
    Bound,
    approval_files,
    approve,
    demand_approvals,
    raw_public,
    read_private_key,
    write_approval,
)
from bentos.runtime.errors import ContractError
from bentos.signing import sign

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KEYS = {name: Ed25519PrivateKey.generate() for name in ("anna", "ben", "cora", "stranger")}
ABOUT = Bound(recogniser="sha256:" + "a" * 64, gallery="sha256:" + "b" * 64, verdict="sha256:" + "c" * 64)
LAUNCHED = ("person:dave", "person:dave")


def approver(name: str, *, role: str = "pharmacist", **overrides) -> Approver:
    facts = {"name": name.title(), "role": role, "public_key": raw_public(KEYS[name].public_key()),
             "accounts": (f"person:{name}",)}  # fmt: skip
    return Approver(**{**facts, **overrides})


def rules(**overrides) -> ApprovalRules:
    people = (approver("anna"), approver("ben"), approver("cora", role="quality"))
    return ApprovalRules(**{"needed": 2, "approvers": people, **overrides})


def hand_in(home: Path, name: str, *, about: Bound = ABOUT, now: datetime = NOW, days: int = 14, **overrides) -> Path:
    signed = approve(about, key=KEYS[name], reason="the report was read", now=now, valid=timedelta(days=days),
                     **overrides)  # fmt: skip
    return write_approval(signed, home / APPROVALS_DIR)


def demanded(home: Path, *, launched_by=LAUNCHED, now: datetime = NOW, **overrides):
    return demand_approvals(approval_files(home), about=ABOUT, rules=rules(**overrides), launched_by=launched_by,
                            now=now)  # fmt: skip


def test_two_different_people_let_a_promotion_pass(tmp_path: Path) -> None:
    hand_in(tmp_path, "anna")
    hand_in(tmp_path, "cora")
    assert {one.approver.name for one in demanded(tmp_path)} == {"Anna", "Cora"}


def test_nobody_is_asked_where_none_are_needed(tmp_path: Path) -> None:
    assert demand_approvals((), about=ABOUT, rules=ApprovalRules(), launched_by=(None, None), now=NOW) == []


def test_one_person_who_signs_twice_is_one(tmp_path: Path) -> None:
    hand_in(tmp_path, "anna")
    hand_in(tmp_path, "anna", now=NOW - timedelta(days=1))
    with pytest.raises(ApprovalError, match="2 approvals are needed, 1 count"):
        demanded(tmp_path)


@pytest.mark.parametrize("field", ["recogniser", "gallery", "verdict"])
def test_an_approval_is_refused_when_it_is_replayed_on_another_bundle(tmp_path: Path, field: str) -> None:
    other = ABOUT.model_copy(update={field: "sha256:" + "9" * 64})
    hand_in(tmp_path, "anna")
    hand_in(tmp_path, "ben", about=other)
    with pytest.raises(ApprovalError, match=f"Ben's approval is about another {field}"):
        demanded(tmp_path)


@pytest.mark.parametrize(
    "launched_by",
    [("person:ben", "person:dave"), ("person:dave", "person:ben"), ("person:dave", "token:b", "person:ben")],
)
def test_who_launched_training_or_promotion_does_not_approve_it(tmp_path: Path, launched_by: tuple[str, ...]) -> None:
    hand_in(tmp_path, "anna")
    hand_in(tmp_path, "ben")
    with pytest.raises(ApprovalError, match="Ben launched the run as person:ben"):
        demanded(tmp_path, launched_by=launched_by)


def test_a_run_whose_launcher_is_not_recorded_is_refused(tmp_path: Path) -> None:
    hand_in(tmp_path, "anna")
    hand_in(tmp_path, "ben")
    with pytest.raises(ApprovalError, match="is not recorded"):
        demanded(tmp_path, launched_by=("person:dave", None))


def test_expired_approvals_do_not_count(tmp_path: Path) -> None:
    hand_in(tmp_path, "anna")
    hand_in(tmp_path, "ben", now=NOW - timedelta(days=3), days=2)
    with pytest.raises(ApprovalError, match="Ben's approval has expired"):
        demanded(tmp_path)


def test_an_approval_cannot_make_itself_valid_for_longer_than_the_rules_say(tmp_path: Path) -> None:
    hand_in(tmp_path, "anna", days=3000)
    hand_in(tmp_path, "ben", days=3000)
    demanded(tmp_path, now=NOW + timedelta(days=29))
    with pytest.raises(ApprovalError, match="has expired"):
        demanded(tmp_path, now=NOW + timedelta(days=30))


def test_an_approval_from_the_future_does_not_count(tmp_path: Path) -> None:
    hand_in(tmp_path, "anna")
    hand_in(tmp_path, "ben", now=NOW + timedelta(hours=1))
    with pytest.raises(ApprovalError, match="dated in the future"):
        demanded(tmp_path)


def test_a_key_that_is_nobodys_does_not_count(tmp_path: Path) -> None:
    hand_in(tmp_path, "anna")
    hand_in(tmp_path, "stranger")
    with pytest.raises(ApprovalError, match="is nobody's who may approve"):
        demanded(tmp_path)


def test_a_strangers_signature_under_an_approvers_name_does_not_count(tmp_path: Path) -> None:
    hand_in(tmp_path, "anna")
    path = hand_in(tmp_path, "stranger")
    envelope = json.loads(path.read_text())
    envelope["key_id"] = json.loads(hand_in(tmp_path / "other", "ben").read_text())["key_id"]
    path.write_text(json.dumps(envelope))
    with pytest.raises(ApprovalError, match="signature of this approval does not hold"):
        demanded(tmp_path)


@pytest.mark.parametrize("word", ['"reason":"the report was read"', '"decision":"approve"', "2026-03-15"])
def test_an_edited_approval_does_not_count(tmp_path: Path, word: str) -> None:
    hand_in(tmp_path, "anna")
    path = hand_in(tmp_path, "ben")
    text = json.dumps(json.loads(path.read_text()), separators=(",", ":"))
    assert word in text
    other = {"decision": '"decision":"refuse"', "reason": '"reason":"I looked the other way"'}
    changed = next((new for key, new in other.items() if key in word), "2027-03-15")
    path.write_text(text.replace(word, changed))
    with pytest.raises(ApprovalError, match="does not hold"):
        demanded(tmp_path)


def test_a_signature_made_for_another_purpose_does_not_count(tmp_path: Path) -> None:
    hand_in(tmp_path, "anna")
    payload = json.loads(hand_in(tmp_path / "other", "ben").read_text())["payload"]
    write_approval(sign(payload, key=KEYS["ben"], purpose="verdict"), tmp_path / APPROVALS_DIR)
    with pytest.raises(ApprovalError, match="signed as a 'verdict'"):
        demanded(tmp_path)


def test_somebody_who_says_no_stops_it_until_he_says_yes(tmp_path: Path) -> None:
    hand_in(tmp_path, "anna")
    hand_in(tmp_path, "ben")
    hand_in(tmp_path, "cora", decision="refuse", now=NOW - timedelta(hours=2))
    with pytest.raises(ApprovalError, match=r"refused by Cora \(quality\): the report was read"):
        demanded(tmp_path)
    hand_in(tmp_path, "cora", now=NOW - timedelta(hours=1))
    assert len(demanded(tmp_path)) == 3


def test_a_role_that_must_approve_is_missed(tmp_path: Path) -> None:
    hand_in(tmp_path, "anna")
    hand_in(tmp_path, "ben")
    with pytest.raises(ApprovalError, match="nobody with the role quality"):
        demanded(tmp_path, roles=("quality",))


def test_rules_that_nobody_could_meet_or_that_count_a_person_twice_are_refused() -> None:
    with pytest.raises(ValidationError, match="4 approvals are needed, 3 people"):
        rules(needed=4)
    with pytest.raises(ValidationError, match="nobody has the role"):
        rules(roles=("director",))
    twice = approver("anna").model_copy(update={"name": "Anna again"})
    with pytest.raises(ValidationError, match="share one public_key"):
        ApprovalRules(needed=1, approvers=(approver("anna"), twice))
    with pytest.raises(ValidationError, match="accounts"):
        approver("anna", accounts=())
    with pytest.raises(ValidationError, match="no raw Ed25519 key"):
        approver("anna", public_key="c2hvcnQ=")


def test_a_persons_key_is_read_with_its_password_only(tmp_path: Path) -> None:
    path = tmp_path / "anna.key"
    locked = BestAvailableEncryption(b"a long sentence")
    path.write_bytes(KEYS["anna"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    read = read_private_key(path, password="a long sentence")
    assert raw_public(read.public_key()) == raw_public(KEYS["anna"].public_key())
    for password in (None, "another"):
        with pytest.raises(ContractError, match="no private key can be read"):
            read_private_key(path, password=password)
    path.write_bytes(KEYS["anna"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert raw_public(read_private_key(path).public_key()) == raw_public(KEYS["anna"].public_key())
