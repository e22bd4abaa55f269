"""The canvases and contract of the reader: long pills are looked at again, larger; older records stay as they are."""

import pytest

from bentos.runtime.contract import LookingSpec, ReaderSpec
from bentos.runtime.locate import locate
from bentos.runtime.read import canvas_size, reading_canvas
from tests.bentos.runtime.pills import drawn_pill

BEFORE = ReaderSpec(finder_onnx="finder.onnx", reader_onnx="reader.onnx")
LOOKING = BEFORE.model_copy(update={"looking": LookingSpec()})


@pytest.mark.parametrize(
    ("ratio", "spec", "canvas"),
    [
        (0.4, BEFORE, (256, 128)),
        (0.4, LOOKING, (384, 192)),
        (1.0, BEFORE, (192, 192)),
        (1.0, LOOKING, (192, 192)),
    ],
)
def test_the_canvas_is_as_large_as_the_largest_scale_looked_at(ratio, spec, canvas) -> None:
    pill = drawn_pill(ratio=ratio, length=0.6)
    (located,) = locate(pill.rgb_HWC)
    assert reading_canvas(pill.rgb_HWC, located, spec=spec).shape[1::-1] == canvas


def test_canvases_of_any_scale_have_sizes_that_the_finder_takes() -> None:
    pill = drawn_pill(ratio=1.0, length=0.6)
    (located,) = locate(pill.rgb_HWC)
    sizes = [canvas_size(located, spec=BEFORE, scale=scale) for scale in (0.5, 0.8, 1.0, 1.25, 1.5)]
    assert all(px % 32 == 0 and px > 0 for size in sizes for px in size)


def test_a_record_without_the_second_look_is_written_as_before() -> None:
    assert "looking" not in BEFORE.model_dump(mode="json")
    assert ReaderSpec.model_validate_json(LOOKING.model_dump_json()) == LOOKING
