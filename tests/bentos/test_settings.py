"""Settings come from RXVISION_* variables, and launched processes get no telemetry."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from bentos.settings import Settings, launch_environment


def test_the_environment_is_read_and_paths_follow_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RXVISION_HOME", str(tmp_path))
    monkeypatch.setenv("RXVISION_PORT", "4000")
    settings = Settings()
    assert (settings.home, settings.port) == (tmp_path, 4000)
    assert settings.release_path == tmp_path / "release" / "release.json"
    assert settings.journal_url == f"sqlite:///{tmp_path / 'journal.db'}"
    assert settings.public_key_path == tmp_path / "keys" / "signing.pub"


def test_the_service_listens_on_loopback_unless_told_otherwise() -> None:
    assert Settings().host == "127.0.0.1"


@pytest.mark.parametrize("wrong", [{"port": 0}, {"workers": 0}, {"max_in_flight": 0}, {"poll_s": 0}])
def test_values_out_of_bounds_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        Settings(**wrong)


def test_a_launched_process_is_quiet_and_has_its_own_bentoml_home(tmp_path: Path) -> None:
    environment = launch_environment(Settings(home=tmp_path))
    assert environment["BENTOML_DO_NOT_TRACK"] == "True"
    assert environment["BENTOML_HOME"] == str(tmp_path / "bentoml")
    assert environment["OMP_NUM_THREADS"] == "1"
