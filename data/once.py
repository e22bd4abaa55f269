"""Making an artefact once: what was made from the same inputs before is found again."""

from collections.abc import Callable
from pathlib import Path


def made_once(root: Path, *, key: str, make: Callable[[], Path]) -> Path:
    """The directory below `root` that was made under `key`, made now if there is none.

    `make` returns the finished directory; its name is noted under `root/made/<key>` only then, so that what a
    crash left half done is made again.
    """
    note = root / "made" / key
    if note.is_file() and (known := root / note.read_text().strip()).is_dir():
        return known
    made = make()
    note.parent.mkdir(parents=True, exist_ok=True)
    draft = note.with_suffix(".draft")
    draft.write_text(made.resolve().relative_to(root.resolve()).as_posix() + "\n")
    draft.replace(note)
    return made
