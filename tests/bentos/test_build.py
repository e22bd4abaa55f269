"""A Bento is built from the champion, carries it as a fallback, and serves it where there is no release yet."""

import shutil
import time
from pathlib import Path

import pytest
import yaml

from bentos.build import build_bento, serving_requirements
from bentos.bundle import current_release
from bentos.faults import ServiceFault
from bentos.runtime.errors import ContractError
from bentos.settings import Settings
from tests.bentos.conftest import release, tiny_home
from tests.bentos.processes import free_port, running
from tests.builders import jpeg, tiny_catalogue, tiny_picture

FRONT = jpeg(tiny_picture(tiny_catalogue()[1]))
NOT_SERVED = ("torch", "torchvision", "timm", "dagster", "mlflow", "feast", "evidently", "great-expectations")


@pytest.fixture(scope="module")
def built_from(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> Settings:
    return Settings(home=tiny_home(tmp_path_factory.mktemp("build") / "home", bundle=bundle))


@pytest.fixture(scope="module")
def bento(built_from: Settings) -> Path:
    name, version = build_bento(built_from).split(":")
    return built_from.home / "bentoml" / "bentos" / name / version


def test_the_bento_names_what_it_was_built_from(bento: Path, built_from: Settings) -> None:
    champion = current_release(built_from).champion
    labels = yaml.safe_load((bento / "bento.yaml").read_text())["labels"]
    assert champion.recogniser.startswith(f"sha256:{labels['recogniser']}")
    assert champion.gallery.startswith(f"sha256:{labels['gallery']}")
    assert labels["version"] == "1"


def test_it_holds_serving_code_the_champion_and_no_private_key(bento: Path) -> None:
    assert {path.name for path in (bento / "src").iterdir()} == {"bentos", "packed", "bentofile.yaml"}
    assert (bento / "src" / "packed" / "keys" / "signing.pub").is_file()
    assert not [path for path in bento.rglob("*") if path.suffix == ".key" or path.name == "journal.db"]


def test_it_requires_what_serving_needs_pinned_and_nothing_else() -> None:
    names = {text.partition("==")[0] for text in serving_requirements()}
    assert {"bentoml", "onnxruntime", "sqlalchemy"} <= names
    assert not names & set(NOT_SERVED)
    assert all("==" in text for text in serving_requirements())


def test_it_serves_its_packed_champion_until_a_release_appears(
    bento: Path, built_from: Settings, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path / "fresh", port=free_port(), poll_s=0.1)
    with running(settings, bento=str(bento)) as client:
        answer = client.post("/api/v1/predict", files={"image": FRONT}).json()
        ready = client.get("/ready").json()
        assert (ready["from"], ready["version"]) == ("packed", "1")
        assert answer["release"]["recogniser"] == ready["recogniser"]
        assert (settings.home / "journal.db").is_file()
        for part in ("recogniser", "gallery", "keys"):
            shutil.copytree(built_from.home / part, settings.home / part, dirs_exist_ok=True)
        release(settings.home, version="2")
        deadline = time.monotonic() + 15
        while client.get("/ready").json()["version"] != "2":
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_second_build_packs_the_new_champion(built_from: Settings, bento: Path) -> None:
    release(built_from.home, version="9")
    second = build_bento(built_from).split(":")[1]
    labels = yaml.safe_load((bento.parent / second / "bento.yaml").read_text())["labels"]
    assert (second != bento.name, labels["version"]) == (True, "9")


def test_nothing_is_built_from_an_altered_release(tmp_path: Path, bundle: Path) -> None:
    settings = Settings(home=tiny_home(tmp_path / "home", bundle=bundle))
    settings.release_path.write_text(settings.release_path.read_text().replace('"version": "1"', '"version": "2"'))
    with pytest.raises(ContractError):
        build_bento(settings)


def test_a_build_that_fails_says_why(tmp_path: Path, bundle: Path) -> None:
    settings = Settings(home=tiny_home(tmp_path / "home", bundle=bundle))
    (settings.home / "bentoml").write_text("in the way")
    with pytest.raises(ServiceFault, match="bentoml build ended with") as caught:
        build_bento(settings)
    assert caught.value.code == "build_failed"
