"""A release is loaded whole or refused: unsigned, altered, or naming what its directories do not hold."""

import json
import shutil
from pathlib import Path

import pytest

from bentos.build import build_bento
from bentos.bundle import current_champion, open_champion, open_release
from bentos.faults import ServiceFault
from bentos.journal import Journal
from bentos.release import ReleaseSpec, pin, read_release, write_release
from bentos.rollout.decisions import decision
from bentos.runtime.contract import file_digests, read_gallery_spec, read_recogniser_spec, write_spec
from bentos.runtime.errors import ContractError
from bentos.settings import Settings
from bentos.signing import read_public_key, sign, signing_key
from tests.bentos.conftest import NOW, change_a_byte, release
from tests.bentos.rollout.making import release_of
from tests.builders import tiny_bundle


def read(settings: Settings) -> ReleaseSpec:
    return read_release(settings.release_path, key=read_public_key(settings.public_key_path))


def test_a_release_comes_back_as_it_was_written(settings: Settings, home: Path) -> None:
    spec = release(home, version="7").model_copy(update={"previous": read(settings).champion})
    write_release(settings.release_path, spec, key=signing_key(settings.keys_dir))
    assert read(settings) == spec
    assert [path.name for path in settings.release_path.parent.iterdir()] == ["release.json"]


def test_the_champion_opens_with_the_digests_the_release_names(settings: Settings) -> None:
    predictor = open_champion(settings)
    champion = read(settings).champion
    assert (predictor.recogniser.digest, predictor.gallery.digest) == (champion.recogniser, champion.gallery)


def test_a_champion_that_the_services_withdrew_is_not_opened(settings: Settings) -> None:
    tiny_bundle(settings.home / "before", name="before")
    spec = release_of(settings.home, previous="before")
    assert current_champion(settings).version == "1"
    withdrawn = decision("withdraw", spec=spec, variant="champion", actor="service", now=NOW, why={})
    Journal(settings.journal_url).append(withdrawn)
    assert current_champion(settings).version == "before"
    assert open_champion(settings).gallery.digest == spec.previous.gallery != spec.champion.gallery
    with pytest.raises(ServiceFault, match="withdrawn"):
        build_bento(settings)


def test_an_unsigned_release_is_refused(settings: Settings) -> None:
    envelope = json.loads(settings.release_path.read_text())
    settings.release_path.write_text(json.dumps(envelope["payload"]))
    with pytest.raises(ContractError, match="not a signed envelope"):
        read(settings)


def test_an_altered_release_is_refused(settings: Settings) -> None:
    settings.release_path.write_text(settings.release_path.read_text().replace('"version": "1"', '"version": "2"'))
    with pytest.raises(ContractError, match="signature"):
        read(settings)


def test_a_release_signed_with_another_key_is_refused(settings: Settings, tmp_path: Path) -> None:
    write_release(settings.release_path, read(settings), key=signing_key(tmp_path / "stranger"))
    with pytest.raises(ContractError, match="signature"):
        read(settings)


def test_a_signed_verdict_put_in_place_of_the_release_is_refused(settings: Settings) -> None:
    payload = read(settings).model_dump(mode="json")
    verdict = sign(payload, key=signing_key(settings.keys_dir), purpose="verdict")
    settings.release_path.write_text(verdict.model_dump_json())
    with pytest.raises(ContractError, match="signed as a 'verdict'"):
        read(settings)


@pytest.mark.parametrize("directory", ["recogniser", "gallery"])
def test_one_changed_byte_in_any_file_is_refused(settings: Settings, home: Path, directory: str) -> None:
    for path in sorted((home / directory).iterdir()):
        original = path.read_bytes()
        change_a_byte(path)
        with pytest.raises(ContractError):
            open_champion(settings)
        path.write_bytes(original)
    open_champion(settings)


def test_a_gallery_of_another_recogniser_is_not_even_pinned(home: Path) -> None:
    _adopt(home / "gallery", into=home / "foreign")
    with pytest.raises(ContractError, match="was made by recogniser"):
        pin(home / "recogniser", gallery=home / "foreign", home=home, version="2")


def test_a_signed_release_that_names_a_foreign_gallery_is_refused(settings: Settings, home: Path) -> None:
    digest = _adopt(home / "gallery", into=home / "foreign")
    champion = read(settings).champion.model_copy(update={"gallery": digest, "gallery_dir": "foreign"})
    with pytest.raises(ContractError):
        open_release(champion, home=home)


def test_a_directory_that_holds_another_gallery_than_the_release_names_is_refused(home: Path) -> None:
    champion = release(home, version="1").champion
    spec = read_gallery_spec(home / "gallery")
    write_spec(home / "gallery", spec.model_copy(update={"name": "another"}))
    with pytest.raises(ContractError, match="the release names gallery"):
        open_release(champion, home=home)


@pytest.mark.parametrize("outside", ["../elsewhere", "/tmp", "recogniser/../../elsewhere"])
def test_a_release_names_nothing_outside_its_home(home: Path, outside: str) -> None:
    champion = release(home, version="1").champion.model_copy(update={"recogniser_dir": outside})
    with pytest.raises(ContractError, match="outside"):
        open_release(champion, home=home)


def test_a_signed_recogniser_that_onnx_runtime_cannot_open_is_refused(home: Path) -> None:
    spec = read_recogniser_spec(home / "recogniser")
    (home / "recogniser" / spec.members[0].onnx_fp32).write_bytes(b"no network")
    files = file_digests(home / "recogniser", list(spec.files))
    digest = write_spec(home / "recogniser", spec.model_copy(update={"files": files}))
    write_spec(home / "gallery", read_gallery_spec(home / "gallery").model_copy(update={"recogniser": digest}))
    with pytest.raises(ContractError, match="cannot be opened"):
        open_release(release(home, version="2").champion, home=home)


def _adopt(gallery: Path, *, into: Path) -> str:
    shutil.copytree(gallery, into)
    spec = read_gallery_spec(gallery)
    return write_spec(into, spec.model_copy(update={"recogniser": "sha256:" + "0" * 64}))
