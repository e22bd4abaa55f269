"""Promotion is locked by the verdict, rollback by what is left on disk; both are signed and journalled."""

import dataclasses
import json
from pathlib import Path

import pytest

from bentos.journal import Journal
from bentos.release import read_release
from bentos.runtime.enrol import build_gallery
from bentos.runtime.errors import ContractError
from bentos.signing import read_public_key
from monitoring.promote import GalleryRefusedError, ReleaseDesk, RollbackError, promote, rollback
from monitoring.verdict import VerdictError
from tests.builders import NOW, tiny_catalogue, tiny_recogniser, tiny_references
from tests.monitoring.desk import LATER, a_desk, bundle, promoted, signed_verdict


@pytest.fixture
def desk(tmp_path: Path) -> ReleaseDesk:
    return a_desk(tmp_path)


def test_a_passing_verdict_about_this_recogniser_releases_it(desk: ReleaseDesk) -> None:
    spec = promoted(desk, "one", version="1")
    kept = read_release(desk.release_path, key=read_public_key(desk.keys_dir / "signing.pub"))
    assert kept == spec
    assert (spec.champion.version, spec.previous) == ("1", None)
    entries = Journal(desk.journal_url).entries(action="promote")
    assert [(e.actor, e.recogniser, e.subject_ref) for e in entries] == [("test", spec.champion.recogniser, "1")]


def test_a_failed_verdict_is_refused(desk: ReleaseDesk) -> None:
    recogniser, gallery = bundle(desk, "one")
    verdict = signed_verdict(desk, recogniser, passed=False)
    with pytest.raises(VerdictError, match="did not pass its gates"):
        promote(desk, recogniser=recogniser, gallery=gallery, verdict=verdict, version="1", now=NOW)
    assert not desk.release_path.exists()


def test_a_verdict_about_another_recogniser_is_refused(desk: ReleaseDesk) -> None:
    recogniser, gallery = bundle(desk, "one")
    other, _ = bundle(desk, "two", name="other")
    with pytest.raises(VerdictError, match="is about recogniser"):
        promote(desk, recogniser=recogniser, gallery=gallery, verdict=signed_verdict(desk, other), version="1", now=NOW)


def test_a_verdict_edited_to_pass_is_refused(desk: ReleaseDesk) -> None:
    recogniser, gallery = bundle(desk, "one")
    path = signed_verdict(desk, recogniser, passed=False)
    envelope = json.loads(path.read_text())
    envelope["payload"]["passed"] = True
    path.write_text(json.dumps(envelope))
    with pytest.raises(VerdictError, match="signature"):
        promote(desk, recogniser=recogniser, gallery=gallery, verdict=path, version="1", now=NOW)


def test_without_a_verdict_nothing_is_promoted(desk: ReleaseDesk) -> None:
    recogniser, gallery = bundle(desk, "one")
    with pytest.raises(VerdictError, match="no verdict"):
        promote(desk, recogniser=recogniser, gallery=gallery, verdict=desk.home / "none.json", version="1", now=NOW)


def test_one_changed_byte_of_a_network_is_refused(desk: ReleaseDesk) -> None:
    recogniser, gallery = bundle(desk, "one")
    verdict = signed_verdict(desk, recogniser)
    network = recogniser / "fast.onnx"
    data = bytearray(network.read_bytes())
    data[len(data) // 2] ^= 1
    network.write_bytes(data)
    with pytest.raises(ContractError, match="was changed"):
        promote(desk, recogniser=recogniser, gallery=gallery, verdict=verdict, version="1", now=NOW)


def test_a_gallery_of_another_recogniser_is_refused(desk: ReleaseDesk) -> None:
    recogniser, _ = bundle(desk, "one")
    _, gallery = bundle(desk, "two", name="other")
    with pytest.raises(ContractError, match="was made by recogniser"):
        promote(desk, recogniser=recogniser, gallery=gallery, verdict=signed_verdict(desk, recogniser), version="1",
                now=NOW)  # fmt: skip


def test_a_gallery_that_fails_its_gate_is_refused(desk: ReleaseDesk) -> None:
    """Every pill shows the same picture: no one can be found by it."""
    made = tiny_recogniser(desk.home / "one" / "recogniser")
    picture = tiny_references()[0].rgb_HWC
    alike = [dataclasses.replace(reference, rgb_HWC=picture) for reference in tiny_references()]
    gallery = desk.home / "one" / "gallery"
    build_gallery(made, medications=tiny_catalogue(), references=alike, out=gallery, name="alike", now=NOW)
    with pytest.raises(GalleryRefusedError, match="fails its gate"):
        promote(desk, recogniser=made.directory, gallery=gallery, verdict=signed_verdict(desk, made.directory),
                version="1", now=NOW)  # fmt: skip


def test_promoting_the_champion_again_changes_nothing(desk: ReleaseDesk) -> None:
    spec = promoted(desk, "one", version="1")
    recogniser, gallery = desk.home / "one" / "recogniser", desk.home / "one" / "gallery"
    again = promote(desk, recogniser=recogniser, gallery=gallery, verdict=signed_verdict(desk, recogniser),
                    version="1", now=LATER)  # fmt: skip
    assert again == spec


def test_rollback_puts_the_previous_release_back_and_a_second_one_undoes_it(desk: ReleaseDesk) -> None:
    promoted(desk, "one", version="1")
    promoted(desk, "two", version="2", now=LATER, name="other")
    back = rollback(desk, now=LATER)
    assert (back.champion.version, back.previous.version) == ("1", "2")
    assert rollback(desk, now=LATER).champion.version == "2"
    assert [entry.action for entry in Journal(desk.journal_url).entries()] == ["promote"] * 2 + ["rollback"] * 2


def test_personal_data_in_the_reason_of_a_rollback_do_not_reach_the_journal(desk: ReleaseDesk) -> None:
    promoted(desk, "one", version="1")
    promoted(desk, "two", version="2", now=LATER, name="other")
    rollback(desk, now=LATER, reason="wrong strength, says ann@clinic.example, 415-555-2671")
    (entry,) = Journal(desk.journal_url).entries(action="rollback")
    assert entry.payload["reason"] == "wrong strength, says [email], [phone]"


def test_there_is_nothing_to_go_back_to_after_the_first_release(desk: ReleaseDesk) -> None:
    with pytest.raises(RollbackError):
        rollback(desk, now=NOW)
    promoted(desk, "one", version="1")
    with pytest.raises(RollbackError):
        rollback(desk, now=NOW)


def test_rollback_to_files_that_were_changed_is_refused(desk: ReleaseDesk) -> None:
    promoted(desk, "one", version="1")
    spec = promoted(desk, "two", version="2", now=LATER, name="other")
    (desk.home / "one" / "gallery" / "features.npz").write_bytes(b"")
    with pytest.raises(ContractError):
        rollback(desk, now=LATER)
    assert desk.current() == spec
