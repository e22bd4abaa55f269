"""Recognisers and galleries are opened for reading only, and only where the signed release names them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bentos.bundle import open_release
from bentos.runtime.errors import ContractError
from bentos.settings import Settings
from tests.bentos.conftest import release

WATCHED = """
import json, os, sys
home, opened = os.path.realpath(sys.argv[1]), []
def hook(event, arguments):
    if event in ("os.remove", "os.rename", "os.mkdir", "os.chmod", "os.truncate", "os.link", "os.symlink"):
        opened.append([event, str(arguments[0]), "w"])
    if event == "open" and isinstance(arguments[0], (str, os.PathLike)):
        writes = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC) if arguments[2] else 0
        opened.append([event, os.path.realpath(arguments[0]), "w" if writes else "r"])
sys.addaudithook(hook)
from pathlib import Path
from bentos.bundle import open_champion, warmed
from bentos.settings import Settings
warmed(open_champion(Settings(home=Path(home))))
print(json.dumps([one for one in opened if one[1].startswith(home)]))
"""


def opened(home: Path) -> list[tuple[str, str, str]]:
    """What a process of its own opened below the home while it loaded the champion and answered once."""
    done = subprocess.run([sys.executable, "-c", WATCHED, str(home)], capture_output=True, text=True, check=True)
    return [(event, str(Path(path).relative_to(home.resolve())), mode)
            for event, path, mode in json.loads(done.stdout.splitlines()[-1])]  # fmt: skip


def test_loading_and_answering_write_nothing_and_touch_only_what_the_release_names(
    settings: Settings, home: Path
) -> None:
    (home / "elsewhere").mkdir()
    (home / "elsewhere" / "recogniser.json").write_text("{}")
    found = opened(home)
    bundle = [path for _, path, _ in found if path.startswith(("recogniser/", "gallery/"))]
    assert "recogniser/recogniser.json" in bundle
    assert "gallery/gallery.json" in bundle
    assert [one for one in found if one[2] == "w"] == []
    assert {Path(path).parts[0] for _, path, _ in found} <= {"recogniser", "gallery", "release", "keys"}


@pytest.mark.parametrize("directory", ["recogniser", "gallery"])
def test_a_directory_that_is_a_link_out_of_the_home_is_refused(home: Path, tmp_path: Path, directory: str) -> None:
    champion = release(home, version="1").champion
    outside = tmp_path / "outside"
    (home / directory).rename(outside)
    (home / directory).symlink_to(outside)
    with pytest.raises(ContractError, match="outside"):
        open_release(champion, home=home)
