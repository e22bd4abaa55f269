"""The jobs promote and rollback, on a home that holds a judged candidate: release, aliases and Bento follow."""

from pathlib import Path

import dagster as dg
import pytest

from assets.records import MadeGallery, MadeRecogniser, MadeRelease, MadeVerdict
from assets.registry import Registry
from assets.resources import MlflowTracker, Workspace
from bentos.runtime.contract import read_gallery_spec, spec_digest
from bentos.signing import signing_key
from monitoring.gates import Gate, Gates
from monitoring.verdict import Verdict, write_verdict
from pipelines.definitions import build_definitions
from pipelines.environments import Environment
from tests.builders import NOW, tiny_bundle


class Home:
    """A home with its definitions, and candidates put into it as a retraining leaves them."""

    def __init__(self, root: Path) -> None:
        from mlflow import MlflowClient

        environment = Environment(home=root)
        (root / "mlflow").mkdir(parents=True)
        self.workspace = Workspace(home=str(root))
        self.registry = Registry(tracking_uri=environment.mlflow_uri)
        self.definitions = build_definitions(environment)
        tracker = MlflowTracker(tracking_uri=environment.mlflow_uri, artifact_root=environment.mlflow_artifacts)
        self._run_id = MlflowClient(environment.mlflow_uri).create_run(tracker.experiment_id()).info.run_id

    def candidate(self, name: str, *, passed: bool = True) -> str:
        """Write a bundle, its verdict and the records; returns the registry's version."""
        bundle = tiny_bundle(self.workspace.path(name), name=name)
        gallery = read_gallery_spec(bundle / "gallery")
        version = self.registry.register(bundle / "recogniser", digest=gallery.recogniser, run_id=self._run_id)
        verdict = write_verdict(judged(gallery.recogniser, passed=passed), self.workspace.path(f"verdicts/{name}.json"),
                                key=signing_key(self.workspace.settings().keys_dir))  # fmt: skip
        made = {
            "recogniser": MadeRecogniser(digest=gallery.recogniser, directory=f"{name}/recogniser", version=version),
            "gallery": MadeGallery(digest=spec_digest(gallery), directory=f"{name}/gallery",
                                   recogniser=gallery.recogniser),
            "verdict": MadeVerdict(path=self.workspace.relative(verdict), passed=passed),
        }  # fmt: skip
        for asset, record in made.items():
            path = self.workspace.path(f"records/{asset}.json")
            path.parent.mkdir(exist_ok=True)
            path.write_text(record.model_dump_json())
        return version

    def run(self, job: str, *assets: str, **ops: dict) -> dg.ExecuteInProcessResult:
        """Run a job, or some assets of it, in this process; `ops` are their configurations by name."""
        chosen = [dg.AssetKey(name) for name in assets] or None
        with dg.DagsterInstance.ephemeral() as instance:
            found = self.definitions.resolve_job_def(job)
            config = {"ops": {name: {"config": given} for name, given in ops.items()}}
            return found.execute_in_process(
                run_config=config, instance=instance, asset_selection=chosen, raise_on_error=False
            )


def judged(recogniser: str, *, passed: bool) -> Verdict:
    gate = Gate(name="g", meaning="m", kind="at least", limit=0.5, measured=0.6 if passed else 0.4, passed=passed)
    gates = Gates(policy="demo", policy_digest="sha256:0", gates=(gate,))
    return Verdict(recogniser=recogniser, gallery="sha256:0", evaluation="sha256:" + "e" * 64, champion=None,
                   gates=gates, passed=passed, at=NOW)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_two_promotions_and_a_rollback_move_release_and_aliases_together(home: Home) -> None:
    first = home.candidate("one")
    assert home.run("promote", "release").success
    second = home.candidate("two")
    released = home.run("promote", "release").output_for_node("release")
    assert isinstance(released, MadeRelease)
    assert home.registry.aliases() == {"champion": second, "previous": first}
    assert home.run("rollback").success
    assert home.registry.aliases() == {"champion": first, "previous": second}
    assert home.workspace.desk().current().champion.version == first


def test_materialising_the_release_alone_does_not_get_around_a_failed_verdict(home: Home) -> None:
    """A blocking check guards its own run only; the function demands the verdict itself."""
    home.candidate("one", passed=False)
    assert not home.run("promote", "release").success
    assert home.workspace.desk().current() is None
    assert home.registry.aliases() == {}


def test_a_rollback_with_nothing_to_go_back_to_fails(home: Home) -> None:
    home.candidate("one")
    home.run("promote", "release")
    assert not home.run("rollback").success


def test_the_job_promote_builds_a_bento_of_the_release_once(home: Home) -> None:
    home.candidate("one")
    result = home.run("promote")
    assert result.success
    assert result.output_for_node("bento").tag.startswith("rxvision:")
    assert home.run("promote").output_for_node("bento") == result.output_for_node("bento")
