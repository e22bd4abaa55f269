"""The generated code that is committed is what the .proto files say."""

from pathlib import Path

from bentos.proto.generate import ROOT, generate


def test_the_committed_code_is_current(tmp_path: Path) -> None:
    written = generate(tmp_path)
    assert len(written) == 3
    for path in written:
        assert path.read_text() == (ROOT / path.relative_to(tmp_path)).read_text(), path.name


def test_every_proto_file_lies_where_its_package_says() -> None:
    for path in ROOT.rglob("*.proto"):
        package = ".".join(path.relative_to(ROOT).parent.parts)
        assert f"package {package};" in path.read_text()
