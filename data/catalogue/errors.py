"""The error every catalogue reader raises: which file, which line, what is wrong."""

from pathlib import Path


class CatalogueError(ValueError):
    """A catalogue is refused; `line` counts physical lines from 1, the header included."""

    def __init__(self, file: Path, line: int, reason: str) -> None:
        super().__init__(f"{file}:{line}: {reason}")
        self.file = file
        self.line = line
        self.reason = reason
