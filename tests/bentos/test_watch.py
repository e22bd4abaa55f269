"""The watch swaps the predictor when a good release arrives, and keeps the old one when a bad one does."""

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from bentos.build import pack_release
from bentos.bundle import current_release
from bentos.settings import Settings
from bentos.watch import Change, ReleaseWatch
from tests.bentos.conftest import change_a_byte, release


@pytest.fixture
def changes() -> list[Change]:
    return []


@pytest.fixture
def watch(settings: Settings, changes: list[Change]) -> ReleaseWatch:
    return ReleaseWatch(settings, on_change=changes.append)


def test_the_first_look_loads_the_release_and_the_second_does_nothing(watch: ReleaseWatch, changes: list) -> None:
    assert watch.poll()
    assert not watch.poll()
    assert [change.serving.ref.version for change in changes] == ["1"]


def test_a_new_release_is_swapped_in_and_a_request_keeps_the_one_it_began_with(watch: ReleaseWatch, home: Path) -> None:
    watch.poll()
    began_with = watch.current
    release(home, version="2")
    assert watch.poll()
    assert (began_with.ref.version, watch.current.ref.version) == ("1", "2")
    assert watch.current.predictor is not began_with.predictor


def test_the_same_release_written_again_is_not_loaded_again(watch: ReleaseWatch, home: Path) -> None:
    watch.poll()
    began_with = watch.current
    release(home, version="1")
    assert not watch.poll()
    assert watch.current is began_with


def test_an_altered_release_is_refused_and_the_old_one_goes_on(
    watch: ReleaseWatch, settings: Settings, changes: list
) -> None:
    watch.poll()
    settings.release_path.write_text(settings.release_path.read_text().replace('"version": "1"', '"version": "2"'))
    assert not watch.poll()
    assert watch.current.ref.version == "1"
    assert "signature" in watch.refusal
    assert changes[-1].refusal == watch.refusal


def test_a_release_of_a_changed_recogniser_is_refused_until_a_good_one_comes(watch: ReleaseWatch, home: Path) -> None:
    watch.poll()
    shutil.copytree(home / "recogniser", home / "second")
    release(home, version="2", recogniser="second")
    change_a_byte(next((home / "second").glob("*.onnx")))
    assert not watch.poll()
    assert "was changed" in watch.refusal
    release(home, version="3")
    assert watch.poll()
    assert (watch.current.ref.version, watch.refusal) == ("3", None)


def test_a_release_file_that_vanishes_changes_nothing(watch: ReleaseWatch, settings: Settings) -> None:
    watch.poll()
    settings.release_path.unlink()
    assert not watch.poll()
    assert watch.current.ref.version == "1"


def test_without_a_release_nothing_is_served(tmp_path: Path, changes: list) -> None:
    watch = ReleaseWatch(Settings(home=tmp_path, packed_home=tmp_path / "none"), on_change=changes.append)
    assert not watch.poll()
    assert (watch.current, changes) == (None, [])


class TestPacked:
    """The release packed into the Bento answers only while there is no other."""

    @pytest.fixture
    def packed(self, settings: Settings, tmp_path: Path) -> Path:
        spec = current_release(settings)
        pack_release(settings, spec, into=tmp_path / "packed")
        return tmp_path / "packed"

    def test_it_serves_until_a_release_appears(self, packed: Path, tmp_path: Path, home: Path, changes: list) -> None:
        fresh = Settings(home=tmp_path / "fresh", packed_home=packed)
        watch = ReleaseWatch(fresh, on_change=changes.append)
        assert watch.poll()
        assert watch.current.origin == "packed"
        shutil.copytree(home, fresh.home, dirs_exist_ok=True)
        assert watch.poll()
        assert watch.current.origin == "release"

    def test_it_stays_shut_where_settings_forbid_it(self, packed: Path, tmp_path: Path, changes: list) -> None:
        shut = Settings(home=tmp_path / "fresh", packed_home=packed, allow_fallback=False)
        watch = ReleaseWatch(shut, on_change=changes.append)
        assert not watch.poll()
        assert watch.current is None

    def test_it_does_not_cover_for_a_bad_release(self, packed: Path, settings: Settings, changes: list) -> None:
        settings.release_path.write_text(json.dumps({"champion": "me"}))
        both = settings.model_copy(update={"packed_home": packed})
        watch = ReleaseWatch(both, on_change=changes.append)
        assert not watch.poll()
        assert watch.current is None
        assert "not a signed envelope" in watch.refusal

    def test_a_changed_byte_in_it_is_refused(self, packed: Path, tmp_path: Path, changes: list) -> None:
        change_a_byte(next((packed / "recogniser").glob("*.onnx")))
        watch = ReleaseWatch(Settings(home=tmp_path / "fresh", packed_home=packed), on_change=changes.append)
        assert not watch.poll()
        assert watch.current is None


def test_polling_goes_on_until_cancelled_and_says_when_it_ended(watch: ReleaseWatch, home: Path) -> None:
    async def run() -> None:
        polling = asyncio.create_task(watch.run())
        for version in ("2", "3"):
            release(home, version=version)
            while watch.current is None or watch.current.ref.version != version:
                await asyncio.sleep(0.01)
        assert watch.alive
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)

    asyncio.run(asyncio.wait_for(run(), 20))
    assert not watch.alive
