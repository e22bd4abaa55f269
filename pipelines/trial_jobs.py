"""Jobs and sensor around a running release: challenge, put_shadow, settle."""

import dagster as dg
from pydantic import Field

from assets.registry import Registry
from assets.resources import Workspace


class ChallengeConfig(dg.Config):
    """Who challenges the champion."""

    version: str = Field(description="the registry's version; its verdict must have passed")
    share: float = Field(0.1, ge=0, le=0.5, description="of the callers; more decides sooner and risks more")


class ShadowConfig(dg.Config):
    """Who answers unseen."""

    version: str = Field(description="the registry's version")


@dg.op(description="Give a judged version a share of the traffic beside the champion.")
def put_challenger(
    context: dg.OpExecutionContext, config: ChallengeConfig, workspace: Workspace, registry: Registry
) -> None:
    """Refused without a passing verdict about exactly this recogniser."""
    from assets.trials import Wanted, challenge_wanted

    spec = challenge_wanted(Wanted(config.version), share=config.share, workspace=workspace, registry=registry,
                            actor=workspace.proved_desk(context.run, command="challenge").actor)  # fmt: skip
    context.log.info("version %s challenges version %s", config.version, spec.champion.version)


@dg.op(description="Let a version answer everything once more, unseen.")
def put_shadow_beside(
    context: dg.OpExecutionContext, config: ShadowConfig, workspace: Workspace, registry: Registry
) -> None:
    """Refused where the recogniser and its gallery do not belong together or do not open."""
    from assets.trials import Wanted, shadow_wanted

    spec = shadow_wanted(Wanted(config.version), workspace=workspace, registry=registry,
                         actor=workspace.proved_desk(context.run, command="shadow").actor)  # fmt: skip
    context.log.info("version %s stands behind version %s", config.version, spec.champion.version)


@dg.op(description="Sign what the services decided by themselves: a withdrawn variant leaves the release.")
def sign_withdrawals(context: dg.OpExecutionContext, workspace: Workspace, registry: Registry) -> None:
    """Does nothing where nothing was withdrawn."""
    from monitoring.trial import settle

    spec = settle(workspace.desk_of(context.run), now=workspace.now())
    if spec is not None:
        registry.follow_release(spec)
    context.log.info("nothing was withdrawn" if spec is None else f"version {spec.champion.version} is in force")


@dg.job(executor_def=dg.in_process_executor, description="Give a judged version a share of the traffic.")
def challenge() -> None:
    """One step."""
    put_challenger()


@dg.job(executor_def=dg.in_process_executor, description="Let a version answer unseen beside the champion.")
def shadow() -> None:
    """One step."""
    put_shadow_beside()


@dg.job(executor_def=dg.in_process_executor, description="Sign the withdrawals that the services decided.")
def settle_release() -> None:
    """One step."""
    sign_withdrawals()


@dg.sensor(
    job=settle_release,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A variant that the services withdrew leaves the signed release, too.",
)
def withdrawn(_context: dg.SensorEvaluationContext, workspace: Workspace) -> dg.RunRequest | dg.SkipReason:
    """One run for each release and what was withdrawn from it."""
    desk = workspace.desk()
    release, standing = desk.current(), desk.standing()
    if release is None or not standing.withdrawn:
        return dg.SkipReason("nothing was withdrawn from the release in force")
    roles = "-".join(sorted(standing.withdrawn))
    return dg.RunRequest(run_key=f"{release.release_id}-{roles}", tags={"rxvision/because": f"withdrawn: {roles}"})


TRIAL_JOBS = (challenge, shadow, settle_release)
