"""The renderer: repeatable, true to the facts, and with training and test conditions apart."""

import io
import time
from itertools import combinations

import cv2
import numpy as np
import pytest
from PIL import Image

from bentos.runtime.medication import ImprintToken, Medication
from bentos.runtime.spl import COLORS, SHAPES
from data.rendering.backgrounds import TEXTURES_PER_FAMILY, background_names, texture
from data.rendering.body import body_of
from data.rendering.camera import camera_seed
from data.rendering.conditions import Conditions
from data.rendering.form import form_of
from data.rendering.layout import layout_of, tokens_on
from data.rendering.lights import light_names, lights_of
from data.rendering.render import render_photo, render_reference
from data.rendering.sheet import contact_sheet
from data.rendering.speed import photos_per_cpu_second
from data.rendering.version import RENDERER_VERSION
from tests.builders import medication


def pill(**overrides) -> Medication:
    facts = {"imprint": (ImprintToken(text="AB"), ImprintToken(text="120")), "imprint_type": "DEBOSSED"}
    return medication(**{**facts, **overrides})


def texts_on(item: Medication, side: str) -> list[str]:
    return [line.text for line in layout_of(item, form_of(item), side=side).lines]


def test_the_same_seed_draws_the_same_photograph_even_with_cold_caches() -> None:
    first = render_photo(pill(), side="front", seed=7, pool="train")
    body_of.cache_clear()
    texture.cache_clear()
    again = render_photo(pill(), side="front", seed=7, pool="train")
    assert np.array_equal(first.rgb_HWC, again.rgb_HWC)
    assert np.array_equal(first.mask_HW, again.mask_HW)
    assert first.conditions == again.conditions


@pytest.mark.parametrize("other", [{"seed": 8}, {"side": "back"}, {"pool": "test"}], ids=["seed", "side", "pool"])
def test_another_seed_side_or_pool_draws_another_photograph(other: dict) -> None:
    asked = {"side": "front", "seed": 7, "pool": "train"}
    first = render_photo(pill(), **asked).rgb_HWC
    assert not np.array_equal(first, render_photo(pill(), **{**asked, **other}).rgb_HWC)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("score", [1, 2])
def test_every_spl_shape_is_drawn_with_its_mask_inside_the_frame(shape: str, score: int) -> None:
    photo = render_photo(pill(shape=shape, score=score), side="front", seed=3, pool="train", size_px=160)
    assert photo.rgb_HWC.shape == (160, 160, 3)
    assert photo.rgb_HWC.dtype == np.uint8
    assert photo.mask_HW.dtype == bool
    assert 0.02 < photo.mask_HW.mean() < 0.9
    border = np.concatenate([photo.mask_HW[0], photo.mask_HW[-1], photo.mask_HW[:, 0], photo.mask_HW[:, -1]])
    assert border.mean() < 0.02


def test_every_spl_color_looks_like_its_word() -> None:
    def mean_rgb(color: str) -> np.ndarray:
        photo = render_reference(pill(colors=(color,), imprint=()), side="front", lot=0)
        return photo.rgb_HWC[photo.mask_HW].mean(axis=0)

    seen = {color: mean_rgb(color) for color in COLORS}
    assert seen["RED"].argmax() == 0
    assert seen["GREEN"].argmax() == 1
    assert seen["BLUE"].argmax() == 2
    assert seen["WHITE"].min() > 150
    assert seen["BLACK"].max() < 90
    assert min(np.abs(seen[a] - seen[b]).max() for a, b in combinations(COLORS, 2)) > 8


def test_a_reference_shows_the_whole_pill_on_grey() -> None:
    photo = render_reference(pill(), side="front", lot=0)
    rows, columns = np.nonzero(photo.mask_HW)
    assert photo.rgb_HWC.shape == (300, 300, 3)
    assert 0.8 < np.ptp(columns) / 300 < 0.95
    assert rows.min() > 0
    assert rows.max() < 299
    assert np.ptp(photo.rgb_HWC[2, 2].astype(int)) < 14
    assert photo.conditions["background"] == "studio"


def test_lots_differ_in_color_and_in_nothing_else() -> None:
    first, second = (render_reference(pill(), side="front", lot=lot) for lot in (0, 1))
    assert np.array_equal(first.mask_HW, second.mask_HW)
    assert not np.array_equal(first.rgb_HWC, second.rgb_HWC)
    assert np.abs(first.rgb_HWC[first.mask_HW].mean(0) - second.rgb_HWC[first.mask_HW].mean(0)).max() < 40


def test_conditions_are_named_and_recorded() -> None:
    conditions = render_photo(pill(), side="front", seed=1, pool="test").conditions
    assert set(conditions) == set(Conditions.__dataclass_fields__)
    assert conditions["light"] in light_names()
    assert conditions["background"] in background_names("test")
    assert conditions["blur"] in ("sharp", "soft", "motion")
    assert 60 <= conditions["jpeg_quality"] <= 95


def test_train_and_test_share_no_light_no_camera_and_no_background_texture() -> None:
    assert not set(lights_of("train")) & set(lights_of("test"))
    rng = np.random.default_rng(0)
    cameras = {pool: {camera_seed(pool, rng) for _ in range(500)} for pool in ("train", "test")}
    assert not cameras["train"] & cameras["test"]
    for name in background_names("train"):
        digests = [texture(name, pool, k).tobytes() for pool in ("train", "test") for k in range(TEXTURES_PER_FAMILY)]
        assert len(set(digests)) == 2 * TEXTURES_PER_FAMILY
    assert set(background_names("test")) - set(background_names("train"))


def test_medications_of_one_appearance_are_made_alike() -> None:
    one, other = pill(), pill(ndc11="99999-0001-01", labeler="another")
    first, second = (body_of(item, side="front") for item in (one, other))
    assert np.array_equal(first.normals_HW3, second.normals_HW3)
    assert np.array_equal(first.albedo_HW3, second.albedo_HW3)


def test_imprint_alone_makes_another_surface() -> None:
    first, second = (
        body_of(pill(imprint=(ImprintToken(text=text, side="front"),)), side="front") for text in ("93", "54")
    )
    assert not np.array_equal(first.normals_HW3, second.normals_HW3)


def test_known_sides_are_kept_and_unknown_ones_are_dealt_out_once() -> None:
    known = pill(imprint=(ImprintToken(text="TV", side="back"), ImprintToken(text="150", side="front")))
    assert (tokens_on(known, side="front"), tokens_on(known, side="back")) == (("150",), ("TV",))
    unknown = pill()
    assert sorted(tokens_on(unknown, side="front") + tokens_on(unknown, side="back")) == ["120", "AB"]


@pytest.mark.parametrize(
    ("shape", "score", "num_grooves"), [("ROUND", 2, 1), ("OVAL", 2, 1), ("RECTANGLE", 3, 2), ("ROUND", 4, 2)]
)
def test_score_lines_are_cut_into_one_side(shape: str, score: int, num_grooves: int) -> None:
    item = pill(shape=shape, score=score)
    grooves = [len(layout_of(item, form_of(item), side=side).grooves) for side in ("front", "back")]
    assert sorted(grooves) == [0, num_grooves]


def test_a_two_tone_capsule_shows_both_colors_and_its_ink() -> None:
    tokens = (ImprintToken(text="barr", side="front"), ImprintToken(text="9", side="front"))
    facts = {"shape": "CAPSULE", "dosage_form": "Oral Capsule", "colors": ("RED", "WHITE"), "imprint": tokens}
    item = pill(**facts, imprint_type="PRINTED", imprint_color="BLACK")
    body = body_of(item, side="front")
    middle = body.albedo_HW3.shape[0] // 2
    cap, rest = body.albedo_HW3[middle, 20], body.albedo_HW3[middle, -20]
    assert cap[0] > 3 * cap[1]
    assert rest.min() > 0.5
    assert body.ink_HW.max() > 0.9
    assert texts_on(item, "front") == ["barr", "9"]


def test_both_halves_of_a_long_scored_tablet_are_lettered() -> None:
    item = pill(
        shape="OVAL", score=2, imprint=tuple(ImprintToken(text="7214", side=side) for side in ("front", "back"))
    )
    halves = {tuple(texts_on(item, side)) for side in ("front", "back")}
    assert halves == {("72", "14"), ("7214",)}


def test_a_contact_sheet_has_a_row_per_medication() -> None:
    sheet = Image.open(io.BytesIO(contact_sheet([pill(), pill(shape="OVAL")], photos_per_side=1, size_px=64)))
    assert sheet.size == (4 * 64, 2 * 64)


def test_a_photograph_costs_no_more_than_some_dozen_blurs_of_its_size() -> None:
    picture = np.zeros((224, 224, 3), np.float32)
    start = time.process_time()
    for _ in range(100):
        cv2.GaussianBlur(picture, (0, 0), 3)
    blurs_per_s = 100 / (time.process_time() - start)
    assert photos_per_cpu_second([pill()], photos_per_side=15) > blurs_per_s / 60


@pytest.mark.parametrize(
    ("pool", "expected"),
    [
        ("train", [[142, 191, 149], [182, 217, 195], [138, 194, 146]]),
        ("test", [[157, 156, 154], [168, 186, 141], [145, 131, 138]]),
    ],
)
def test_the_pictures_of_a_version_are_frozen_so_a_change_must_raise_the_version(pool: str, expected: list) -> None:
    assert RENDERER_VERSION == "3"
    photo = render_photo(pill(), side="front", seed=7, pool=pool)
    coarse = cv2.resize(photo.rgb_HWC, (3, 3), interpolation=cv2.INTER_AREA).mean(axis=-1)
    assert np.abs(coarse - expected).max() < 2
