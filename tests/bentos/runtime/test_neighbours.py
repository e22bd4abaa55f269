"""Dangerous neighbours in a gallery: prototypes made by hand, and a tiny real bundle."""

from dataclasses import replace

import numpy as np
import pytest

from bentos.runtime.answer import PillMetadata
from bentos.runtime.contract import GallerySpec, View
from bentos.runtime.decide import Ruling
from bentos.runtime.enrol import build_gallery
from bentos.runtime.evidence import SideObservation
from bentos.runtime.fuse import Posterior
from bentos.runtime.gallery import Gallery, GalleryIndex
from bentos.runtime.look_alike import Neighbour
from bentos.runtime.medication import Medication, derive_appearances
from bentos.runtime.neighbours import Neighbourhood, near_limit
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from tests.builders import (
    DIM,
    NOW,
    jpeg,
    medication,
    pattern_spec,
    tiny_bundle,
    tiny_catalogue,
    tiny_picture,
    tiny_references,
)

NUM = 40


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def gallery(medications: list[Medication], rows_VD: np.ndarray) -> Gallery:
    """Front and back of each medication, rows in that order; one member."""
    appearances = derive_appearances(medications)
    owner = {key: a.appearance_id for a in appearances for key in a.medication_ids}
    views = [
        View(appearance_id=owner[m.medication_id], medication_id=m.medication_id, side=side,
             picture_digest=f"{m.medication_id}{side}", source="tests")
        for m in medications for side in ("front", "back")
    ]  # fmt: skip
    spec = GallerySpec(name="made", created_at=NOW, recogniser="none", medications=tuple(medications),
                       appearances=tuple(appearances), views=tuple(views), files={})  # fmt: skip
    return Gallery(spec, "none", {"fast": rows_VD}, {}, GalleryIndex(spec), np.ones(len(appearances), bool))


@pytest.fixture(scope="module")
def made() -> Gallery:
    """Forty medications at random; the front of 0 is the front of 1; 2 is 3 from both sides."""
    rows_VD = unit(np.random.default_rng(0).normal(size=(2 * NUM, DIM)))
    noise_ND = 0.01 * np.random.default_rng(1).normal(size=(3, DIM))
    rows_VD[2], rows_VD[6], rows_VD[7] = unit(rows_VD[[0, 4, 5]] + noise_ND)
    return gallery([medication(i) for i in range(1, NUM + 1)], rows_VD)


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> SideObservation:
    bundle = tiny_bundle(tmp_path_factory.mktemp("bundle"))
    return Predictor.from_bundle(bundle).observe([jpeg(tiny_picture(tiny_catalogue()[0]))]).pills[0].sides[0]


def ruled(probabilities: dict[int, float], *, num: int = NUM) -> Ruling:
    probability_A = np.zeros(num)
    for a, probability in probabilities.items():
        probability_A[a] = probability
    posterior = Posterior(np.log(probability_A + 1e-9), {}, probability_A, 0.0, pattern_spec())
    return Ruling(posterior, "fast", 0.0)


def found(
    made: Gallery,
    side: SideObservation,
    probabilities: dict[int, float],
    *rows: int,
    active_A: np.ndarray | None = None,
) -> list[Neighbour]:
    """The neighbours with a reason, the pictures being these rows of the gallery."""
    sides = [replace(side, embeddings={"fast": made.prototypes["fast"][row]}) for row in rows]
    active_A = made.active_A if active_A is None else active_A
    ruling = ruled(probabilities, num=len(made.appearances))
    return [item for item in Neighbourhood(made).around(ruling, sides, active_A=active_A) if item.reasons]


def test_a_pill_that_shares_the_photographed_side_is_near_and_told_by_the_other(made, side) -> None:
    (item,) = found(made, side, {0: 1.0}, 0)
    assert (item.candidate.generic_name, item.other.generic_name) == ("drug1", "drug2")
    assert (item.reasons, item.other_side_differs) == ({"looks"}, True)


def test_the_side_that_is_its_own_has_no_neighbour(made, side) -> None:
    assert found(made, side, {0: 1.0}, 1) == []


def test_two_pictures_leave_only_what_is_near_from_both_sides(made, side) -> None:
    assert found(made, side, {0: 1.0}, 0, 1) == []
    (item,) = found(made, side, {2: 1.0}, 4, 5)
    assert (item.other.generic_name, item.other_side_differs) == ("drug4", False)


def test_a_masked_appearance_is_nobodys_neighbour(made, side) -> None:
    active_A = np.arange(NUM) != 1
    assert found(made, side, {0: 1.0}, 0, active_A=active_A) == []


@pytest.mark.parametrize(
    ("probabilities", "others"),
    [
        ({10: 0.9, 11: 0.05}, {"drug12"}),
        ({10: 0.9, 11: 0.001}, set()),
        ({10: 0.3, 11: 0.29, 12: 0.28}, set()),
    ],
)
def test_a_rival_counts_where_the_answer_leans_on_one_and_it_is_not_negligible(
    made, side, probabilities: dict[int, float], others: set[str]
) -> None:
    assert {item.other.generic_name for item in found(made, side, probabilities, 20)} == others


def test_names_that_sound_alike_are_near_whatever_they_look_like(side) -> None:
    rows_VD = unit(np.random.default_rng(0).normal(size=(2 * NUM, DIM)))
    named = {0: "hydralazine", 7: "hydroxyzine", 9: "hydroxyzine"}
    medications = [
        medication(
            i + 1, **({"rxnorm_name": f"{named[i]} {i} MG Oral Tablet", "generic_name": named[i]} if i in named else {})
        )
        for i in range(NUM)
    ]
    (item,) = found(gallery(medications, rows_VD), side, {0: 0.99, 9: 0.005}, 0)
    assert (item.reasons, item.other.medication_id) == ({"sounds"}, medications[9].medication_id)
    behind = found(gallery(medications, rows_VD), side, {20: 0.6, 0: 0.3}, 40)
    assert {frozenset(n.reasons) for n in behind if not n.first} == {frozenset({"sounds"})}


def test_drugs_that_share_an_appearance_look_the_same(side) -> None:
    twin = medication(1).model_copy(
        update={"ndc11": "88888-0001-01", "rxnorm_name": "other 5 MG", "generic_name": "other"}
    )
    rows_VD = unit(np.random.default_rng(0).normal(size=(2 * NUM, DIM)))
    medications = [*[medication(i) for i in range(1, NUM)], twin]
    reasons = {
        item.other.generic_name: item.reasons for item in found(gallery(medications, rows_VD), side, {0: 1.0}, 0)
    }
    assert reasons == {"other": {"same"}}


def test_the_limit_lies_above_what_different_pills_reach_and_below_most_pictures_of_one() -> None:
    rng = np.random.default_rng(3)
    pills_ND = unit(rng.normal(size=(100, 64)))
    rows_VD = np.concatenate([pills_ND, unit(pills_ND + 0.02 * rng.normal(size=(100, 64)))])
    looks_V = np.array([str(i % 100) for i in range(200)])
    pairs_N2 = np.array([(i, i + 100) for i in range(100)])
    limit = near_limit(rows_VD, pairs_N2=pairs_N2, look_V=looks_V)
    genuine_N = (rows_VD[:100] * rows_VD[100:]).sum(axis=1)
    assert (genuine_N > limit).mean() == pytest.approx(0.9, abs=0.01)
    impostors_NN = pills_ND @ pills_ND.T - 2 * np.eye(100)
    assert impostors_NN.max() < limit


def test_one_look_alone_has_no_neighbours() -> None:
    rows_VD = unit(np.ones((3, 4)))
    assert near_limit(rows_VD, pairs_N2=np.zeros((0, 2), int), look_V=np.array(["a"] * 3)) == np.inf


def test_an_answer_says_what_sounds_like_it_and_how_to_tell(tmp_path) -> None:
    bundle = tiny_bundle(tmp_path)
    names = ("hydralazine", "hydroxyzine", "drug3", "drug4")
    catalogue = [item.model_copy(update={"rxnorm_name": f"{name} 25 MG Oral Tablet", "generic_name": name})
                 for item, name in zip(tiny_catalogue(), names, strict=True)]  # fmt: skip
    recogniser = Recogniser.load(bundle / "recogniser")
    build_gallery(
        recogniser, medications=catalogue, references=tiny_references(), out=tmp_path / "g", name="g", now=NOW
    )
    predictor = Predictor(recogniser, Gallery.load(tmp_path / "g", recogniser=recogniser))
    typed = PillMetadata(imprint="A1 TEST", color="white", shape="round", size_mm=9)
    pill = predictor.identify([jpeg(tiny_picture(catalogue[0]))], metadata=typed).pills[0]
    (item,) = (item for item in pill.explanation.look_alikes if "sounds" in item.reasons)
    assert (item.taken_for, item.medication_id) == (catalogue[0].medication_id, catalogue[1].medication_id)
    assert item.tell_apart == (
        "its imprint is A2 TEST, not A1 TEST",
        "it measures 10 mm, not 9 mm",
        "it is red, not white",
    )
    assert any(warning.startswith("hydrALAZINE 25 MG") for warning in pill.explanation.warnings)
