"""What the commands for challenger, shadow and experiment do, from the environment to the release and its aliases."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from bentos.release import ReleaseSpec
from monitoring.promote import ReleaseDesk
from monitoring.trial import end_trials, resume, settle
from pipelines.environments import Environment, prepare

if TYPE_CHECKING:
    from assets.trials import Wanted


def challenge_with(wanted: "Wanted", *, share: float) -> ReleaseSpec:
    """Give a version a share of the traffic; the registry's aliases follow."""
    from assets.trials import challenge_wanted

    register_wanted(wanted)
    return challenge_wanted(wanted, share=share, **proved_world("challenge"))


def shadow_with(wanted: "Wanted") -> ReleaseSpec:
    """Let a version answer unseen; the registry's aliases follow."""
    from assets.trials import shadow_wanted

    register_wanted(wanted)
    return shadow_wanted(wanted, **proved_world("shadow"))


def end() -> ReleaseSpec:
    """Sign a release without challenger and shadow."""
    return _signed(lambda desk, now: end_trials(desk, now=now))


def go_on() -> ReleaseSpec:
    """Resume a paused experiment after a review."""
    return _signed(lambda desk, now: resume(desk, now=now))


def settled() -> ReleaseSpec | None:
    """Sign what the services decided by themselves, if they did."""
    return _signed(lambda desk, now: settle(desk, now=now))


def _signed(change: Callable[[ReleaseDesk, str], ReleaseSpec | None]) -> ReleaseSpec | None:
    here = proved_world("experiment")
    workspace = here["workspace"]
    spec = change(workspace.desk(actor=here["actor"]), workspace.now())
    if spec is not None:
        here["registry"].follow_release(spec)
    return spec


def register_wanted(wanted: "Wanted") -> None:
    """Make the recogniser of a bundle a version of the registry, where it is none yet."""
    if wanted.bundle is None:
        return
    from assets.resources import MlflowTracker
    from bentos.runtime.contract import read_recogniser_spec, spec_digest

    environment, registry = Environment(), world()["registry"]
    directory = wanted.bundle / "recogniser"
    digest = spec_digest(read_recogniser_spec(directory))
    if registry.version_of(digest) is not None:
        return
    import mlflow

    tracker = MlflowTracker(tracking_uri=environment.mlflow_uri, artifact_root=environment.mlflow_artifacts)
    with mlflow.start_run(experiment_id=tracker.experiment_id(), run_name="bundle") as run:
        registry.register(directory, digest=digest, run_id=run.info.run_id)


def world() -> dict:
    """The home of the environment, its registry, and the person who signs there."""
    from assets.registry import Registry
    from assets.resources import Workspace
    from bentos.access.person import os_user

    environment = Environment()
    prepare(environment)
    return {
        "workspace": Workspace(home=str(environment.root)),
        "registry": Registry(tracking_uri=environment.mlflow_uri),
        "actor": os_user(),
    }


def proved_world(command: str) -> dict:
    """The world, for a person who may change releases there; raises `AccessFault` for another."""
    from bentos.access.person import prove
    from bentos.access.table import Scope

    here = world()
    return here | {"actor": prove(here["workspace"].settings(), scope=Scope.PROMOTE, command=command)}
