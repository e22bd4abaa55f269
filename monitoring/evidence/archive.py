"""Everything an inspector needs about one bundle in one ZIP file that verifies by itself."""

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bentos.audit.chain import Link
from bentos.audit.sealed import NO_KEYS, Keyring
from bentos.evidence.approvals import approval_files
from bentos.evidence.statement import about_files, sign_statement
from bentos.journal import Recorded
from bentos.release import parse_release
from bentos.runtime.contract import canonical_json, file_sha256, spec_digest
from bentos.signing import key_id, public_pem
from monitoring.evidence.binding import documents, read_bound
from monitoring.evidence.changelog import changelog
from monitoring.evidence.changes import Specs
from monitoring.evidence.index import index_page
from monitoring.evidence.rules import Rules, kept_rules
from monitoring.evidence.trail import extract
from monitoring.verdict import Verdict, VerdictError, read_verdict

MANIFEST_FILE: Final = "manifest.intoto.json"
PREDICATE_TYPE: Final = "urn:x-rxvision25:evidence-archive:v1"
VERIFIER: Final = Path(__file__).with_name("verify.py")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Sources:
    """Where the evidence of a home lies: its journal (`links`, `entries`), keys, and release file."""

    home: Path
    release_path: Path
    rules_path: Path | None
    release_key: Ed25519PrivateKey
    audit_key: Ed25519PublicKey
    checkpoints: Path
    links: list[Link]
    entries: list[Recorded]
    journal_keys: Keyring = NO_KEYS


@dataclass(frozen=True)
class Bundle:
    """The bundle that is asked about, and its verdict's file."""

    specs: Specs
    verdict: Path

    @property
    def digests(self) -> dict[str, str]:
        """What approvals are about."""
        return {"recogniser": spec_digest(self.specs.recogniser), "gallery": spec_digest(self.specs.gallery),
                "verdict": "sha256:" + file_sha256(self.verdict)}  # fmt: skip


def pack(bundle: Bundle, sources: Sources, *, at: str) -> bytes:
    """The archive's bytes; equal inputs give equal bytes.

    Raises:
        VerdictError: the verdict is not about this bundle, or was altered.
        ContractError: the evaluation's statement is missing or altered, or no checkpoint covers the journal.
    """
    files = collected(bundle, sources, at=at)
    statement = about_files(files, predicate_type=PREDICATE_TYPE, predicate={**bundle.digests, "at": at})
    files[MANIFEST_FILE] = sign_statement(statement, key=sources.release_key)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), files[name], zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def collected(bundle: Bundle, sources: Sources, *, at: str) -> dict[str, bytes]:
    """Every file of the archive but its manifest, by name."""
    key = sources.release_key.public_key()
    verdict = read_verdict(bundle.verdict, key=key)
    if verdict.recogniser != bundle.digests["recogniser"]:
        raise VerdictError(f"{bundle.verdict} is about another recogniser: {verdict.recogniser}")
    trail, checkpoint = extract(sources.links, digests=[*bundle.digests.values(), verdict.evaluation],
                                checkpoints=sources.checkpoints, key=sources.audit_key,
                                keys=sources.journal_keys)  # fmt: skip
    promotion = _promotion(trail, bundle)
    files = {
        "bundle/recogniser.json": canonical_json(bundle.specs.recogniser.model_dump(mode="json")),
        "bundle/gallery.json": canonical_json(bundle.specs.gallery.model_dump(mode="json")),
        "verdict.json": bundle.verdict.read_bytes(),
        **_evaluation(bundle, verdict, sources),
        **_rules(promotion, sources),
        **_approvals(bundle, sources),
        **_release(bundle, sources, key=key),
        "changelog.md": changelog(sources.entries).encode(),
        "audit/entries.json": json.dumps(trail, indent=1, ensure_ascii=False).encode() + b"\n",
        "audit/checkpoint.json": checkpoint,
        "keys/release.pub": public_pem(key),
        "keys/audit.pub": public_pem(sources.audit_key),
        "verify.py": VERIFIER.read_bytes(),
    }
    keys = {"release": key_id(key), "audit": key_id(sources.audit_key)}
    files["index.html"] = index_page(bundle.specs, verdict=verdict, files=files, trail=trail, promotion=promotion,
                                     keys=keys, at=at).encode()  # fmt: skip
    return files


def _promotion(trail: Mapping[str, Any], bundle: Bundle) -> dict[str, Any] | None:
    """The last entry that put the bundle in force."""
    digests = bundle.digests
    found = [entry for entry in trail["entries"] if entry["action"] == "promote"
             and (entry["recogniser"], entry["gallery"]) == (digests["recogniser"], digests["gallery"])]  # fmt: skip
    return found[-1] if found else None


def _evaluation(bundle: Bundle, verdict: Verdict, sources: Sources) -> dict[str, bytes]:
    directory = sources.home / "evaluations" / verdict.evaluation.removeprefix("sha256:")[:12]
    read_bound(directory, key=sources.release_key.public_key())
    found = documents(directory, verdict=bundle.verdict)
    files = {f"evaluation/{path.name}": path.read_bytes() for path in found.values() if path != bundle.verdict}
    return files | {"evaluation/evidence.intoto.json": (directory / "evidence.intoto.json").read_bytes()}


def _rules(promotion: Mapping[str, Any] | None, sources: Sources) -> dict[str, bytes]:
    """Rules and envelope in force at the promotion, those of today where it was not promoted."""
    if promotion is not None and "rules" in promotion["says"]:
        said = promotion["says"]
        return {f"rules/{name}.json": kept_rules(sources.home, said[name]["digest"]) for name in ("rules", "envelope")}
    rules = Rules.read(sources.rules_path)
    return {
        "rules/rules.json": canonical_json(rules.promotion.model_dump(mode="json")),
        "rules/envelope.json": canonical_json(rules.envelope.model_dump(mode="json")),
    }


def _approvals(bundle: Bundle, sources: Sources) -> dict[str, bytes]:
    """Everything that was handed in about this recogniser, whether it counted or not."""
    recogniser = bundle.digests["recogniser"].encode()
    found = {path.name: path.read_bytes() for path in approval_files(sources.home)}
    return {f"approvals/{name}": data for name, data in found.items() if recogniser in data}


def _release(bundle: Bundle, sources: Sources, *, key: Ed25519PublicKey) -> dict[str, bytes]:
    if not sources.release_path.is_file():
        return {}
    data, digests = sources.release_path.read_bytes(), bundle.digests
    spec = parse_release(data, key=key, origin=str(sources.release_path))
    named = {(ref.recogniser, ref.gallery) for ref in spec.named().values()}
    return {"release.json": data} if (digests["recogniser"], digests["gallery"]) in named else {}
