"""The deletion test: a map of what decides passes it, one of what does not fails it."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from bentos.runtime.decode import decode
from bentos.runtime.locate import locate
from bentos.runtime.predictor import Predictor
from monitoring.benchmark import BenchmarkError
from monitoring.deletion import WHERE, Case, Drop, blob, check_by_deletion, deletion_figures, hottest, painted_over
from tests.bentos.runtime.spots import SPOT_XY, SPOTS, spotted, spotted_bundle
from tests.builders import jpeg


@dataclass(frozen=True)
class Place:
    """A bundle and labelled photographs of its pills."""

    bundle: Path
    photos: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    home = tmp_path_factory.mktemp("deletion")
    bundle, photos = spotted_bundle(home / "bundle"), home / "photos"
    photos.mkdir()
    lines = ["file,ndc11,background,side"]
    for i, color in enumerate(SPOTS, start=1):
        for take, at in enumerate((SPOT_XY, (80, 90), (100, 150), (140, 80))):
            (photos / f"{color}{take}.jpg").write_bytes(jpeg(spotted(color, at=at)))
            lines.append(f"{color}{take}.jpg,{i:05d}-0001-01,plain,front")
    (photos / "labels.csv").write_text("\n".join(lines) + "\n")
    return Place(bundle, photos)


def located_spot():
    rgb_HWC = decode(jpeg(spotted("RED"))).rgb_HWC
    return rgb_HWC, locate(rgb_HWC)[0]


def test_the_hottest_part_takes_more_than_any_other(place):
    found = check_by_deletion(place.bundle, place.photos, num=12)
    assert found["num_photos"] == 12
    assert found["lead"]["heat"]["value"] > found["lead"]["random"]["value"]
    assert all(found["lead_over"][where]["low"] > 0 for where in WHERE[1:])


def test_a_map_of_the_wrong_place_fails(place):
    """What the test of the map above would say if the map were upside down."""
    rgb_HWC, located = located_spot()
    case = Case.of(Predictor.from_bundle(place.bundle), rgb_HWC, located)
    (grid_RC,) = case.explainer.grids([case.side])
    right, wrong = (case.drop(hottest(grid, located, area=0.1))[0] for grid in (grid_RC, grid_RC[::-1, ::-1]))
    assert right > 1 > abs(wrong)


def test_regions_cover_the_same_area_of_the_pill():
    _, located = located_spot()
    rng = np.random.default_rng(0)
    regions = [
        hottest(rng.random((24, 24)), located, area=0.2),
        blob(located, around=located.centre_xy, area=0.2),
        blob(located, around=(40.0, 100.0), area=0.2),
    ]
    assert len({int(region_HW.sum()) for region_HW in regions}) == 1
    assert not any((region_HW & ~located.mask_HW).any() for region_HW in regions)
    assert regions[0].sum() == pytest.approx(0.2 * located.mask_HW.sum(), abs=1)


def test_what_is_painted_over_is_gone_and_the_rest_stays():
    rgb_HWC, located = located_spot()
    region_HW = blob(located, around=SPOT_XY, area=0.15)
    painted_HWC = painted_over(rgb_HWC, located, region_HW)
    assert np.abs(painted_HWC[110, 150].astype(int) - 235).max() < 12
    far_HW = cv2.dilate(region_HW.astype(np.uint8), np.ones((21, 21))) == 0
    assert np.array_equal(painted_HWC[far_HW], rgb_HWC[far_HW])


def test_a_whole_pill_painted_over_takes_its_mean_colour():
    rgb_HWC, located = located_spot()
    assert painted_over(rgb_HWC, located, located.mask_HW).shape == rgb_HWC.shape


def test_figures_are_paired_and_have_their_intervals():
    drops = [Drop(f"{i}", f"{i}", dict(zip(WHERE, (2.0 + i, 1.0 + i, 0.5 + i), strict=True)),
                  dict.fromkeys(WHERE, 1.0)) for i in range(8)]  # fmt: skip
    found = deletion_figures(drops, area=0.15, seed=0)
    assert found["lead_over"]["random"] == {"value": 1.0, "low": 1.0, "high": 1.0, "num": 8}
    assert found["lead_over"]["centre"]["value"] == 1.5
    assert found["score_over"]["centre"]["value"] == 0.0
    assert found["lead"]["heat"]["low"] < found["lead"]["heat"]["value"] < found["lead"]["heat"]["high"]


def test_without_a_pill_nothing_is_checked(place, tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg(np.full((200, 200, 3), 128, np.uint8)))
    (tmp_path / "labels.csv").write_text("file,ndc11,background,side\na.jpg,00001-0001-01,plain,front\n")
    with pytest.raises(ValueError, match="no photograph shows a pill"):
        check_by_deletion(place.bundle, tmp_path, num=5)
    with pytest.raises(BenchmarkError):
        check_by_deletion(place.bundle, tmp_path / "nowhere", num=5)
