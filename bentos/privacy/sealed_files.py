"""Files that are encrypted as they are written and read from any place: 64 KiB pieces, each sealed by itself.

The construction is STREAM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance", CRYPTO 2015) over AES-256-GCM: a piece's nonce is a random prefix of the file, the piece's number
and whether it is the last, so that pieces cannot be swapped, left out or cut off.
"""

import io
import os
import secrets
import struct
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC: Final = b"RXSF1"
PIECE: Final = 2**16
_PREFIX: Final = 7
_HEAD: Final = len(MAGIC) + _PREFIX
_TAG: Final = 16


class SealedWriter(io.RawIOBase):
    """A new file; what is written is on disk encrypted only. It opens only once it was closed."""

    def __init__(self, path: Path, *, key: bytes) -> None:
        """`key` has 32 bytes."""
        self._cipher, self._prefix = AESGCM(key), secrets.token_bytes(_PREFIX)
        self._file: BinaryIO = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        self._file.write(MAGIC + self._prefix)
        self._waiting, self._number, self._size = bytearray(), 0, 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: object) -> int:
        """Take bytes; all but the last piece are encrypted and written."""
        taken = memoryview(data).cast("B")  # type: ignore[arg-type]
        self._waiting += taken
        self._size += len(taken)
        while len(self._waiting) > PIECE:
            self._put(bytes(self._waiting[:PIECE]), last=False)
            del self._waiting[:PIECE]
        return len(taken)

    def tell(self) -> int:
        """How much was written."""
        return self._size

    def close(self) -> None:
        """Write the last piece."""
        if not self._file.closed:
            self._put(bytes(self._waiting), last=True)
            self._file.close()
        super().close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """A file whose writing failed stays without its last piece, so that it never opens."""
        if kind is not None:
            self._file.close()
        self.close()

    def _put(self, piece: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._prefix, self._number, last=last), piece, MAGIC))
        self._number += 1


class SealedReader(io.RawIOBase):
    """A sealed file, read as if it were not; a piece that was changed raises `OSError`."""

    def __init__(self, path: Path, *, key: bytes) -> None:
        """Raises `OSError` where there is no such file, or it is no sealed one."""
        self._file = path.open("rb")
        head = self._file.read(_HEAD)
        if head[: len(MAGIC)] != MAGIC or len(head) < _HEAD:
            self._file.close()
            raise OSError("no sealed file")
        self._cipher, self._prefix = AESGCM(key), head[len(MAGIC) :]
        body = os.fstat(self._file.fileno()).st_size - _HEAD
        self._last = max(0, -(-body // (PIECE + _TAG)) - 1)
        self.size = body - _TAG * (self._last + 1)
        self._at, self._held, self._piece = 0, -1, b""

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place of what was written."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """The place."""
        return self._at

    def readinto(self, buffer: object) -> int:
        """Read up to the end of the piece that the place is in."""
        into = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        if self._at >= self.size:
            return 0
        piece = self._opened(self._at // PIECE)[self._at % PIECE :][: len(into)]
        into[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()
        super().close()

    def _opened(self, number: int) -> bytes:
        if number != self._held:
            self._file.seek(_HEAD + number * (PIECE + _TAG))
            sealed = self._file.read(PIECE + _TAG)
            try:
                nonce = _nonce(self._prefix, number, last=number == self._last)
                self._piece = self._cipher.decrypt(nonce, sealed, MAGIC)
            except (InvalidTag, ValueError) as error:
                raise OSError("the sealed file was changed, cut off, or is of another key") from error
            self._held = number
        return self._piece


def is_sealed(path: Path) -> bool:
    """Whether a file begins as sealed ones do; raises `OSError` where there is none."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, last)
