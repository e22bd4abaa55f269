"""Training the imprint reader: pictures and targets that agree with the runtime, steps that learn and resume."""

import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file

from bentos.runtime.text_regions import text_regions
from tests.builders import medication
from tests.training.reading_pack import FONTS, SPEC, Ticks, blank_side, photographer, reading_pack, small_task
from training.reading.compose import font_files, lettered
from training.reading.export import ReadingExportError, export_network
from training.reading.label import label_texts, located_side
from training.reading.lines import LabelledSide, TextLine, extent, moved, overlap
from training.reading.loop import AVERAGE_FILE, train
from training.reading.pack import pack_row, write_reading_pack
from training.reading.photograph import Canvas, gleams, photographed
from training.reading.reader import jittered, reader_task
from training.reading.targets import STRIDE, finder_target
from training.reading.weights import READER_FILE, committed_network


@pytest.mark.parametrize(("ratio", "angle_deg"), [(0.45, 0.0), (0.45, 35.0), (1.0, 0.0)])
def test_text_made_up_lies_where_its_quads_say(ratio: float, angle_deg: float) -> None:
    blank = blank_side(ratio=ratio, angle_deg=angle_deg).side
    located, num_lines, outside = located_side(blank), 0, []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        side, lines = lettered(blank, located, rng, fonts=FONTS)
        changed_HW = np.abs(side.rgb_HWC.astype(int) - blank.rgb_HWC).max(axis=2) > 12
        inside_HW = np.zeros(changed_HW.shape, np.uint8)
        for line in lines:
            cv2.fillPoly(inside_HW, [np.rint(line.quad_4X).astype(np.int32)], 1)
            assert 1 <= len(line.text) <= 7
        num_lines += len(lines)
        outside.append((changed_HW & (inside_HW == 0)).sum() / max(changed_HW.sum(), 1))
        assert not changed_HW[~blank.mask_HW].any()
    assert num_lines >= 10
    assert np.median(outside) < 0.05, "but for score lines, all that changed lies in a quad"


def test_long_pills_carry_two_rows_on_either_half_mostly_twice_the_same() -> None:
    blank = blank_side(ratio=0.45).side
    drawn = [lettered(blank, located_side(blank), np.random.default_rng(seed), fonts=FONTS)[1] for seed in range(40)]
    texts = [tuple(line.text for line in lines) for lines in drawn if len(lines) == 4]
    assert len(texts) >= 4
    assert 0.4 < np.mean([four[:2] == four[2:] for four in texts]) < 1


def test_canvases_to_train_on_come_in_every_scale(tmp_path: Path) -> None:
    taken = photographer(tmp_path / "pack", canvas_scales=(1.0, 1.5))
    shapes = {taken.take(np.random.default_rng(seed)).rgb_HWC.shape[:2] for seed in range(24)}
    assert {(128, 256), (192, 384), (192, 192), (288, 288)} == shapes


def test_the_renderers_fonts_are_always_there() -> None:
    assert set(FONTS) < set(font_files())


def lines_at(*lines: tuple[tuple[float, float], tuple[float, float], float]) -> Canvas:
    """A complete canvas with level lines of a centre, a size and a turn in degrees."""
    quads = []
    for (x, y), (width, height), angle in lines:
        level_4X = np.array([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
        quads.append(moved(level_4X, np.hstack([cv2.getRotationMatrix2D((0, 0), -angle, 1)[:, :2], [[x], [y]]])))
    weight_HW = np.ones((128, 256), np.float32)
    return Canvas(np.zeros((128, 256, 3), np.uint8), tuple(TextLine(q, "A1") for q in quads), (), weight_HW, True)


@pytest.mark.parametrize(
    "line", [((128, 64), (120, 40), 0.0), ((90, 60), (60, 30), 20.0), ((180, 70), (80, 28), -35.0)]
)
def test_the_runtime_finds_the_lines_of_a_target_again(line) -> None:
    canvas = lines_at(line)
    heat_HW = cv2.resize(finder_target(canvas).core_hw, (256, 128), interpolation=cv2.INTER_LINEAR)
    (region,) = text_regions(heat_HW, threshold=0.5)
    quad_4X = region.quad_XY
    assert region.confidence > 0.5
    assert overlap(quad_4X, canvas.lines[0].quad_4X) > 0.9
    one_pixel_grown_back = STRIDE / (1 - 2 * 0.36)
    assert extent(quad_4X)[2:] == pytest.approx(line[1], abs=one_pixel_grown_back)


def test_a_target_says_nothing_where_nothing_is_known() -> None:
    canvas = lines_at(((70, 64), (60, 40), 90.0))
    open_quad_4X = lines_at(((190, 64), (60, 40), 0.0)).lines[0].quad_4X
    known = finder_target(Canvas(canvas.rgb_HWC, canvas.lines, (open_quad_4X,), canvas.weight_HW, True))
    assert known.weight_hw[16, 47] == 0
    assert known.weight_hw[16, 17] == known.weight_hw[2, 2] == 1
    assert known.direction_2hw[:, 16, 17] == pytest.approx([0, 1], abs=1e-6)
    partly = finder_target(Canvas(canvas.rgb_HWC, canvas.lines, (), canvas.weight_HW, False))
    assert partly.weight_hw[16, 17] == 1
    assert partly.weight_hw[2, 2] == 0


def test_without_strength_a_side_is_photographed_as_the_runtime_would_show_it() -> None:
    blank = blank_side(ratio=0.5)
    quad_4X = np.array([[80.0, 100.0], [160.0, 100.0], [160.0, 140.0], [80.0, 140.0]])
    labelled = LabelledSide(blank.side, (TextLine(quad_4X, "A1"),), (), complete=True)
    located = located_side(blank.side)
    canvas = photographed(labelled, located, np.random.default_rng(0), spec=SPEC, strength=0.0)
    assert canvas.rgb_HWC.shape == (128, 256, 3)
    centre = canvas.lines[0].quad_4X.mean(axis=0)
    scale = 256 / (located.length_px * (1 + 2 * SPEC.margin))
    assert centre == pytest.approx([127.5, 63.5] + scale * (np.array([120, 120]) - located.centre_xy), abs=0.01)


def test_a_line_may_say_a_token_or_tokens_in_any_order() -> None:
    assert set(label_texts(["GG", "335"])) == {"GG", "335", "GG335", "335GG"}
    assert label_texts([]) == label_texts(["Ω"]) == []
    assert max(map(len, label_texts(["ABCDEFGH", "12345678"]))) == 8


def test_a_pack_keeps_lines_and_gives_no_side_that_is_held_out(tmp_path: Path) -> None:
    pack = reading_pack(tmp_path)
    assert list(pack.blank) == [0, 1, 2, 3]
    assert len(pack.rows) == 5
    line = TextLine(np.array([[90.0, 100.0], [150.0, 100.0], [150.0, 130.0], [90.0, 130.0]]), "A1")
    labelled = LabelledSide(blank_side().side, (line,), (line.quad_4X + 5,), complete=False)
    row = pack_row(labelled, name="one", medication=medication(1)) | {"held_out": False}
    again = write_reading_pack([row], out=tmp_path / "other").side(0)
    assert again.lines[0].text == "A1"
    assert again.lines[0].quad_4X == pytest.approx(line.quad_4X, abs=0.01)
    assert len(again.ambiguous) == 1
    assert not again.complete


def test_a_jittered_line_still_holds_its_text() -> None:
    quad_4X = lines_at(((128, 64), (120, 40), 10.0)).lines[0].quad_4X
    for seed in range(20):
        assert overlap(jittered(quad_4X, np.random.default_rng(seed)), quad_4X) > 0.6


def test_a_finder_training_killed_in_the_middle_ends_as_one_that_ran_through(tmp_path: Path, repository: Path) -> None:
    command = [sys.executable, "-m", "tests.training.reading_pack", str(tmp_path / "killed"), "5"]
    died = subprocess.run(command, cwd=repository, check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    steps: list[int] = []
    outs = {}
    for name in ("killed", "through"):
        task, out = small_task(tmp_path / name), tmp_path / name / "out"
        train(task, out=out, clock=Ticks(), on_step=lambda step, share, figures, name=name: steps.append((name, step)))
        outs[name] = load_file(out / AVERAGE_FILE)
    assert steps[0] == ("killed", 5)
    assert ("through", 1) in steps
    assert steps[-1][1] == max(step for name, step in steps if name == "killed")
    assert all(np.array_equal(outs["killed"][name], outs["through"][name]) for name in outs["through"])
    assert export_network(tmp_path / "through" / "out", tmp_path / "finder.onnx") < 1e-4


def test_a_few_steps_of_the_strip_reader_reduce_its_loss(tmp_path: Path) -> None:
    taken = photographer(tmp_path / "pack", strength=0.2, batch_sides=4, lettered_share=1.0, learning_rate=3e-4)
    task = reader_task(committed_network(READER_FILE), taken)
    same = task.draw(0)
    told: list[float] = []
    fixed = type(task)(task.start, task.graph, taken, lambda step: same, task.loss)
    train(fixed, out=tmp_path / "out", clock=Ticks(), on_step=lambda step, share, figures: told.append(figures["loss"]))
    assert len(told) >= 8
    assert min(told[-3:]) < 0.7 * told[0] + 0.02
    assert export_network(tmp_path / "out", tmp_path / "reader.onnx") < 1e-4


def test_where_nothing_was_trained_nothing_is_exported(tmp_path: Path) -> None:
    with pytest.raises(ReadingExportError, match="no training"):
        export_network(tmp_path, tmp_path / "out.onnx")


def test_gleams_are_sharp_bars_of_light_that_leave_most_of_the_pill_as_it_is() -> None:
    rng = np.random.default_rng(5)
    drawn = [gleams((128, 256), rng) for _ in range(40)]
    covered = [float((shine_HW > 0.05).mean()) for shine_HW in drawn]
    assert all(shine_HW.shape == (128, 256) and shine_HW.min() >= 0 and shine_HW.max() <= 1 for shine_HW in drawn)
    assert 0.003 < np.median(covered) < 0.15
    assert max(np.abs(np.diff(shine_HW, axis=0)).max() for shine_HW in drawn) > 0.3
    again = gleams((128, 256), np.random.default_rng(9))
    assert np.array_equal(again, gleams((128, 256), np.random.default_rng(9)))
