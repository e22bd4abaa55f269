"""What the commands around promotion and its evidence do, from the environment to files, release and journal."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from bentos.audit.checkpoints import AUDIT_DIR, CHECKPOINTS_FILE, Checkpointer, audit_key
from bentos.evidence.approvals import APPROVALS_DIR, Bound, approve, raw_public, read_private_key, write_approval
from bentos.journal import Entry
from bentos.privacy.journal_keys import HomeKeys, open_journal
from bentos.release import ReleaseSpec, pin
from bentos.runtime.contract import file_sha256
from bentos.runtime.errors import ContractError
from bentos.signing import key_id, read_public_key, signing_key
from pipelines.environments import Environment, prepare
from pipelines.showing import CommandFault
from pipelines.trials import proved_world, register_wanted, world

if TYPE_CHECKING:
    from assets.trials import Candidate, Wanted
    from monitoring.evidence.archive import Bundle, Sources


def make_key(path: Path, *, name: str, role: str, account: str, password: str) -> str:
    """Make a private key that only its owner may read; returns the lines that rules name its public half by."""
    if path.exists():
        raise CommandFault(f"{path} exists; a key is never overwritten")
    key = Ed25519PrivateKey.generate()
    locked = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    return (f"- name: {name}\n  role: {role}\n  public_key: {raw_public(key.public_key())}\n"
            f"  accounts: [{account}]")  # fmt: skip


def approve_wanted(
    wanted: "Wanted", *, key: Path, reason: str, days: int, refuse: bool, ask: Callable[[], str]
) -> Path:
    """Sign a decision about a bundle and journal it; returns its file. `ask` gives the password of a locked key."""
    found, settings = _candidate(wanted), world()["workspace"].settings()
    about, now = _bound(found), datetime.now(UTC)
    signed = approve(about, key=_private_key(key, ask=ask), reason=reason, now=now, valid=timedelta(days=days),
                     decision="refuse" if refuse else "approve")  # fmt: skip
    path = write_approval(signed, settings.home.resolve() / APPROVALS_DIR)
    entry = Entry(at=now, actor=f"approver:{signed.key_id}", action="approve", outcome=signed.payload["decision"],
                  subject_ref=found.version, recogniser=about.recogniser, gallery=about.gallery,
                  payload={"verdict": about.verdict, "reason": reason,
                           "file": "sha256:" + file_sha256(path)})  # fmt: skip
    journal = open_journal(settings)
    journal.append(entry)
    journal.close()
    return path


def _private_key(path: Path, *, ask: Callable[[], str]) -> Ed25519PrivateKey:
    if b"ENCRYPTED" in path.read_bytes():
        return read_private_key(path, password=ask())
    return read_private_key(path)


def promote_wanted(wanted: "Wanted") -> ReleaseSpec:
    """Put a bundle in force, by the same lock as the job; the registry's aliases follow."""
    from monitoring.promote import promote

    found, here = _candidate(wanted), proved_world("promote")
    workspace, registry = here["workspace"], here["registry"]
    spec = promote(workspace.desk(actor=here["actor"]), recogniser=found.bundle.recogniser,
                   gallery=found.bundle.gallery, verdict=found.verdict, version=found.version,
                   now=workspace.now())  # fmt: skip
    registry.follow_release(spec)
    return spec


def written_changelog() -> str:
    """The change log of this home's journal."""
    from monitoring.evidence.changelog import changelog

    journal = open_journal(world()["workspace"].settings())
    text = changelog(journal.entries())
    journal.close()
    return text


def pack_wanted(wanted: "Wanted") -> bytes:
    """The evidence archive of a bundle; what the journal holds is put under a checkpoint first."""
    from bentos.access.person import prove
    from bentos.access.table import Scope
    from monitoring.evidence.archive import pack

    prove(world()["workspace"].settings(), scope=Scope.EXPORT, command="evidence")
    found = _candidate(wanted)
    return pack(_bundle(found), _sources(), at=world()["workspace"].now())


def compared(wanted: "Wanted") -> tuple[list[str], list[str]]:
    """What differs from the signed statement, and how this installation differs from the one that judged."""
    from assets.assembly import source_commit
    from monitoring.evidence.binding import other_here, read_bound, what_differs
    from monitoring.evidence.provenance import this_code
    from monitoring.verdict import read_verdict

    found, settings = _candidate(wanted), world()["workspace"].settings()
    key = read_public_key(settings.public_key_path)
    digest = read_verdict(found.verdict, key=key).evaluation
    directory = settings.home / "evaluations" / digest.removeprefix("sha256:")[:12]
    differing = what_differs(directory, verdict=found.verdict, specs=_bundle(found).specs, key=key)
    return differing, other_here(read_bound(directory, key=key), code=this_code(commit=source_commit()))


def _candidate(wanted: "Wanted") -> "Candidate":
    from assets.trials import candidate

    prepare(Environment())
    register_wanted(wanted)
    here = world()
    return candidate(wanted, workspace=here["workspace"], registry=here["registry"])


def _bound(found: "Candidate") -> Bound:
    from monitoring.evidence.rules import bound

    home = world()["workspace"].root
    ref = pin(found.bundle.recogniser, gallery=found.bundle.gallery, home=home, version=found.version)
    return bound(ref, verdict=found.verdict)


def _bundle(found: "Candidate") -> "Bundle":
    from monitoring.evidence.archive import Bundle
    from monitoring.evidence.changes import Specs

    return Bundle(Specs.read(found.bundle.recogniser, found.bundle.gallery), found.verdict)


def _sources() -> "Sources":
    from monitoring.evidence.archive import Sources

    settings = world()["workspace"].settings()
    journal, key = open_journal(settings), audit_key(settings.keys_dir)
    directory = settings.home / AUDIT_DIR
    Checkpointer(directory, key=key, links=journal.links, size=journal.size).catch_up(datetime.now(UTC))
    release_key = signing_key(settings.keys_dir)
    if key_id(release_key.public_key()) != key_id(read_public_key(settings.public_key_path)):
        raise ContractError("the key below home is not the one that releases are signed with")
    found = Sources(
        home=settings.home, release_path=settings.release_path, rules_path=settings.promotion_rules,
        release_key=release_key, audit_key=key.public_key(), checkpoints=directory / CHECKPOINTS_FILE,
        links=list(journal.links()), entries=journal.entries(), journal_keys=HomeKeys(settings),
    )  # fmt: skip
    journal.close()
    return found
