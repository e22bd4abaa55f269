"""The heat map: shares that sum to the lead, where they belong in the picture, and only on request."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from bentos.runtime.answer import PillMetadata
from bentos.runtime.contract import ReaderSpec
from bentos.runtime.heat import GRID, grid_shape, lying_in, on_grid, pill_cover, spread
from bentos.runtime.lattice import ALPHABET, BLANK
from bentos.runtime.locate import locate
from bentos.runtime.predictor import Predictor
from bentos.runtime.preprocess import canvas_matrix
from bentos.runtime.read import Line, Reading
from tests.bentos.runtime.pills import drawn_pill
from tests.bentos.runtime.spots import SPOT_XY, spotted, spotted_bundle
from tests.builders import (
    ALL_CUES,
    jpeg,
    pattern_spec,
    preprocess_spec,
    recogniser_spec,
    tiny_bundle,
    tiny_catalogue,
    tiny_picture,
)

WANTED = PillMetadata(heat_map=True)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory):
    return Predictor.from_bundle(spotted_bundle(tmp_path_factory.mktemp("spots")))


def grid_of(heat_map) -> np.ndarray:
    return np.array(heat_map.shares).reshape(heat_map.rows, heat_map.columns)


def hottest_xy(heat_map) -> tuple[float, float]:
    grid_RC, box = grid_of(heat_map), heat_map.box
    row, column = np.unravel_index(grid_RC.argmax(), grid_RC.shape)
    return box.x + (column + 0.5) * box.width / heat_map.columns, box.y + (row + 0.5) * box.height / heat_map.rows


@pytest.mark.parametrize("color", ["RED", "BLUE", "GREEN"])
@pytest.mark.parametrize("at", [SPOT_XY, (80, 90), (110, 150)])
def test_the_spot_that_tells_pills_apart_is_hottest_wherever_it_lies(predictor, color, at):
    (heat_map,) = predictor.identify([jpeg(spotted(color, at=at))], metadata=WANTED).pills[0].explanation.heat_maps
    assert np.hypot(*np.subtract(hottest_xy(heat_map), at)) < 14


def test_the_cells_sum_to_what_the_encoders_add_to_the_lead(predictor):
    why = predictor.identify([jpeg(spotted("RED"))], metadata=WANTED).pills[0].explanation
    lead = sum(why.against_runner_up.get(name, 0.0) for name in ("fast", "accurate"))
    assert why.heat_maps[0].total == pytest.approx(lead, abs=1e-3)
    assert sum(why.heat_maps[0].shares) == pytest.approx(lead, abs=1e-2)


def test_two_photographs_have_a_map_each_and_sum_together(tmp_path):
    predictor = Predictor.from_bundle(tiny_bundle(tmp_path))
    pictures = [jpeg(tiny_picture(tiny_catalogue()[1], side=side)) for side in ("back", "front")]
    why = predictor.identify(pictures, metadata=WANTED).pills[0].explanation
    assert [heat_map.picture for heat_map in why.heat_maps] == [0, 1]
    lead = sum(why.against_runner_up.get(name, 0.0) for name in ("fast", "accurate"))
    assert sum(heat_map.total for heat_map in why.heat_maps) == pytest.approx(lead, abs=1e-3)


def test_a_network_without_a_map_shows_no_place(tmp_path):
    predictor = Predictor.from_bundle(tiny_bundle(tmp_path))
    answer = predictor.identify([jpeg(tiny_picture(tiny_catalogue()[0]))], metadata=WANTED)
    grid_RC = grid_of(answer.pills[0].explanation.heat_maps[0])
    middle = np.s_[8:16, 8:16]
    assert np.ptp(grid_RC[middle]) < 1e-4


def test_a_plain_answer_carries_no_heat_map_and_is_otherwise_the_same(predictor):
    observation = predictor.observe([jpeg(spotted("BLUE"))])
    plain, asked = (predictor.answer(observation, metadata=m).pills[0] for m in (PillMetadata(), WANTED))
    assert plain.explanation.heat_maps is None
    assert asked.model_copy(update={"explanation": plain.explanation}) == plain


def test_without_a_pill_or_a_candidate_there_is_no_map(predictor):
    nothing = predictor.identify([jpeg(np.full((200, 200, 3), 128, np.uint8))], metadata=WANTED)
    assert nothing.pills[0].explanation.heat_maps is None
    empty = predictor.with_gallery(predictor.gallery.subset([]))
    assert empty.identify([jpeg(spotted("RED"))], metadata=WANTED).pills[0].explanation.heat_maps is None


def test_alone_in_a_gallery_the_map_shows_what_speaks_for_the_pill(predictor):
    alone = predictor.with_gallery(predictor.gallery.subset([predictor.gallery.appearances[0].appearance_id]))
    why = alone.identify([jpeg(spotted("RED"))], metadata=WANTED).pills[0].explanation
    assert why.runner_up is None
    assert why.heat_maps[0].total == pytest.approx(sum(why.cues.get(n, 0.0) for n in ("fast", "accurate")), abs=1e-3)


@pytest.mark.parametrize("angle_deg", [0, 35, 120])
@pytest.mark.parametrize("place", [(12, 32), (50, 30), (32, 40)])
def test_a_place_in_the_crop_is_found_again_in_the_picture(angle_deg, place):
    drawn = drawn_pill(ratio=0.5, angle_deg=angle_deg, centre=(0.42, 0.55), size_px=300)
    (located, *_), spec = locate(drawn.rgb_HWC), preprocess_spec()
    share_HW = np.zeros((64, 64), np.float32)
    share_HW[place[1], place[0]] = 1
    grid_RC = on_grid(cv2.GaussianBlur(share_HW, (0, 0), 2), located, spec=spec)
    row, column = np.unravel_index(grid_RC.argmax(), grid_RC.shape)
    found = (located.box.x + (column + 0.5) * located.box.width / grid_RC.shape[1],
             located.box.y + (row + 0.5) * located.box.height / grid_RC.shape[0])  # fmt: skip
    back = cv2.invertAffineTransform(canvas_matrix(located, size=(64, 64), margin=spec.margin))
    wanted = cv2.transform(np.array([[place]], np.float64), back)[0, 0]
    assert np.hypot(*(wanted - found)) < 1.5 * max(located.box.width, located.box.height) / GRID


def test_a_line_of_text_lies_where_it_was_read():
    (located, *_) = locate(drawn_pill(ratio=0.5, size_px=300).rgb_HWC)
    box = located.box
    left = np.array([[box.x, box.y], [box.x + box.width / 2, box.y],
                     [box.x + box.width / 2, box.y + box.height], [box.x, box.y + box.height]])  # fmt: skip
    share_RC = spread(left, located)
    assert share_RC.shape == grid_shape(located)
    assert share_RC.sum() == pytest.approx(1)
    assert share_RC[:, : share_RC.shape[1] // 2].sum() > 0.95
    assert spread(left - 1000, located) == pytest.approx(np.full_like(share_RC, 1 / share_RC.size))


@pytest.mark.parametrize("total", [2.5, -1.5, 0.0])
def test_a_members_share_lies_where_its_regions_agree_with_it(total):
    (located, *_) = locate(drawn_pill(size_px=300).rgb_HWC)
    cover_RC = pill_cover(located)
    share_RC = np.zeros_like(cover_RC)
    share_RC[10, 8], share_RC[10, 14] = 3.0, -2.0
    laid_RC = lying_in(share_RC, total, cover_RC=cover_RC)
    assert laid_RC.sum() == pytest.approx(total)
    if total:
        assert laid_RC[10, 8 if total > 0 else 14] == pytest.approx(total)


def lattice(text: str) -> np.ndarray:
    """A lattice that surely reads `text`."""
    rows = np.full((2 * len(text) + 1, BLANK + 1), 1e-4)
    rows[::2, BLANK] = 1
    rows[np.arange(1, 2 * len(text), 2), [ALPHABET.index(char) for char in text]] = 1
    return rows / rows.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("typed", "cue"), [(None, "read_imprint"), ("A2", "read_again"), ("4A", "read_imprint")])
def test_the_line_that_was_read_carries_its_share(predictor, tmp_path, typed, cue):
    """The tiny pills carry A1 to A4; the line A2 lies on the left. These patterns weigh all that is read as one."""
    weights = dict.fromkeys((*ALL_CUES, "read_imprint"), 1.0)
    patterns = {key: pattern_spec(weights=weights) for key in recogniser_spec().patterns}
    plain = Predictor.from_bundle(tiny_bundle(tmp_path, patterns=patterns))
    spec = plain.recogniser.spec.model_copy(update={"reader": ReaderSpec(finder_onnx="f", reader_onnx="r")})
    reading = Predictor(replace(plain.recogniser, spec=spec), plain.gallery)
    observation = reading.observe([jpeg(tiny_picture(tiny_catalogue()[1], side="back"))])
    quad_XY = np.array([[20.0, 80.0], [70.0, 80.0], [70.0, 110.0], [20.0, 110.0]])
    pill = observation.pills[0]
    side = replace(pill.sides[0], reading=Reading((Line(quad_XY, 0.9, (lattice("A2"),)),)))
    pill = replace(pill, sides=(side,))
    metadata = WANTED.model_copy(update={"imprint": typed})
    why = reading.answer(replace(observation, pills=(pill,)), metadata=metadata).pills[0].explanation
    assert why.against_runner_up[cue] > 1
    assert why.against_runner_up.get("read_again", 0.0) == (why.against_runner_up[cue] if cue == "read_again" else 0.0)
    (heat_map,) = why.heat_maps
    total = sum(why.against_runner_up.get(name, 0.0) for name in ("fast", "accurate", cue))
    assert heat_map.total == pytest.approx(total, abs=1e-3)
    row, column = np.unravel_index(grid_of(heat_map).argmax(), (heat_map.rows, heat_map.columns))
    assert (row / heat_map.rows, column / heat_map.columns) == pytest.approx((95 / 192, 45 / 192), abs=0.08)
