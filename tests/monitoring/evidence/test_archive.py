"""An archive is verified where nothing of the project is: one changed byte in any file of it is found."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import cryptography
import pytest

from bentos.privacy.journal_keys import HomeKeys
from bentos.settings import Settings
from bentos.signing import public_pem, signing_key
from monitoring.evidence.archive import VERIFIER, pack
from tests.monitoring.desk import LATER
from tests.monitoring.evidence.home import EvidenceHome, judged_home, promoted_home

EXPECTED = {
    "index.html", "verify.py", "manifest.intoto.json", "verdict.json", "release.json", "changelog.md",
    "bundle/recogniser.json", "bundle/gallery.json", "rules/rules.json", "rules/envelope.json",
    "audit/entries.json", "audit/checkpoint.json", "keys/release.pub", "keys/audit.pub",
    "evaluation/report.html", "evaluation/report.json", "evaluation/records.jsonl", "evaluation/model_card.html",
    "evaluation/data_sheet.html", "evaluation/evidence.intoto.json", "evaluation/sbom.cdx.json",
    "evaluation/constraints.txt",
}  # fmt: skip


@pytest.fixture(scope="module")
def cryptography_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the one package that the verifier needs, and what that package itself needs."""
    folder = tmp_path_factory.mktemp("packages")
    site = Path(cryptography.__file__).parents[1]
    for name in ("cryptography", "cffi", "pycparser", "_cffi_backend.*"):
        for found in site.glob(name):
            (folder / found.name).symlink_to(found)
    return folder


@pytest.fixture
def unpacked(archive: bytes, tmp_path: Path) -> Path:
    """The archive in an empty directory."""
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        packed.extractall(tmp_path / "evidence")
    return tmp_path / "evidence"


def verified(where: Path, *arguments: str, packages: Path, verifier: Path | None = None) -> subprocess.CompletedProcess:
    """`python verify.py` as a process of its own: no site packages, no project on its path, an empty environment."""
    command = [sys.executable, "-S", "-B", str(verifier or where / "verify.py"), *arguments]
    environment = {"PYTHONPATH": str(packages), "PATH": os.defpath}
    return subprocess.run(command, cwd=where.parent, env=environment, capture_output=True, text=True, check=False)


def test_the_archive_holds_everything_an_inspector_needs(unpacked: Path) -> None:
    found = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    assert {name for name in found if not name.startswith("approvals/")} == EXPECTED
    assert len([name for name in found if name.startswith("approvals/")]) == 2


def test_it_verifies_in_an_empty_directory_without_project_and_database(
    unpacked: Path, cryptography_alone: Path
) -> None:
    done = verified(unpacked, packages=cryptography_alone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WHOLE: every check holds" in done.stdout
    assert "Anna, Cora; the rules 'test' ask for 2" in done.stdout
    assert "champion since" in done.stdout


def test_the_process_that_verifies_has_nothing_of_the_project(unpacked: Path, cryptography_alone: Path) -> None:
    probe = unpacked.parent / "probe.py"
    probe.write_text("import importlib.util as u\nprint([n for n in ('bentos', 'monitoring', 'pydantic', 'numpy') "
                     "if u.find_spec(n)])\n")  # fmt: skip
    done = verified(unpacked, packages=cryptography_alone, verifier=probe)
    assert done.stdout.strip() == "[]"


def test_the_zip_file_itself_verifies(archive: bytes, tmp_path: Path, cryptography_alone: Path) -> None:
    path = tmp_path / "evidence.zip"
    path.write_bytes(archive)
    assert verified(tmp_path, str(path), packages=cryptography_alone, verifier=VERIFIER).returncode == 0


FLIPS = """
import io, pathlib, runpy, sys
from contextlib import redirect_stdout
main = runpy.run_path(sys.argv[1], run_name="verifier")["main"]
def status(where):
    with redirect_stdout(io.StringIO()):
        return main([where])
where = pathlib.Path(sys.argv[2])
found = status(str(where))
print("whole" if found == 0 else "not whole")
for path in sorted(p for p in where.rglob("*") if p.is_file()):
    original = path.read_bytes()
    for place in sorted({0, len(original) // 3, len(original) // 2, len(original) - 2}):
        path.write_bytes(original[:place] + bytes([original[place] ^ 1]) + original[place + 1:])
        print(path.relative_to(where).as_posix(), place, "found" if status(str(where)) == 1 else "MISSED")
    path.write_bytes(original)
print("whole" if status(str(where)) == 0 else "not whole")
"""


def test_one_changed_byte_in_any_file_is_found(unpacked: Path, cryptography_alone: Path) -> None:
    """By the verifier that was taken from elsewhere; all flips in one process of its own."""
    flips = unpacked.parent / "flips.py"
    flips.write_text(FLIPS)
    done = verified(unpacked, str(VERIFIER), str(unpacked), packages=cryptography_alone, verifier=flips)
    first, *flipped, last = done.stdout.splitlines()
    assert (first, last) == ("whole", "whole"), done.stderr
    assert [line for line in flipped if not line.endswith("found")] == []
    assert {line.split()[0] for line in flipped} >= EXPECTED


def test_the_archives_own_verifier_finds_a_change_too(unpacked: Path, cryptography_alone: Path) -> None:
    report = unpacked / "evaluation" / "report.html"
    report.write_text(report.read_text().replace("Passed", "passed", 1))
    done = verified(unpacked, packages=cryptography_alone)
    assert done.returncode == 1
    assert "changed or missing: evaluation/report.html" in done.stdout


@pytest.mark.parametrize("name", ["verdict.json", "evaluation/report.html", "keys/audit.pub", "manifest.intoto.json"])
def test_a_missing_file_is_found_and_named(name: str, unpacked: Path, cryptography_alone: Path) -> None:
    (unpacked / name).unlink()
    done = verified(unpacked, str(unpacked), packages=cryptography_alone, verifier=VERIFIER)
    assert done.returncode == 1
    assert name in done.stdout


def test_a_file_that_was_slipped_in_is_found(unpacked: Path, cryptography_alone: Path) -> None:
    (unpacked / "approvals" / "another.json").write_text("{}")
    done = verified(unpacked, packages=cryptography_alone)
    assert done.returncode == 1
    assert "not packed: approvals/another.json" in done.stdout


def test_a_changed_zip_file_is_found(archive: bytes, tmp_path: Path, cryptography_alone: Path) -> None:
    path = tmp_path / "evidence.zip"
    for place in (200, len(archive) // 2, len(archive) - 200):
        path.write_bytes(archive[:place] + bytes([archive[place] ^ 1]) + archive[place + 1 :])
        done = verified(tmp_path, str(path), packages=cryptography_alone, verifier=VERIFIER)
        assert done.returncode == 1, place
        assert "Traceback" not in done.stderr


def test_an_archive_of_another_key_is_told_by_the_key_that_came_another_way(
    unpacked: Path, promoted: EvidenceHome, tmp_path: Path, cryptography_alone: Path
) -> None:
    own, foreign = tmp_path / "own.pub", tmp_path / "foreign.pub"
    own.write_bytes(public_pem(signing_key(promoted.desk.keys_dir).public_key()))
    foreign.write_bytes(public_pem(signing_key(tmp_path / "stranger").public_key()))
    assert verified(unpacked, "--release-key", str(own), packages=cryptography_alone).returncode == 0
    done = verified(unpacked, "--release-key", str(foreign), packages=cryptography_alone)
    assert done.returncode == 1
    assert "keys/release.pub is not the key you gave" in done.stdout


def test_it_is_packed_the_same_twice(promoted: EvidenceHome) -> None:
    sources = promoted.sources()
    assert pack(promoted.bundle, sources, at=LATER) == pack(promoted.bundle, sources, at=LATER)


def test_no_private_key_and_no_network_is_in_it(unpacked: Path) -> None:
    for path in unpacked.rglob("*"):
        if path.is_file() and path.name != "verify.py":
            assert b"PRIVATE KEY" not in path.read_bytes(), path
    assert not list(unpacked.rglob("*.onnx"))


def test_what_was_judged_and_not_promoted_says_so(tmp_path: Path, cryptography_alone: Path) -> None:
    path = tmp_path / "evidence.zip"
    path.write_bytes(judged_home(tmp_path / "home").archive())
    done = verified(tmp_path, str(path), packages=cryptography_alone, verifier=VERIFIER)
    assert done.returncode == 0, done.stdout
    assert "it was not promoted" in done.stdout


def test_the_first_page_is_text_for_a_person_and_asks_nobody_else(unpacked: Path) -> None:
    page = (unpacked / "index.html").read_text()
    assert "the report &amp; card were &lt;read&gt;" in page
    assert "Put in force as version 2" in page
    assert not any(word in page for word in ("http://", "https://", "<script", "@import", "url("))


def test_a_forged_approval_inside_a_newly_signed_archive_is_found(
    promoted: EvidenceHome, tmp_path: Path, cryptography_alone: Path
) -> None:
    """Whoever holds the release key can sign another manifest, but not an approver's decision."""
    from bentos.evidence.statement import about_files, sign_statement
    from monitoring.evidence import archive as archives

    sources = promoted.sources()
    files = archives.collected(promoted.bundle, sources, at=LATER)
    name = next(name for name in files if name.startswith("approvals/"))
    envelope = json.loads(files[name])
    envelope["payload"]["reason"] = "I never read it"
    files[name] = json.dumps(envelope).encode()
    statement = about_files(files, predicate_type="x", predicate={**promoted.bundle.digests, "at": LATER})
    files["manifest.intoto.json"] = sign_statement(statement, key=sources.release_key)
    for each, data in files.items():
        (tmp_path / "forged" / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "forged" / each).write_bytes(data)
    done = verified(tmp_path / "forged", packages=cryptography_alone)
    assert done.returncode == 1
    assert "BAD   Who approved" in done.stdout


def test_of_a_sealed_trail_it_holds_the_keys_of_its_own_entries_and_verifies(
    tmp_path: Path, cryptography_alone: Path
) -> None:
    settings = Settings(home=tmp_path / "home", encrypt_journal=True)
    made = promoted_home(settings.home, journal_keys=HomeKeys(settings))
    path = tmp_path / "evidence.zip"
    path.write_bytes(made.archive())
    done = verified(tmp_path, str(path), packages=cryptography_alone, verifier=VERIFIER)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Anna, Cora; the rules 'test' ask for 2" in done.stdout
    with zipfile.ZipFile(path) as packed:
        entries = json.loads(packed.read("audit/entries.json"))["entries"]
        assert "Anna" in packed.read("changelog.md").decode()
    assert all("sealed_under" in entry["payload"] for entry in entries)
    assert len({entry["opened_with"] for entry in entries}) == len(entries)
