"""Signatures hold for exactly one payload, one purpose and one key."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bentos.runtime.errors import ContractError
from bentos.signing import (
    PRIVATE_KEY_FILE,
    PUBLIC_KEY_FILE,
    key_id,
    parse_signed,
    read_public_key,
    secret,
    sign,
    signing_key,
    verify,
)

PAYLOAD = {"recogniser": "sha256:aa", "score": 0.5, "passed": True}


def test_a_signed_payload_comes_back(tmp_path: Path) -> None:
    signed = sign(PAYLOAD, key=signing_key(tmp_path), purpose="verdict")
    again = parse_signed(signed.model_dump_json().encode(), origin="verdict.json")
    assert verify(again, key=read_public_key(tmp_path / PUBLIC_KEY_FILE), purpose="verdict") == PAYLOAD


@pytest.mark.parametrize(
    "change",
    [
        {"payload": PAYLOAD | {"passed": False}},
        {"payload": PAYLOAD | {"more": 1}},
        {"signature": "AAAA"},
        {"signature": "not base64"},
        {"purpose": "release"},
    ],
)
def test_anything_changed_is_refused(tmp_path: Path, change: dict) -> None:
    key = signing_key(tmp_path)
    signed = sign(PAYLOAD, key=key, purpose="verdict").model_copy(update=change)
    with pytest.raises(ContractError):
        verify(signed, key=key.public_key(), purpose="verdict")


def test_a_verdict_is_no_release(tmp_path: Path) -> None:
    key = signing_key(tmp_path)
    with pytest.raises(ContractError, match="signed as a 'verdict'"):
        verify(sign(PAYLOAD, key=key, purpose="verdict"), key=key.public_key(), purpose="release")


def test_another_key_is_refused(tmp_path: Path) -> None:
    signed = sign(PAYLOAD, key=signing_key(tmp_path / "a"), purpose="verdict")
    with pytest.raises(ContractError, match="does not hold"):
        verify(signed, key=signing_key(tmp_path / "b").public_key(), purpose="verdict")


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b'{"payload": {}}', b"\xff"])
def test_what_is_no_envelope_is_refused_by_name(data: bytes) -> None:
    with pytest.raises(ContractError, match=r"release\.json is not a signed envelope"):
        parse_signed(data, origin="release.json")


def test_the_private_key_is_readable_by_its_owner_alone_and_made_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        names = set(threads.map(lambda _: key_id(signing_key(tmp_path / "keys").public_key()), range(16)))
    assert len(names) == 1
    assert stat.S_IMODE((tmp_path / "keys" / PRIVATE_KEY_FILE).stat().st_mode) == 0o600
    assert names == {key_id(read_public_key(tmp_path / "keys" / PUBLIC_KEY_FILE))}


def test_a_secret_stays_the_same(tmp_path: Path) -> None:
    first = secret(tmp_path, name="journal_hmac.key")
    assert len(first) == 32
    assert secret(tmp_path, name="journal_hmac.key") == first
    assert secret(tmp_path, name="other.key") != first


def test_a_missing_public_key_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="no public key"):
        read_public_key(tmp_path / PUBLIC_KEY_FILE)
