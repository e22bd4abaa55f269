"""Challenger and shadow: how they enter the signed release and leave it, and what a person decides about them."""

from datetime import datetime
from pathlib import Path

from bentos.release import ReleaseSpec, pin
from bentos.rollout.decisions import decision
from bentos.rollout.limits import Limits
from bentos.signing import signing_key
from monitoring.evidence.rules import demand_rules
from monitoring.promote import ReleaseDesk, admitted, check_loadable, digests_of, publish, refusals_journalled

ROLES = ("challenger", "shadow")


class TrialError(Exception):
    """There is nothing to try against, or nothing to end or resume."""


def challenge(
    desk: ReleaseDesk,
    *,
    recogniser: Path,
    gallery: Path,
    verdict: Path,
    version: str,
    share: float,
    now: str,
    limits: Limits | None = None,
) -> ReleaseSpec:
    """Give a recogniser with its gallery a share of the traffic, by the same lock as promotion.

    Raises:
        TrialError: nothing is released that could be challenged, this is the champion, or something is left to be
            settled or reviewed.
        VerdictError: the verdict is missing, unsigned, failed, or about another recogniser.
        GalleryRefusedError: the gallery fails its own gate.
        ApprovalError, EnvelopeError, RulesFileError: what the desk's rules ask above the gates is not met.
        ContractError: a file was changed, or the gallery is another recogniser's.
    """
    current = _open_to_trials(desk)
    with refusals_journalled(desk, of="challenge", version=version, now=now) as about:
        proposal = admitted(desk, recogniser=recogniser, gallery=gallery, verdict=verdict, version=version)
        about |= digests_of(proposal.ref)
        allowed = demand_rules(desk, proposal, champion=current.champion, now=now)
    ref, judged = proposal.ref, proposal.judged
    if (ref.recogniser, ref.gallery) == (current.champion.recogniser, current.champion.gallery):
        raise TrialError(f"version {version} with this gallery is the champion itself")
    changes = {"challenger": ref, "challenger_share": share, "limits": limits or current.limits}
    payload = {"evaluation": judged.evaluation, **allowed, "share": share, "challenger": version}
    return _changed(desk, current, changes, action="challenge", now=now, payload=payload)


def put_shadow(desk: ReleaseDesk, *, recogniser: Path, gallery: Path, version: str, now: str) -> ReleaseSpec:
    """Let a recogniser answer unseen beside the champion; it needs no verdict, since nobody is told its answers.

    Raises:
        TrialError: nothing is released that it could stand beside, or something is left to be settled or reviewed.
        ContractError: a file was changed, the gallery is another recogniser's, or a network does not open.
    """
    current = _open_to_trials(desk)
    ref = pin(recogniser, gallery=gallery, home=desk.home, version=version)
    check_loadable(ref, home=desk.home)
    return _changed(desk, current, {"shadow": ref}, action="put_shadow", now=now, payload={"shadow": version})


def end_trials(desk: ReleaseDesk, *, now: str) -> ReleaseSpec:
    """Sign a release without challenger and shadow.

    Raises:
        TrialError: there is neither.
    """
    current = _current(desk)
    if current.challenger is None and current.shadow is None:
        raise TrialError("the release names neither a challenger nor a shadow")
    ended = {role: ref.version for role, ref in current.named().items() if role in ROLES}
    return _changed(desk, current, dict.fromkeys(ROLES), action="end_trials", now=now, payload=ended)


def settle(desk: ReleaseDesk, *, now: str) -> ReleaseSpec | None:
    """Sign what the services have decided by themselves; None where they have not.

    A withdrawn champion gives way to the previous release, a withdrawn challenger or shadow leaves the release.

    Raises:
        ContractError: files of the previous release were changed or removed since.
    """
    current, standing = desk.current(), desk.standing()
    if current is None or not standing.withdrawn:
        return None
    changes: dict[str, object] = {role: None for role in ROLES if standing.ends(role)}
    if standing.champion_of(current) != current.champion:
        check_loadable(current.previous, home=desk.home)
        changes |= {"champion": current.previous, "previous": current.champion}
    payload = {"withdrawn": sorted(standing.withdrawn), "from": current.champion.version}
    return _changed(desk, current, changes, action="settle", now=now, payload=payload)


def resume(desk: ReleaseDesk, *, now: str) -> ReleaseSpec:
    """Let a paused experiment go on after a review; disagreement does not pause this release again.

    Raises:
        TrialError: nothing is paused.
    """
    current = _current(desk)
    if not desk.standing().paused:
        raise TrialError("no experiment is paused")
    role = next(role for role in ROLES if getattr(current, role) is not None)
    moment = datetime.fromisoformat(now)
    journal = desk.journal()
    journal.append(decision("resume", spec=current, variant=role, actor=desk.actor, now=moment, why={}))
    journal.close()
    return current


def _current(desk: ReleaseDesk) -> ReleaseSpec:
    signing_key(desk.keys_dir)
    current = desk.current()
    if current is None:
        raise TrialError("nothing is released yet; promote a champion first")
    return current


def _open_to_trials(desk: ReleaseDesk) -> ReleaseSpec:
    """The release without what was withdrawn from it: signing another must not bring that back unnoticed."""
    current, standing = _current(desk), desk.standing()
    if "champion" in standing.withdrawn:
        raise TrialError("the champion was withdrawn by the services; settle that first (`rxvision experiment settle`)")
    if standing.paused:
        raise TrialError("an experiment is paused for a review; resume or end it first (`rxvision experiment`)")
    return current.model_copy(update={role: None for role in ROLES if role in standing.withdrawn})


def _changed(
    desk: ReleaseDesk, current: ReleaseSpec, changes: dict, *, action: str, now: str, payload: dict
) -> ReleaseSpec:
    spec = ReleaseSpec.model_validate({**dict(current), **changes, "released_at": now})
    return publish(desk, spec, action=action, now=now, payload=payload)
