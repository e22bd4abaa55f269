"""The command enrol on a bundle that is there: one medication more or less, written as a new bundle."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from bentos.runtime.gallery import Gallery
from bentos.runtime.predictor import Predictor
from pipelines.commands import app
from pipelines.showing import CommandFault
from tests.builders import jpeg, pill_picture, tiny_bundle, tiny_catalogue

ROW = "ndc,generic,colors,shape,size_mm,front\n55555-0001-01,newdrug,orange,round,11,N1\n"
ORANGE = (230, 140, 40)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    path = tmp_path / "one.csv"
    path.write_text(ROW)
    return path


def pictures(directory: Path, labels: str, **files: np.ndarray) -> Path:
    directory.mkdir()
    for name, picture in files.items():
        (directory / f"{name}.jpg").write_bytes(jpeg(picture))
    (directory / "labels.csv").write_text(labels)
    return directory


def frame() -> np.ndarray:
    """Both sides of an orange pill in one frame, as reference pictures show them."""
    picture = np.full((225, 300, 3), 118, np.uint8)
    for x, colour in ((80, (235, 145, 50)), (220, (225, 135, 40))):
        cv2.circle(picture, (x, 110), 55, colour, -1, cv2.LINE_AA)
    return picture


def enrol(*options: object) -> Result:
    return CliRunner().invoke(app, ["enrol", *map(str, options)])


def test_one_two_sided_picture_adds_one_medication_in_a_bundle_of_its_own(
    bundle: Path, catalogue: Path, tmp_path: Path
) -> None:
    before = Gallery.load(bundle / "gallery")
    labels = "file,ndc11,side,lot,taken_on\nboth.jpg,55555-0001-01,both,L7,2026-11-01\n"
    images = pictures(tmp_path / "images", labels, both=frame())
    result = enrol("--onto", bundle, "--catalogue", catalogue, "--images", images, "--out", tmp_path / "more")
    assert result.exit_code == 0, result.output
    more = Predictor.from_bundle(tmp_path / "more")
    views = [view for view in more.gallery.spec.views if view.medication_id == "55555-0001-01.1"]
    assert sorted((view.side, view.lot, view.taken_on) for view in views) == [
        ("back", "L7", "2026-11-01"), ("front", "L7", "2026-11-01"),
    ]  # fmt: skip
    answer = more.identify([jpeg(pill_picture(rgb=ORANGE))])
    assert answer.pills[0].alternatives[0].medication_id == "55555-0001-01.1"
    assert Gallery.load(bundle / "gallery").digest == before.digest


def test_a_medication_is_removed_and_another_added_at_once(bundle: Path, catalogue: Path, tmp_path: Path) -> None:
    gone = tiny_catalogue()[2].medication_id
    images = pictures(tmp_path / "images", "file,ndc11,side\nf.jpg,55555-0001-01,front\n", f=pill_picture(rgb=ORANGE))
    result = enrol("--onto", bundle, "--remove", gone, "--catalogue", catalogue, "--images", images,
                   "--out", tmp_path / "other")  # fmt: skip
    assert result.exit_code == 0, result.output
    held = set(Gallery.load(tmp_path / "other" / "gallery").medications)
    assert held == {item.medication_id for item in tiny_catalogue()} - {gone} | {"55555-0001-01.1"}


def test_what_makes_no_sense_is_refused_in_a_sentence(bundle: Path, catalogue: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for options in (("--remove", "x"), ("--catalogue", catalogue), ("--onto", bundle), ()):
        result = enrol("--out", out, *options)
        assert isinstance(result.exception, CommandFault)
        assert "--catalogue" in str(result.exception)
    stranger = enrol("--out", out, "--onto", bundle, "--remove", "99999-0001-01.1")
    assert "no medication 99999-0001-01.1" in str(stranger.exception)
    images = pictures(tmp_path / "images", "file,ndc11,side\nf.jpg,55555-0001-01,top\n", f=pill_picture())
    wrong = enrol("--out", out, "--onto", bundle, "--catalogue", catalogue, "--images", images)
    assert "one of front, back, unknown, both" in str(wrong.exception)
