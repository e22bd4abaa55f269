"""Rules, approvers and evaluations for tests of what a promotion must meet above its gates."""

import json
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bentos.evidence.approvals import APPROVALS_DIR, approve, raw_public, write_approval
from bentos.release import pin
from bentos.runtime.contract import read_recogniser_spec, spec_digest
from bentos.signing import signing_key
from monitoring.evaluate import evaluation_digest
from monitoring.evidence.rules import bound
from monitoring.promote import ReleaseDesk, promote
from monitoring.verdict import Verdict, write_verdict
from tests.builders import NOW
from tests.monitoring.desk import gates
from tests.monitoring.making import evaluation

KEYS = {
    name: Ed25519PrivateKey.from_private_bytes(bytes([i]) * 32) for i, name in enumerate(("anna", "ben", "cora"), 1)
}
SCIENTIST = "person:dave"
OPEN_ENVELOPE = {
    "name": "plan", "purpose": "tests", "may_change": "everything",
    "verified_by": {"policies": "any", "same_photos_as_champion": False},
}  # fmt: skip


def with_rules(desk: ReleaseDesk, *, needed: int = 0, envelope: dict[str, Any] | None = None) -> ReleaseDesk:
    """The desk under a policy file, its promotions launched by a person."""
    people = [{"name": name.title(), "role": "quality" if name == "cora" else "pharmacist",
               "public_key": raw_public(key.public_key()), "accounts": [f"person:{name}"]}
              for name, key in KEYS.items()]  # fmt: skip
    rules: dict[str, Any] = {"name": "test", "approvals": {"needed": needed, "approvers": people}}
    desk.home.mkdir(parents=True, exist_ok=True)
    if envelope is not None:
        (desk.home / "envelope.yaml").write_text(yaml.safe_dump({**OPEN_ENVELOPE, **envelope}))
        rules["envelope"] = "envelope.yaml"
    path = desk.home / "promotion.yaml"
    path.write_text(yaml.safe_dump(rules))
    return ReleaseDesk(**{**vars(desk), "rules_path": path, "actor": SCIENTIST})


def judged(desk: ReleaseDesk, folder: str, *, measured: dict | None = None, champion: dict | None = None,
           **overrides) -> Path:  # fmt: skip
    """A passing verdict on a bundle over evaluations that are kept below the home."""
    recogniser = spec_digest(read_recogniser_spec(desk.home / folder / "recogniser"))
    facts = dict(recogniser=recogniser, gallery="sha256:0", champion=None, gates=gates(passed=True), passed=True,
                 evaluation=keep(desk, measured) if measured else "sha256:e", at=NOW, launched_by=SCIENTIST,
                 champion_evaluation=keep(desk, champion) if champion else None)  # fmt: skip
    return write_verdict(Verdict(**{**facts, **overrides}), desk.home / "verdicts" / f"{folder}.json",
                         key=signing_key(desk.keys_dir))  # fmt: skip


def keep(desk: ReleaseDesk, measured: dict) -> str:
    """Put an evaluation where a run leaves it; its digest."""
    digest = evaluation_digest(measured)
    directory = desk.home / "evaluations" / digest[7:19]
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "report.json").write_text(json.dumps(measured))
    return digest


@cache
def _plain_evaluation() -> str:
    return json.dumps(evaluation())


def measured(*, picture_top1: float = 0.9, **about) -> dict:
    """An evaluation whose first figure is set."""
    found = json.loads(_plain_evaluation())
    found["about"].update(about)
    found["questions"]["picture"]["drug"]["top1"]["value"] = picture_top1
    return found


def approved_by(desk: ReleaseDesk, name: str, folder: str, *, verdict: Path, now: str = NOW, **overrides) -> Path:
    """A person's approval of a bundle below the home, handed in."""
    ref = pin(desk.home / folder / "recogniser", gallery=desk.home / folder / "gallery", home=desk.home, version="?")
    facts = {"reason": "the report was read", "valid": timedelta(days=14), "now": datetime.fromisoformat(now)}
    signed = approve(bound(ref, verdict=verdict), key=KEYS[name], **{**facts, **overrides})
    return write_approval(signed, desk.home / APPROVALS_DIR)


def put_in_force(desk: ReleaseDesk, folder: str, *, verdict: Path, version: str, now: str = NOW):
    """Promote a bundle below the home."""
    return promote(desk, recogniser=desk.home / folder / "recogniser", gallery=desk.home / folder / "gallery",
                   verdict=verdict, version=version, now=now)  # fmt: skip
