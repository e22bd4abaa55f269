"""Plots for the Dagster page are small PNG pictures that hold what they were given."""

import io

import pytest
from PIL import Image

from monitoring import plots
from tests.monitoring.conftest import Scene
from tests.monitoring.making import asked, evaluation, record, simulated_records


def opened(png: bytes) -> Image.Image:
    assert len(png) < 200_000
    return Image.open(io.BytesIO(png))


@pytest.fixture(scope="module")
def measured() -> dict:
    return evaluation(simulated_records(num_medications=20))


@pytest.mark.parametrize(
    ("plot", "part"),
    [(plots.reliability_png, "calibration"), (plots.risk_coverage_png, "calibration"),
     (plots.confusion_png, "confusions"), (plots.slices_png, "slices")],
)  # fmt: skip
def test_every_part_of_an_evaluation_has_its_plot(plot, part: str, measured: dict) -> None:
    assert opened(plot(measured[part])).width > 200


def test_an_evaluation_without_a_confusion_still_plots() -> None:
    perfect = evaluation([record(i, photo=f"{i:064x}", answer=asked()) for i in range(5)])
    assert opened(plots.confusion_png(perfect["confusions"])).height > 20


def test_curves_take_one_panel_each() -> None:
    one, two = (opened(plots.curves_png({key: [1.0, 0.5] for key in names})) for names in (["a"], ["a", "b"]))
    assert two.width == pytest.approx(2 * one.width, abs=2)


def test_sample_pictures_lie_in_rows(scene: Scene) -> None:
    pictures = [(scene.home / path).read_bytes() for path in scene.rows["path"].head(5)]
    assert opened(plots.sheet_png(pictures, columns=3, size_px=64)).size == (192, 128)


def test_markdown_carries_the_picture_itself(measured: dict) -> None:
    text = plots.markdown_image(plots.reliability_png(measured["calibration"]), title="reliability")
    assert text.startswith("![reliability](data:image/png;base64,")
