"""Verifies an evidence archive by itself: python verify.py [DIRECTORY or ZIP] [--release-key PEM] [--audit-key PEM]

Needs Python 3.11 or later and the package `cryptography` (Ed25519, AES): nothing of the project, database, network.
Without arguments it verifies the directory it lies in. The keys in the archive prove that it is whole and consistent;
that it is genuine, only keys do that came to you by another way: give them with the two options, or compare the
fingerprints printed at the end. Take this file itself from a place you trust, too.
"""
# fmt: off

import argparse
import base64
import hashlib
import json
import sys
import zipfile
import zlib
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

MANIFEST = "manifest.intoto.json"
STATEMENT = "evaluation/evidence.intoto.json"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
HASHED = ("entry_id", "at", "actor", "subject_ref", "action", "input_hmac", "recogniser", "gallery", "outcome")
say = print


class Bad(Exception):
    """Something is not what was signed."""


class Files(dict):
    """Name to bytes of what is in the archive; a file that a check needs and that is not there is Bad."""

    def __missing__(self, name):
        raise Bad(f"{name} is missing")


def main(argv=None):
    """Print one line per check; status 0 where all hold, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", nargs="?", default=str(Path(__file__).resolve().parent))
    parser.add_argument("--release-key", help="PEM of the key that releases and verdicts are signed with")
    parser.add_argument("--audit-key", help="PEM of the key that the audit trail's checkpoints are signed with")
    given = parser.parse_args(argv)
    try:
        files = read_files(Path(given.archive))
        keys = {"release": read_key(files, "keys/release.pub", given.release_key),
            "audit": read_key(files, "keys/audit.pub", given.audit_key)}
    except (Bad, OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        say(f"BAD   the archive cannot be read: {error}")
        return 1
    failed = sum(not holds(check, files, keys) for check in CHECKS)
    for name, key in keys.items():
        given_too = getattr(given, name + "_key")
        say(f"key   {name}: {key_id(key)}" + ("" if given_too else "  (of the archive: compare it with what you know)"))
    say(f"NOT WHOLE: {failed} checks failed" if failed else "WHOLE: every check holds")
    return 1 if failed else 0


def holds(check, files, keys):
    """Run one check and say how it went."""
    name = check.__doc__.rstrip(".")
    try:
        say(f"ok    {name}: {check(files, keys)}")
        return True
    except (InvalidSignature, InvalidTag):
        say(f"BAD   {name}: a signature does not hold")
    except (Bad, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        say(f"BAD   {name}: " + (str(error) if isinstance(error, Bad) else f"unreadable: {error!r}"))
    return False


def files_are_as_signed(files, keys):
    """Every file is the one that was packed."""
    said = opened(files[MANIFEST], keys["release"])
    known = {one["name"]: one["digest"]["sha256"] for one in said["subject"]}
    other = [name for name in files if name != MANIFEST and name not in known]
    wrong = [name for name in known if name not in files or sha256(files[name]) != known[name]]
    demand(not other + wrong, "; ".join([f"changed or missing: {name}" for name in sorted(wrong)]
        + [f"not packed: {name}" for name in sorted(other)]))
    return f"{len(known)} files"


def bundle_is_the_one_named(files, keys):
    """Recogniser and gallery are those that the manifest names."""
    said = opened(files[MANIFEST], keys["release"])["predicate"]
    for name in ("recogniser", "gallery"):
        demand("sha256:" + sha256(files[f"bundle/{name}.json"]) == said[name], f"the {name} is another one")
    demand(json.loads(files["bundle/gallery.json"])["recogniser"] == said["recogniser"],
        "the gallery was made by another recogniser")
    return "recogniser {}, gallery {}".format(said["recogniser"][7:19], said["gallery"][7:19])


def reports_are_bound(files, keys):
    """Report, model card and data sheet are bound to model, data, code and lock file."""
    said, bundle = opened(files[STATEMENT], keys["release"]), digests(files, keys)
    for one in said["subject"]:
        name = "verdict.json" if one["name"] == "verdict.json" else "evaluation/" + one["name"]
        demand(name in files and sha256(files[name]) == one["digest"]["sha256"], f"{name} is not the one signed")
    model, figures = said["predicate"]["model"], json.loads(files["evaluation/report.json"])
    demand(model["recogniser"] == bundle["recogniser"], "they are about another recogniser")
    demand("sha256:" + sha256(canonical(figures)) == said["predicate"]["evaluation"], "they are about other figures")
    lock = said["predicate"]["environment"]["lock"]
    demand(lock in (None, "sha256:" + sha256(files["evaluation/constraints.txt"])), "the lock file is another one")
    return "{} documents, code of commit {}".format(len(said["subject"]), said["predicate"]["code"]["commit"])


def verdict_passed(files, keys):
    """The verdict is signed, about this recogniser and these figures, and says how the gates went."""
    verdict, bundle = signed(files["verdict.json"], keys["release"], "verdict"), digests(files, keys)
    demand(verdict["recogniser"] == bundle["recogniser"], "it is about another recogniser")
    demand(verdict["evaluation"] == "sha256:" + sha256(canonical(json.loads(files["evaluation/report.json"]))),
        "it is about other figures")
    gates = verdict["gates"]["gates"]
    demand(verdict["passed"] == all(gate["passed"] for gate in gates), "it contradicts its own gates")
    passed = "passed" if verdict["passed"] else "REFUSED"
    return "{}, {} gates of the policy {}".format(passed, len(gates), verdict["gates"]["policy"])


def trail_holds(files, keys):
    """Each entry of the audit trail is one that a signed checkpoint covers."""
    said, line = json.loads(files["audit/entries.json"]), files["audit/checkpoint.json"]
    checkpoint = signed(line, keys["audit"], "audit-checkpoint")
    demand((checkpoint["number"], checkpoint["size"], checkpoint["root"])
        == (said["checkpoint"], said["size"], said["root"]), "the checkpoint is another one")
    for entry in said["entries"]:
        where = "entry {}".format(entry["entry_id"])
        stored, says = told(entry)
        demand(says == entry["says"], where + " is told differently than it was written")
        demand(entry_hash(stored) == entry["entry_hash"], where + " is not what was written")
        demand(included(entry, checkpoint), where + " is not in the tree of the checkpoint")
    return "{} entries under checkpoint {} of {} entries".format(len(said["entries"]), said["checkpoint"], said["size"])


def approvals_count(files, keys):
    """Who approved, as the rules in force at the promotion asked."""
    promotion = promotion_of(files, keys)
    if promotion is None:
        return "it was not promoted"
    rules, said = json.loads(files["rules/rules.json"]), promotion["says"]
    demand("sha256:" + sha256(files["rules/rules.json"]) == said["rules"]["digest"], "the rules are other ones")
    demand("sha256:" + sha256(files["rules/envelope.json"]) == said["envelope"]["digest"], "it is another envelope")
    people = {one["name"]: one for one in rules["approvals"]["approvers"]}
    given = {"sha256:" + sha256(data): data for name, data in files.items() if name.startswith("approvals/")}
    approved = [approval_holds(given[one["file"]], people[one["name"]], promotion, rules, digests(files, keys))
        for one in said["approvals"]]
    demand(len(set(approved)) == len(approved) >= rules["approvals"]["needed"], "too few people approved")
    missing = set(rules["approvals"]["roles"]) - {people[name]["role"] for name in approved}
    demand(not missing, "nobody approved as {}".format(", ".join(sorted(missing))))
    return "; ".join([", ".join(approved) or "nobody", "the rules {name!r} ask for {needed}".format(
        name=rules["name"], needed=rules["approvals"]["needed"])])


def approval_holds(data, person, promotion, rules, bundle):
    """The name of who gave an approval that counts for this promotion."""
    said = signed(data, Ed25519PublicKey.from_public_bytes(base64.b64decode(person["public_key"])), "approval")
    demand(said["decision"] == "approve", "{} did not say yes".format(person["name"]))
    demand(said["about"] == bundle, "{} approved something else".format(person["name"]))
    given, until, then = map(datetime.fromisoformat, (said["at"], said["expires_at"], promotion["at"]))
    until = min(until, given + timedelta(days=rules["approvals"]["max_age_days"]))
    demand(given - timedelta(minutes=5) <= then < until, "the approval of {} was not valid then".format(person["name"]))
    launched = {promotion["actor"], *map(promotion["says"].get, ("launched_by", "beside"))}
    demand(not launched & set(person["accounts"]), "{} launched the run".format(person["name"]))
    return person["name"]


def release_names_it(files, keys):
    """The release in force when this was packed."""
    if "release.json" not in files:
        return "it named another recogniser"
    release, bundle = signed(files["release.json"], keys["release"], "release"), digests(files, keys)
    roles = [role for role in ("champion", "challenger", "shadow", "previous")
        if release.get(role) and all(release[role][name] == bundle[name] for name in ("recogniser", "gallery"))]
    demand(roles, "it does not name this recogniser with this gallery")
    return "{} since {}".format(" and ".join(roles), release["released_at"])


CHECKS = (files_are_as_signed, bundle_is_the_one_named, reports_are_bound, verdict_passed, trail_holds,
    approvals_count, release_names_it)


def promotion_of(files, keys):
    """The last entry that put this recogniser with this gallery in force, None where there is none."""
    bundle = digests(files, keys)
    found = [entry for entry in json.loads(files["audit/entries.json"])["entries"] if entry["action"] == "promote"
        and entry["recogniser"] == bundle["recogniser"] and entry["gallery"] == bundle["gallery"]]
    return found[-1] if found else None


def digests(files, keys):
    """What an approval must be about."""
    said = opened(files[MANIFEST], keys["release"])["predicate"]
    return {"recogniser": said["recogniser"], "gallery": said["gallery"],
        "verdict": "sha256:" + sha256(files["verdict.json"])}


def told(entry):
    """An entry as it was hashed, and what it says; a sealed one is opened with its own key."""
    kept = json.loads(entry["payload"])
    if "sealed_under" not in kept:
        return entry, kept
    stored, box = {**entry, "actor": "sealed", "input_hmac": None}, base64.b64decode(kept.pop("sealed"), validate=True)
    about = {"what": "entry", "bound": entry_hash({**stored, "payload": canonical(kept).decode()})}
    who, said = AESGCM(bytes.fromhex(entry["opened_with"])).decrypt(box[1:13], box[13:], canonical(about)).split(b"\n")
    demand(json.loads(who) == {name: entry[name] for name in ("actor", "input_hmac")}, "an entry is another's")
    return stored, json.loads(said)


def entry_hash(entry):
    """SHA-256 of an entry's canonical JSON with its place and the hash of the entry before."""
    said = {name: entry[name] for name in HASHED}
    said.update(form=1, previous=entry["previous_hash"], payload_sha256=sha256(entry["payload"].encode()))
    return sha256(canonical(said))


def included(entry, checkpoint):
    """Whether a Merkle path leads from an entry to the checkpoint's root (RFC 9162, 2.1.3.2)."""
    index, last = entry["entry_id"] - 1, checkpoint["size"] - 1
    node = hashlib.sha256(b"\x00" + bytes.fromhex(entry["entry_hash"])).digest()
    path = [bytes.fromhex(one) for one in entry["path"]]
    if not 0 <= index <= last:
        return False
    for beside in path:
        if last == 0:
            return False
        if index & 1 or index == last:
            node = hashlib.sha256(b"\x01" + beside + node).digest()
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\x01" + node + beside).digest()
        index, last = index >> 1, last >> 1
    return last == 0 and node.hex() == checkpoint["root"]


def signed(data, key, purpose):
    """The payload of an envelope of the project: Ed25519 over its canonical JSON with its purpose."""
    envelope = json.loads(data)
    demand(envelope["purpose"] == purpose, "signed as a {!r}, not as a {!r}".format(envelope["purpose"], purpose))
    message = canonical({"payload": envelope["payload"], "purpose": "rxvision/" + purpose})
    key.verify(base64.b64decode(envelope["signature"], validate=True), message)
    return envelope["payload"]


def opened(data, key):
    """The in-toto statement of a DSSE envelope."""
    envelope = json.loads(data)
    body = base64.b64decode(envelope["payload"], validate=True)
    demand((envelope["payloadType"], len(envelope["signatures"])) == (PAYLOAD_TYPE, 1), "not of the signed form")
    message = b"DSSEv1 %d %b %d %b" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(body), body)
    key.verify(base64.b64decode(envelope["signatures"][0]["sig"], validate=True), message)
    return json.loads(body)


def read_files(place):
    """Name to bytes of everything in a directory or ZIP file."""
    if place.is_file():
        with zipfile.ZipFile(place) as archive:
            return Files({one.filename: archive.read(one) for one in archive.infolist() if not one.is_dir()})
    found = [path for path in place.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return Files({path.relative_to(place).as_posix(): path.read_bytes() for path in found})


def read_key(files, name, given):
    """A public key: the one given, else the one in the archive; they must be the same."""
    key = load_pem_public_key(files[name])
    demand(isinstance(key, Ed25519PublicKey), f"{name} is no Ed25519 key")
    demand(not given or key_id(load_pem_public_key(Path(given).read_bytes())) == key_id(key),
        f"{name} is not the key you gave")
    return key


def key_id(key):
    """SHA-256 of a key's raw bytes, in hex."""
    return sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


def canonical(value):
    """JSON with sorted keys and no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data):
    """SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def demand(condition, sentence):
    """Raise Bad with a sentence where a condition does not hold."""
    if not condition:
        raise Bad(sentence)


if __name__ == "__main__":
    sys.exit(main())
