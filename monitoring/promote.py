"""Promotion and rollback: how a champion changes, locked, signed and journalled (trials: see `trial`)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from bentos.audit.sealed import NO_KEYS, Keyring
from bentos.evidence.approvals import ApprovalError
from bentos.journal import Entry, Journal
from bentos.privacy.typed import redact
from bentos.release import Ref, ReleaseSpec, pin, read_release, write_release
from bentos.rollout.decisions import NO_DECISION, Standing, standing_in
from bentos.runtime.errors import ContractError
from bentos.runtime.gallery import Gallery
from bentos.runtime.recogniser import Recogniser
from bentos.signing import PUBLIC_KEY_FILE, read_public_key, signing_key
from monitoring.evidence.envelope import EnvelopeError, RulesFileError
from monitoring.evidence.rules import Proposal, demand_rules
from monitoring.gallery_gate import judge_gallery
from monitoring.gates import failures_in_words
from monitoring.verdict import Verdict, VerdictError, demand, read_verdict


class RollbackError(Exception):
    """There is no earlier release to go back to."""


class GalleryRefusedError(Exception):
    """A gallery fails its own gate; names the gates."""


_REFUSALS: Final = {
    VerdictError: "verdict",
    GalleryRefusedError: "gallery",
    ApprovalError: "approvals",
    EnvelopeError: "envelope",
    RulesFileError: "rules",
    ContractError: "files",
}


@dataclass(frozen=True)
class ReleaseDesk:
    """Where releases are kept and who changes them. `actor` names a person or a job in the journal.

    `beside` is another name of that person, the machine's user of who showed a token: neither may approve.

    `rules_path` is the file of what a promotion must meet above its gates, None where nothing more is asked.
    `journal_keys` seal and open the journal's entries, where they are.
    """

    home: Path
    release_path: Path
    keys_dir: Path
    journal_url: str
    actor: str
    rules_path: Path | None = None
    beside: str | None = None
    journal_keys: Keyring = NO_KEYS

    def journal(self) -> Journal:
        """The journal, to be closed."""
        return Journal(self.journal_url, keys=self.journal_keys)

    def current(self) -> ReleaseSpec | None:
        """The release in force, None before the first.

        Raises:
            ContractError: it is unsigned or altered.
        """
        if not self.release_path.is_file():
            return None
        return read_release(self.release_path, key=read_public_key(self.keys_dir / PUBLIC_KEY_FILE))

    def standing(self) -> Standing:
        """What the services, or a person, decided about the release in force."""
        current = self.current()
        if current is None:
            return NO_DECISION
        journal = self.journal()
        standing = standing_in(journal, current)
        journal.close()
        return standing


def promote(
    desk: ReleaseDesk, *, recogniser: Path, gallery: Path, verdict: Path, version: str, now: str
) -> ReleaseSpec:
    """Release a recogniser with a gallery; the champion until now becomes `previous`.

    What is already champion stays as it is. Experiments end with the champion they were held against. Both
    directories are opened, as the service will open them.

    Raises:
        VerdictError: the verdict is missing, unsigned, failed, or about another recogniser.
        GalleryRefusedError: the gallery fails its own gate.
        ApprovalError, EnvelopeError, RulesFileError: what the desk's rules ask above the gates is not met.
        ContractError: a file was changed, or the gallery is another recogniser's.
    """
    signing_key(desk.keys_dir)
    with refusals_journalled(desk, of="promote", version=version, now=now) as about:
        proposal = admitted(desk, recogniser=recogniser, gallery=gallery, verdict=verdict, version=version)
        about |= digests_of(proposal.ref)
        current = desk.current()
        if current is not None and current.champion == proposal.ref:
            return current
        answering = desk.standing().champion_of(current) if current else None
        allowed = demand_rules(desk, proposal, champion=answering, now=now)
    spec = ReleaseSpec(released_at=now, champion=proposal.ref, previous=answering)
    return publish(desk, spec, action="promote", now=now, payload={"evaluation": proposal.judged.evaluation, **allowed})


def admitted(desk: ReleaseDesk, *, recogniser: Path, gallery: Path, verdict: Path, version: str) -> Proposal:
    """What passed its gates and is whole on disk; raises as `promote` does, but for the rules above the gates."""
    judged = read_verdict(verdict, key=read_public_key(desk.keys_dir / PUBLIC_KEY_FILE))
    ref = pin(recogniser, gallery=gallery, home=desk.home, version=version)
    demand(judged, recogniser=ref.recogniser)
    demand_gallery(gallery, recogniser=recogniser)
    return Proposal(ref, judged, verdict)


def record_verdict(desk: ReleaseDesk, found: Verdict, *, version: str) -> None:
    """What the gates said of a candidate is an entry."""
    entry = Entry(at=datetime.fromisoformat(found.at), actor=desk.actor, action="verdict",
                  outcome="passed" if found.passed else "refused", subject_ref=version, recogniser=found.recogniser,
                  gallery=found.gallery, payload={"evaluation": found.evaluation, "policy": found.gates.policy,
                                                  "failed": failures_in_words(found.gates.gates)})  # fmt: skip
    journal = desk.journal()
    journal.append(entry)
    journal.close()


def digests_of(ref: Ref) -> dict[str, str]:
    """Recogniser and gallery of a reference, as an entry names them."""
    return {"recogniser": ref.recogniser, "gallery": ref.gallery}


@contextmanager
def refusals_journalled(desk: ReleaseDesk, *, of: str, version: str, now: str) -> Iterator[dict[str, str]]:
    """A refused promotion or challenge is an entry, with the reason; yields a place for the digests, once known."""
    about: dict[str, str] = {}
    try:
        yield about
    except tuple(_REFUSALS) as error:
        outcome = next(name for kind, name in _REFUSALS.items() if isinstance(error, kind))
        entry = Entry(at=datetime.fromisoformat(now), actor=desk.actor, action=f"refuse_{of}", outcome=outcome,
                      subject_ref=version, payload={"why": str(error)}, **about)  # fmt: skip
        journal = desk.journal()
        journal.append(entry)
        journal.close()
        raise


def rollback(desk: ReleaseDesk, *, now: str, reason: str | None = None) -> ReleaseSpec:
    """Put the previous release back in force; the present one becomes `previous`, so a second call undoes it.

    Personal data that are recognised in the reason are taken out of it.

    Raises:
        RollbackError: nothing was released before the present release.
        ContractError: files of the previous release were changed or removed since.
    """
    current = desk.current()
    if current is None or current.previous is None:
        raise RollbackError("there is no previous release to go back to")
    check_loadable(current.previous, home=desk.home)
    spec = ReleaseSpec(released_at=now, champion=current.previous, previous=current.champion)
    said = reason and redact(reason, policy="redact")  # entries stay for good
    return publish(desk, spec, action="rollback", now=now, payload={"from": current.champion.version, "reason": said})


def demand_gallery(gallery: Path, *, recogniser: Path) -> None:
    """Pass only on a gallery that passes its own gate; raises `GalleryRefusedError`."""
    found = judge_gallery(gallery, recogniser=recogniser)
    if not found.passed:
        raise GalleryRefusedError(f"{gallery} fails its gate: {'; '.join(failures_in_words(found.gates))}")


def check_loadable(ref: Ref, *, home: Path) -> None:
    """Open a reference as the service will; raises `ContractError`."""
    recogniser, gallery = home / ref.recogniser_dir, home / ref.gallery_dir
    pin(recogniser, gallery=gallery, home=home, version=ref.version)
    Gallery.load(gallery, recogniser=Recogniser.load(recogniser))


def publish(desk: ReleaseDesk, spec: ReleaseSpec, *, action: str, now: str, payload: dict) -> ReleaseSpec:
    """Journal first: a release that nobody can account for must not exist."""
    journal = desk.journal()
    entry = Entry(
        at=datetime.fromisoformat(now),
        actor=desk.actor,
        action=action,
        outcome="released",
        subject_ref=spec.champion.version,
        recogniser=spec.champion.recogniser,
        gallery=spec.champion.gallery,
        payload={**payload, "release": spec.release_id, "names": named(spec)},
    )
    journal.append(entry)
    journal.close()
    write_release(desk.release_path, spec, key=signing_key(desk.keys_dir))
    return spec


def named(spec: ReleaseSpec) -> dict[str, str]:
    """Role to version and short digests: what a release puts to work, in words that a journal can hold."""
    return {role: f"{ref.version} {ref.recogniser[7:19]} {ref.gallery[7:19]}" for role, ref in spec.named().items()}
