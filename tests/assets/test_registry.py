"""The model registry: versions found by digest, aliases that say what the release says."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from assets.registry import Registry
from assets.resources import MlflowTracker
from bentos.release import Ref, ReleaseSpec
from bentos.runtime.contract import spec_digest
from bentos.runtime.recogniser import Recogniser
from tests.builders import NOW, tiny_recogniser


@pytest.fixture
def run_id(tracker: MlflowTracker) -> str:
    return MlflowClient(tracking_uri=tracker.tracking_uri).create_run(tracker.experiment_id()).info.run_id


def ref(version: str) -> Ref:
    digest = "sha256:" + version * 64
    return Ref(recogniser=digest, recogniser_dir="r", gallery=digest, gallery_dir="g", version=version)


def test_a_version_gives_back_a_recogniser_that_loads(registry: Registry, run_id: str, tmp_path: Path) -> None:
    made = tiny_recogniser(tmp_path / "made")
    version = registry.register(made.directory, digest=made.digest, run_id=run_id)
    registry.follow(champion=version)
    fetched = Recogniser.load(registry.download("champion", into=tmp_path / "fetched"))
    assert fetched.digest == made.digest == spec_digest(made.spec)


def test_registering_the_same_recogniser_again_keeps_its_version(
    registry: Registry, run_id: str, tmp_path: Path
) -> None:
    made = tiny_recogniser(tmp_path / "made")
    first = registry.register(made.directory, digest=made.digest, run_id=run_id)
    assert registry.register(made.directory, digest=made.digest, run_id=run_id) == first
    assert registry.register(made.directory, digest="sha256:other", run_id=run_id) != first


def test_aliases_follow_the_release(registry: Registry, run_id: str, tmp_path: Path) -> None:
    directory = tmp_path / "recogniser"
    directory.mkdir()
    (directory / "file").write_text("x")
    one, two = (registry.register(directory, digest=digest, run_id=run_id) for digest in ("sha256:1", "sha256:2"))
    registry.follow(candidate=one)
    registry.follow_release(ReleaseSpec(released_at=NOW, champion=ref(one)))
    assert registry.aliases() == {"champion": one}
    registry.follow(candidate=two)
    registry.follow_release(ReleaseSpec(released_at=NOW, champion=ref(one), challenger=ref(two), shadow=ref(two)))
    assert registry.aliases() == {"champion": one, "challenger": two, "shadow": two, "candidate": two}
    registry.follow_release(ReleaseSpec(released_at=NOW, champion=ref(two), previous=ref(one)))
    assert registry.aliases() == {"champion": two, "previous": one}
