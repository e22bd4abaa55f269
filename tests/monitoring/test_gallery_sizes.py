"""Promises over the gallery's size: galleries are drawn with the pill, or without its look group."""

import json

import numpy as np
import pytest

from bentos.runtime.predictor import Predictor
from monitoring.gallery_sizes import by_gallery_size, seen_photographs, sizes_png, sizes_table
from tests.monitoring.conftest import Scene


@pytest.fixture(scope="module")
def predictor(scene: Scene) -> Predictor:
    return scene.predictor


@pytest.fixture(scope="module")
def seen(scene: Scene, predictor: Predictor):
    return seen_photographs(predictor, scene.photos)


@pytest.fixture(scope="module")
def figures(predictor: Predictor, seen) -> dict:
    return by_gallery_size(predictor, seen, sizes=(1, 2, 9))


def test_sizes_below_the_gallerys_own_and_its_own_are_asked(figures: dict) -> None:
    assert [row["gallery_size"] for row in figures["sizes"]] == [1, 2, 4]
    assert (figures["num_photos"], figures["promised_coverage"], figures["domain"]) == (24, 0.95, "tests")


def test_a_gallery_of_the_pill_alone_always_ranks_it_first(figures: dict) -> None:
    alone = figures["sizes"][0]
    assert alone["top1"]["value"] == 1.0
    assert alone["mean_set"]["value"] <= 1.0


def test_at_the_whole_gallery_it_says_what_the_runtime_says(predictor: Predictor, seen, figures: dict) -> None:
    answers = [predictor.answer(one.observation).pills[0] for one in seen]
    whole = figures["sizes"][-1]
    assert whole["identified"]["value"] == pytest.approx(np.mean([a.status == "identified" for a in answers]))
    held = [one.truth.medication_id in a.prediction_set.medication_ids for one, a in zip(seen, answers, strict=True)]
    assert whole["coverage"]["value"] == pytest.approx(np.mean(held))
    removed = [predictor.with_gallery(predictor.gallery.without([one.truth.look_group])) for one in seen]
    named = [p.answer(one.observation).pills[0].status == "identified" for p, one in zip(removed, seen, strict=True)]
    assert whole["false_identified"]["value"] == pytest.approx(np.mean(named))


def test_more_pills_never_make_the_right_one_rank_better(figures: dict) -> None:
    ranked = [row["top1"]["value"] for row in figures["sizes"]]
    assert ranked == sorted(ranked, reverse=True)


def test_the_same_seed_gives_the_same_figures_and_typed_text_others(predictor: Predictor, seen, figures: dict) -> None:
    assert json.dumps(by_gallery_size(predictor, seen, sizes=(1, 2, 9))) == json.dumps(figures)
    typed = by_gallery_size(predictor, seen[:6], sizes=(2,), question="picture_and_imprint")
    assert typed["sizes"][-1]["top1"]["value"] == 1.0


def test_figures_become_a_table_and_a_picture(figures: dict) -> None:
    table = sizes_table(figures)
    assert table.count("\n") == 5
    assert "| 4 | " in table
    assert sizes_png([figures]).startswith(b"\x89PNG")
