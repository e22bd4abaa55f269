"""What was made from the same inputs is found again; what a crash left is made again."""

from pathlib import Path

import pytest

from data.once import made_once


class Maker:
    """Makes a directory and counts how often."""

    def __init__(self, root: Path, *, name: str = "thing") -> None:
        self.target = root / name
        self.times = 0

    def __call__(self) -> Path:
        self.times += 1
        self.target.mkdir(parents=True, exist_ok=True)
        return self.target


def test_the_second_call_finds_the_first_ones_directory(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    assert made_once(tmp_path, key="k", make=maker) == made_once(tmp_path, key="k", make=maker) == maker.target
    assert maker.times == 1


def test_another_key_is_made_anew(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    made_once(tmp_path, key="k", make=maker)
    made_once(tmp_path, key="other", make=maker)
    assert maker.times == 2


def test_a_directory_that_is_gone_is_made_again(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    made_once(tmp_path, key="k", make=maker).rmdir()
    made_once(tmp_path, key="k", make=maker)
    assert maker.times == 2


def test_a_failed_making_leaves_no_note(tmp_path: Path) -> None:
    def fails() -> Path:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        made_once(tmp_path, key="k", make=fails)
    assert made_once(tmp_path, key="k", make=Maker(tmp_path)).is_dir()
