"""A release desk for tests: bundles below its home, verdicts signed with its key, champions."""

from pathlib import Path

from bentos.audit.sealed import NO_KEYS, Keyring
from bentos.runtime.contract import read_recogniser_spec, spec_digest
from bentos.signing import signing_key
from monitoring.gates import Gate, Gates
from monitoring.promote import ReleaseDesk, promote
from monitoring.verdict import Verdict, write_verdict
from tests.builders import NOW, tiny_bundle

LATER = "2026-01-02T00:00:00+00:00"


def a_desk(home: Path, *, journal_keys: Keyring = NO_KEYS) -> ReleaseDesk:
    """A desk of an empty home."""
    return ReleaseDesk(
        home=home,
        release_path=home / "release" / "release.json",
        keys_dir=home / "keys",
        journal_url=f"sqlite:///{home / 'journal.db'}",
        actor="test",
        journal_keys=journal_keys,
    )


def gates(*, passed: bool) -> Gates:
    """One gate that passed or failed."""
    gate = Gate(name="g", meaning="m", kind="at least", limit=0.5, measured=0.6 if passed else 0.4, passed=passed)
    return Gates(policy="demo", policy_digest="sha256:0", gates=(gate,))


def bundle(desk: ReleaseDesk, folder: str, **overrides) -> tuple[Path, Path]:
    """A recogniser and its gallery below the desk's home."""
    made = tiny_bundle(desk.home / folder, **overrides)
    return made / "recogniser", made / "gallery"


def signed_verdict(desk: ReleaseDesk, recogniser: Path, *, passed: bool = True, **overrides) -> Path:
    """A verdict about the recogniser, signed with the desk\'s key."""
    digest = spec_digest(read_recogniser_spec(recogniser))
    facts = dict(recogniser=digest, gallery="sha256:0", evaluation="sha256:e", champion=None,
                 gates=gates(passed=passed), passed=passed, at=NOW)  # fmt: skip
    verdict = Verdict(**{**facts, **overrides})
    return write_verdict(verdict, desk.home / "verdicts" / f"{digest[7:19]}.json", key=signing_key(desk.keys_dir))


def promoted(desk: ReleaseDesk, folder: str, *, version: str, now: str = NOW, **overrides):
    """A bundle of its own made champion."""
    recogniser, gallery = bundle(desk, folder, **overrides)
    verdict = signed_verdict(desk, recogniser)
    return promote(desk, recogniser=recogniser, gallery=gallery, verdict=verdict, version=version, now=now)
