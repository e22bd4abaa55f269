"""A gallery is judged by itself: made by this recogniser, tells its pills apart, its facts fit its pictures."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bentos.runtime.contract import GallerySpec
from bentos.runtime.enrol import build_gallery
from bentos.runtime.gallery import Gallery
from bentos.runtime.recogniser import Recogniser
from monitoring.gallery_gate import gallery_gate, judge_gallery, look_alikes
from tests import builders
from tests.monitoring.conftest import Scene


@pytest.fixture(scope="module")
def recogniser(scene: Scene) -> Recogniser:
    return Recogniser.load(scene.bundle / "recogniser")


@pytest.fixture(scope="module")
def gallery(scene: Scene) -> Gallery:
    return Gallery.load(scene.bundle / "gallery")


def failed(gallery: Gallery, recogniser: Recogniser) -> set[str]:
    return {gate.name for gate in gallery_gate(gallery, recogniser=recogniser).failures}


def with_spec(gallery: Gallery, **changes) -> Gallery:
    spec: GallerySpec = gallery.spec.model_copy(update=changes)
    return replace(gallery, spec=spec)


def test_an_honest_gallery_passes(scene: Scene) -> None:
    assert judge_gallery(scene.bundle / "gallery", recogniser=scene.bundle / "recogniser").passed


def test_a_gallery_of_another_recogniser_is_refused(gallery: Gallery, recogniser: Recogniser) -> None:
    assert failed(with_spec(gallery, recogniser="sha256:" + "00" * 32), recogniser) == {"Made by this recogniser"}


def test_prototypes_that_are_all_alike_do_not_find_themselves(gallery: Gallery, recogniser: Recogniser) -> None:
    alike = {name: np.repeat(rows[:1], len(rows), axis=0) for name, rows in gallery.prototypes.items()}
    assert failed(replace(gallery, prototypes=alike), recogniser) == {"Finds itself"}


def test_one_member_that_tells_pills_apart_is_enough(gallery: Gallery, recogniser: Recogniser) -> None:
    rows = gallery.prototypes["fast"]
    mixed = {**gallery.prototypes, "fast": np.repeat(rows[:1], len(rows), axis=0)}
    assert failed(replace(gallery, prototypes=mixed), recogniser) == set()


def test_rows_of_another_length_or_without_a_number_are_found(gallery: Gallery, recogniser: Recogniser) -> None:
    rows = gallery.prototypes["fast"].copy()
    rows[0] *= 2
    assert failed(replace(gallery, prototypes={**gallery.prototypes, "fast": rows}), recogniser) >= {"Faulty rows"}
    rows = rows.copy()
    rows[0] = np.nan
    assert "Faulty rows" in failed(replace(gallery, prototypes={**gallery.prototypes, "fast": rows}), recogniser)


def test_one_picture_enrolled_as_two_pills_is_a_twin(gallery: Gallery, recogniser: Recogniser) -> None:
    views = list(gallery.spec.views)
    views[2] = views[2].model_copy(update={"picture_digest": views[0].picture_digest})
    assert failed(with_spec(gallery, views=tuple(views)), recogniser) == {"Twins"}


def test_views_of_the_wrong_appearance_are_found(gallery: Gallery, recogniser: Recogniser) -> None:
    views = list(gallery.spec.views)
    views[0] = views[0].model_copy(update={"appearance_id": views[2].appearance_id})
    assert "Records that do not fit together" in failed(with_spec(gallery, views=tuple(views)), recogniser)


def test_round_pills_with_long_pictures_contradict_their_facts(gallery: Gallery, recogniser: Recogniser) -> None:
    features = {**gallery.features, "shape_ratio": np.full(len(gallery.spec.views), 0.4, np.float32)}
    assert failed(replace(gallery, features=features), recogniser) == {"Outline against facts"}


def test_two_drugs_that_look_the_same_are_counted(recogniser: Recogniser, tmp_path: Path) -> None:
    pills = builders.tiny_catalogue()
    twin = pills[0].model_copy(update={"ndc11": "99999-0001-01", "rxnorm_name": "other 5 MG Oral Tablet"})
    build_gallery(recogniser, medications=[*pills, twin], references=builders.tiny_references(), out=tmp_path / "g",
                  name="twin", now=builders.NOW)  # fmt: skip
    assert look_alikes(Gallery.load(tmp_path / "g")) == pytest.approx(2 / 5)
