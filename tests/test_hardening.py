"""What nobody may add by accident: pickles, unbounded loaders, shells, versions with known holes."""

import ast
import csv
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.version import Version

from bentos.runtime.heif import MINIMUM, heif_libraries, weaknesses

FOLDERS = ("assets", "benchmarks", "bentos", "data", "feature_repo", "monitoring", "pipelines", "training")
PICKLES = {"pickle", "cPickle", "joblib", "dill", "cloudpickle", "shelve", "marshal", "skops"}
FORBIDDEN = {
    "eval", "exec", "compile", "os.system", "os.popen", "read_pickle", "to_pickle", "yaml.load", "yaml.unsafe_load",
    "yaml.full_load", "tempfile.mktemp", "ssl._create_unverified_context", "torch.jit.load", "torch.package",
}  # fmt: skip


def sources(repository: Path) -> Iterator[tuple[str, ast.Module]]:
    for folder in FOLDERS:
        for path in sorted((repository / folder).rglob("*.py")):
            yield str(path.relative_to(repository)), ast.parse(path.read_text())


def faults(name: str, tree: ast.Module) -> Iterator[str]:
    """Everything of this kind in one module, by line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from (f"{name}:{node.lineno} imports {one}" for one in named if one.split(".")[0] in PICKLES)
        if isinstance(node, ast.Call):
            yield from (f"{name}:{node.lineno} {fault}" for fault in call_faults(node))


def call_faults(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    said = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
    if called in FORBIDDEN or called.rpartition(".")[2] in FORBIDDEN - {"compile", "eval", "exec"}:
        yield f"calls {called}"
    if called in ("np.load", "numpy.load") and said.get("allow_pickle") != "False":
        yield "np.load without allow_pickle=False"
    if called == "torch.load" and said.get("weights_only") != "True":
        yield "torch.load without weights_only=True"
    if said.get("shell") == "True":
        yield "starts a shell"
    if said.get("verify") == "False" or said.get("verify_signature") == "False":
        yield "verifies nothing"
    if called.endswith(".extractall") or (called.startswith("tarfile.") and "filter" not in said):
        yield f"unpacks whatever an archive names: {called}"


def test_nothing_is_pickled_and_nothing_of_a_stranger_is_run(repository: Path) -> None:
    found = [fault for name, tree in sources(repository) for fault in faults(name, tree)]
    # The name of an error that torch.load(weights_only=True) raises; nothing is loaded by it.
    assert found == ["training/checkpoint.py:4 imports pickle"]
    text = (repository / "training" / "checkpoint.py").read_text()
    assert re.findall(r"pickle\.\w+", text) == ["pickle.UnpicklingError"]


@pytest.mark.parametrize(
    "planted",
    [
        "import pickle", "from joblib import load", "np.load(path)", "np.load(path, allow_pickle=True)",
        "torch.load(path)", "torch.load(path, weights_only=False)", "eval(text)", "subprocess.run(text, shell=True)",
        "yaml.load(text)", "frame = pd.read_pickle(path)", "httpx.get(url, verify=False)", "archive.extractall(path)",
    ],
)  # fmt: skip
def test_each_of_them_is_found_where_it_is_planted(planted: str) -> None:
    assert len(list(faults("planted.py", ast.parse(planted)))) == 1


def safe_versions(repository: Path) -> list[dict[str, str]]:
    with (repository / "bentos" / "safe_versions.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_no_installed_package_is_older_than_its_minimum_safe_version(repository: Path) -> None:
    old = []
    for row in safe_versions(repository):
        if row["kind"] != "package":
            continue
        try:
            installed = version(row["name"])
        except PackageNotFoundError:
            continue
        if Version(installed) < Version(row["minimum"]):
            old.append(f"{row['name']} {installed}: {row['advisory']}")
    assert old == []


def test_the_lock_file_pins_none_that_is_older(repository: Path) -> None:
    lines = [line for line in (repository / "constraints.txt").read_text().splitlines() if "==" in line]
    pinned = {re.sub(r"[-_.]+", "-", line.split("==")[0]).lower(): line.split("==")[1] for line in lines}
    rows = [row for row in safe_versions(repository) if row["kind"] == "package"]
    assert {row["name"] for row in rows} <= set(pinned), "a package of the table is not pinned"
    assert [row for row in rows if Version(pinned[row["name"]]) < Version(row["minimum"])] == []


def test_the_table_names_an_advisory_for_every_version(repository: Path) -> None:
    rows = safe_versions(repository)
    assert all(re.fullmatch(r"(CVE-\d{4}-\d{4,}|GHSA(-[0-9a-z]{4}){3})", row["advisory"]) for row in rows)
    assert all(row["what"] and row["kind"] in ("native", "package") for row in rows)


def test_what_the_decoder_demands_is_the_highest_version_of_the_table(repository: Path) -> None:
    rows = [row for row in safe_versions(repository) if row["kind"] == "native"]
    highest = {name: max((row["minimum"] for row in rows if row["name"] == name), key=Version) for name in MINIMUM}
    assert highest == dict(MINIMUM)
    assert {row["name"] for row in rows} == set(MINIMUM)


def test_the_decoders_of_this_installation_are_sound() -> None:
    assert set(heif_libraries()) == set(MINIMUM)
    assert weaknesses(heif_libraries()) == []


def scanned(repository: Path, tmp_path: Path, answers: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """`.ci/scan` with a pip-audit that answers as given, by service."""
    tool = tmp_path / "pip-audit"
    lines = "\n".join(f"if [ $service = {name} ]; then echo '{text}'; fi" for name, text in answers.items())
    tool.write_text(f"#!/bin/bash\nfor service; do :; done\n{lines}\n")
    tool.chmod(0o755)
    command = [sys.executable, str(repository / ".ci" / "scan"), str(tool)]
    return subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)


UNKNOWN = '{"dependencies": [{"name": "a", "skip_reason": "not found on PyPI"}]}'
SOUND = '{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}'
HOLED = '{"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "CVE-1", "fix_versions": ["2"]}]}]}'
PARTLY = '{"dependencies": [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "?"}]}'


@pytest.mark.parametrize(
    ("answers", "status", "says"),
    [
        ({}, 3, "NOTHING WAS SCANNED"),
        ({"pypi": UNKNOWN}, 3, "NOTHING WAS SCANNED"),
        ({"pypi": UNKNOWN, "osv": SOUND}, 0, "1 packages asked about at osv, 0 with known holes"),
        ({"pypi": HOLED}, 1, "a 1: CVE-1, fixed in 2"),
        ({"pypi": PARTLY}, 3, "not asked about 1: b"),
    ],
)
def test_a_scan_that_could_not_ask_does_not_say_that_nothing_was_found(
    repository: Path, tmp_path: Path, answers: dict[str, str], status: int, says: str
) -> None:
    done = scanned(repository, tmp_path, answers)
    assert (done.returncode, says in done.stdout) == (status, True), done.stdout + done.stderr
