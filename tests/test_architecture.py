"""The house rules that a machine can hold: import directions, what serving installs, quiet modules."""

import ast
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

FOLDERS = ("assets", "benchmarks", "bentos", "data", "feature_repo", "monitoring", "pipelines", "training")
HEAVY = {"torch", "torchvision", "timm", "dagster", "mlflow", "feast", "evidently", "great-expectations", "pandas"}


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.fixture
def copied_tree(tmp_path: Path, repository: Path) -> Path:
    ignore = shutil.ignore_patterns("__pycache__", "*.onnx", "*.npz")
    for folder in FOLDERS:
        shutil.copytree(repository / folder, tmp_path / folder, ignore=ignore)
    shutil.copy(repository / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("module", "planted"),
    [
        ("bentos/planted.py", "import data.photo"),
        ("data/planted.py", "import training"),
        ("training/planted.py", "import monitoring"),
        ("monitoring/planted.py", "import dagster"),
        ("bentos/planted.py", "import torch"),
    ],
)
def test_a_planted_upward_import_is_found(copied_tree: Path, module: str, planted: str) -> None:
    (copied_tree / module).write_text(f'"""Planted."""\n\n{planted}\n')
    result = lint_imports(copied_tree)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "planted" in result.stdout


def test_the_tree_itself_keeps_the_contracts(copied_tree: Path) -> None:
    result = lint_imports(copied_tree)
    assert result.returncode == 0, result.stdout + result.stderr


def test_serving_installs_no_training_or_judging_library() -> None:
    found: set[str] = set()
    waiting = [Requirement(line) for line in metadata.requires("rxvision25") or []]
    while waiting:
        requirement = waiting.pop()
        name = requirement.name.lower().replace("_", "-")
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += [Requirement(line) for line in metadata.requires(name) or []]
    assert {"bentoml", "onnxruntime"} <= found
    assert not found & HEAVY


def test_package_markers_are_empty(repository: Path) -> None:
    markers = [path for folder in FOLDERS for path in (repository / folder).rglob("__init__.py")]
    assert markers
    assert [path for path in markers if path.read_text().strip()] == []


def test_every_folder_with_code_is_a_package(repository: Path) -> None:
    folders = {path.parent for folder in FOLDERS for path in (repository / folder).rglob("*.py")}
    assert sorted(str(folder) for folder in folders if not (folder / "__init__.py").is_file()) == []


def test_every_pin_of_the_constraints_is_exact_and_named_by_no_place(repository: Path) -> None:
    lines = [line for line in (repository / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(line.count("==") == 1 and "/" not in line and "+" not in line for line in lines)


def test_files_and_functions_stay_small(repository: Path) -> None:
    every = [path for folder in FOLDERS for path in (repository / folder).rglob("*.py")]
    files = [path for path in every if "_pb2" not in path.name]  # protoc's
    long_files = [str(path) for path in files if len(path.read_text().splitlines()) > 300]
    functions = [
        (path.name, node.name)
        for path in files
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno - node.lineno + 1 > 40
    ]
    assert (long_files, functions) == ([], [])


def test_the_environment_is_read_in_two_places_only(repository: Path) -> None:
    """Settings of serving, environment of runs; everything below takes what it needs as arguments."""
    readers = {
        str(path.relative_to(repository))
        for folder in FOLDERS
        for path in (repository / folder).rglob("*.py")
        if re.search(r"os\.(environ|getenv)\b", path.read_text())
    }
    assert readers == {"bentos/settings.py", "pipelines/environments.py"}
