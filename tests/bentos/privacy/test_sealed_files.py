"""Sealed files: read from any place as they were written; changed, cut or reordered ones do not open."""

import io
import os
import random
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from bentos.privacy.sealed_files import PIECE, SealedReader, SealedWriter, is_sealed

KEY = bytes(range(32))


def written(path: Path, data: bytes, *, step: int = 5000) -> Path:
    with SealedWriter(path, key=KEY) as file:
        for start in range(0, len(data), step):
            file.write(data[start : start + step])
    return path


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 7])
def test_it_reads_as_it_was_written_from_any_place(tmp_path: Path, size: int) -> None:
    data, rng = random.Random(size).randbytes(size), random.Random(1)
    path = written(tmp_path / "file", data)
    assert is_sealed(path)
    assert data[:64] not in path.read_bytes() or size < 16
    with SealedReader(path, key=KEY) as file:
        assert (file.size, io.BufferedReader(file).read()) == (size, data)
    file = io.BufferedReader(SealedReader(path, key=KEY))
    for _ in range(50):
        place, length = rng.randint(0, size), rng.randint(0, 2 * PIECE)
        file.seek(place)
        assert file.read(length) == data[place : place + length]
    assert file.seek(0, os.SEEK_END) == size


def test_an_archive_is_read_out_of_it(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.jpg", os.urandom(3 * PIECE))
        archive.writestr("b.jpg", b"b")
    path = written(tmp_path / "file", buffer.getvalue())
    with zipfile.ZipFile(io.BufferedReader(SealedReader(path, key=KEY))) as archive:
        assert archive.read("b.jpg") == b"b"
        assert archive.testzip() is None


@pytest.mark.parametrize("harm", ["bit", "cut piece", "cut bytes", "swap", "append", "key", "head"])
def test_what_was_changed_does_not_open(tmp_path: Path, harm: str) -> None:
    path = written(tmp_path / "file", os.urandom(3 * PIECE + 100))
    data, head, piece = path.read_bytes(), 12, PIECE + 16
    first, second = data[head : head + piece], data[head + piece : head + 2 * piece]
    harmed = {
        "bit": data[:1000] + bytes([data[1000] ^ 1]) + data[1001:],
        "cut piece": data[: head + 3 * piece],
        "cut bytes": data[:-1],
        "swap": data[:head] + second + first + data[head + 2 * piece :],
        "append": data + bytes(piece),
        "key": data,
        "head": b"RXSF0" + data[5:],
    }[harm]  # fmt: skip
    path.write_bytes(harmed)
    with pytest.raises(OSError, match="sealed file"):
        io.BufferedReader(SealedReader(path, key=bytes(32) if harm == "key" else KEY)).read()


def test_a_file_whose_writing_failed_never_opens(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with suppress(RuntimeError), SealedWriter(path, key=KEY) as file:
        file.write(bytes(2 * PIECE))
        raise RuntimeError
    with pytest.raises(OSError, match="sealed file"):
        io.BufferedReader(SealedReader(path, key=KEY)).read()
