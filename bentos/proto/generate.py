"""Generates the Python code of the .proto files: `python -m bentos.proto.generate` (needs the `dev` extra)."""

import importlib.resources
import sys
from pathlib import Path
from typing import Final

from grpc_tools import protoc

ROOT: Final = Path(__file__).resolve().parent
PACKAGE: Final = "bentos.proto"


def generate(into: Path) -> list[Path]:
    """Write the code of every .proto file of this folder below `into` and return the files written."""
    sources = sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.proto"))
    options = [f"--{kind}_out={into}" for kind in ("python", "pyi", "grpc_python")]
    well_known = importlib.resources.files("grpc_tools") / "_proto"
    if protoc.main(["protoc", f"-I{ROOT}", f"-I{well_known}", *options, *sources]):
        raise SystemExit("protoc failed; its message is above")
    written = sorted(into.rglob("*_pb2*.py*"))
    for path in written:
        path.write_text(_with_our_imports(path.read_text()))
    return written


def _with_our_imports(code: str) -> str:
    """protoc imports by a .proto file's path, which begins below this package."""
    return code.replace("\nfrom rxvision.", f"\nfrom {PACKAGE}.rxvision.")


if __name__ == "__main__":
    for name in generate(ROOT):
        sys.stdout.write(f"{name.relative_to(ROOT)}\n")
