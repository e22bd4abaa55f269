"""Medications added to and removed from a gallery: the others' raw scores stay, pictures keep where they came from."""

import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from bentos.runtime.answer import PillMetadata
from bentos.runtime.contract import View
from bentos.runtime.enrol import ReferencePicture, write_gallery
from bentos.runtime.errors import ContractError
from bentos.runtime.gallery import Gallery
from bentos.runtime.medication import ImprintToken, Medication, appearance_id_of
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from data.gallery_edit import edit_gallery, without_medications
from monitoring.gallery_gate import gallery_gate
from tests.builders import (
    DIM,
    NOW,
    jpeg,
    medication,
    pill_picture,
    tiny_bundle,
    tiny_catalogue,
    tiny_picture,
    tiny_references,
)

NEW = medication(9, colors=("ORANGE",), size_mm=11.0)
NUM_WHOLE = 4000
TYPED = PillMetadata(imprint="A2 TEST", color="red", size_mm=9)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def recogniser(bundle: Path) -> Recogniser:
    return Recogniser.load(bundle / "recogniser")


@pytest.fixture
def gallery(bundle: Path) -> Gallery:
    return Gallery.load(bundle / "gallery")


def sides_of(item: Medication, *, rgb: tuple[int, int, int] = (230, 140, 40), **provenance) -> list[ReferencePicture]:
    """Front and back of an orange pill."""
    return [
        ReferencePicture(item.medication_id, side, pill_picture(rgb=rgb, marks=marks), None,
                         f"{rgb}-{side}", "tests", **provenance)
        for side, marks in (("front", 3), ("back", 0))
    ]  # fmt: skip


def edited(gallery: Gallery, recogniser: Recogniser, out: Path, **edits) -> Gallery:
    edit_gallery(gallery, recogniser=recogniser, out=out, name="edited", now=NOW, **edits)
    return Gallery.load(out, recogniser=recogniser)


def raw_scores(gallery: Gallery, recogniser: Recogniser) -> dict[str, np.ndarray]:
    """Appearance id to every cue of every photograph of the tiny catalogue, before weighing."""
    predictor = Predictor(recogniser, gallery)
    photos = [jpeg(tiny_picture(item, side=side)) for item in tiny_catalogue() for side in ("front", "back")]
    sides = [predictor.observe([photo]).pills[0].sides for photo in photos]
    cues = [predictor.collect(side, members=("fast", "accurate"), metadata=TYPED).cues for side in sides]
    table_A = np.stack([values for cue in cues for _, values in sorted(cue.items())], axis=1)
    return {item.appearance_id: row for item, row in zip(gallery.appearances, table_A, strict=True)}


def test_adding_one_leaves_the_raw_scores_of_all_others_unchanged(gallery, recogniser, tmp_path) -> None:
    before = raw_scores(gallery, recogniser)
    more = edited(gallery, recogniser, tmp_path / "more", medications=[NEW], references=sides_of(NEW))
    after = raw_scores(more, recogniser)
    assert len(after) == len(before) + 1
    for key, scores in before.items():
        np.testing.assert_allclose(after[key], scores, rtol=0, atol=1e-6)
    answer = Predictor(recogniser, more).identify([jpeg(pill_picture(rgb=(230, 140, 40), marks=3))])
    assert answer.pills[0].alternatives[0].medication_id == NEW.medication_id


def test_removing_one_leaves_the_raw_scores_of_all_others_unchanged(gallery, recogniser, tmp_path) -> None:
    before = raw_scores(gallery, recogniser)
    gone = gallery.appearances[1]
    after = raw_scores(edited(gallery, recogniser, tmp_path / "less", remove=gone.medication_ids), recogniser)
    assert after.keys() == before.keys() - {gone.appearance_id}
    for key, scores in after.items():
        np.testing.assert_allclose(scores, before[key], rtol=0, atol=1e-6)


def test_the_old_gallery_stays_and_the_new_one_has_a_digest_of_its_own(gallery, bundle, recogniser, tmp_path) -> None:
    more = edited(gallery, recogniser, tmp_path / "more", medications=[NEW], references=sides_of(NEW))
    assert Gallery.load(bundle / "gallery").digest == gallery.digest != more.digest
    with pytest.raises(ContractError, match="exists"):
        edited(gallery, recogniser, tmp_path / "more", remove=[NEW.medication_id])


def test_added_and_removed_again_the_views_are_those_of_before(gallery, recogniser, tmp_path) -> None:
    more = edited(gallery, recogniser, tmp_path / "more", medications=[NEW], references=sides_of(NEW))
    back = edited(more, recogniser, tmp_path / "back", remove=[NEW.medication_id])
    assert set(back.spec.views) == set(gallery.spec.views)
    assert back.spec.medications == gallery.spec.medications


def test_an_edited_gallery_passes_its_gate(gallery, recogniser, tmp_path) -> None:
    more = edited(gallery, recogniser, tmp_path / "more", medications=[NEW], references=sides_of(NEW),
                  remove=[tiny_catalogue()[0].medication_id])  # fmt: skip
    failed = {gate.name for gate in gallery_gate(more, recogniser=recogniser).gates if not gate.passed}
    assert failed == set()


def test_views_of_several_lots_and_dates_are_kept_with_where_they_came_from(gallery, recogniser, tmp_path) -> None:
    first = edited(gallery, recogniser, tmp_path / "first", medications=[NEW],
                   references=sides_of(NEW, lot="L1", taken_on="2025-03-01"))  # fmt: skip
    lots = sides_of(NEW, rgb=(225, 150, 60), lot="L2", taken_on="2026-02-11")
    both = edited(first, recogniser, tmp_path / "both", medications=[NEW], references=lots)
    views = [view for view in both.spec.views if view.medication_id == NEW.medication_id]
    assert sorted((view.lot, view.taken_on, view.side) for view in views) == [
        ("L1", "2025-03-01", "back"), ("L1", "2025-03-01", "front"),
        ("L2", "2026-02-11", "back"), ("L2", "2026-02-11", "front"),
    ]  # fmt: skip
    assert len({view.picture_digest for view in views}) == 4


def test_the_same_picture_again_adds_nothing(gallery, recogniser, tmp_path) -> None:
    catalogue, references = tiny_catalogue()[:1], tiny_references()[:2]
    again = edited(gallery, recogniser, tmp_path / "again", medications=catalogue, references=references)
    assert len(again.spec.views) == len(gallery.spec.views)


def test_what_another_medication_shares_stays_when_one_is_removed(gallery, recogniser, tmp_path) -> None:
    first = tiny_catalogue()[0]
    twin = first.model_copy(update={"ndc11": "77777-0001-01", "rxnorm_name": "other 5 MG Oral Tablet"})
    twins = edited(gallery, recogniser, tmp_path / "twins", medications=[twin],
                   references=sides_of(twin, rgb=(228, 228, 228)))  # fmt: skip
    before = raw_scores(twins, recogniser)
    less = edited(twins, recogniser, tmp_path / "less", remove=[first.medication_id])
    after = raw_scores(less, recogniser)
    assert after.keys() == before.keys()
    for key, scores in after.items():
        np.testing.assert_allclose(scores, before[key], rtol=0, atol=1e-6)
    assert {view.medication_id for view in less.spec.views} == {item.medication_id for item in less.spec.medications}


def test_what_is_not_there_cannot_be_removed_and_nothing_may_be_left_empty(gallery, recogniser, tmp_path) -> None:
    with pytest.raises(ContractError, match=r"no medication 99999-0001-01\.1"):
        without_medications(gallery, ["99999-0001-01.1"])
    with pytest.raises(ContractError, match="empty"):
        edited(gallery, recogniser, tmp_path / "none", remove=[m.medication_id for m in gallery.spec.medications])


@pytest.fixture(scope="module")
def whole(recogniser: Recogniser, tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    """As many medications as the whole reference collection, of random prototypes."""
    medications = [medication(i, imprint=(ImprintToken(text=f"M{i}"),)) for i in range(10, NUM_WHOLE + 10)]
    rng = np.random.default_rng(0)
    rows_VD = rng.normal(size=(2 * NUM_WHOLE, DIM)).astype(np.float32)
    rows_VD /= np.linalg.norm(rows_VD, axis=1, keepdims=True)
    views = [View(appearance_id=appearance_id_of(item), medication_id=item.medication_id, side=side,
                  picture_digest=f"{item.ndc11}-{side}", source="tests")
             for item in medications for side in ("front", "back")]  # fmt: skip
    features = {"color_histogram": np.full((2 * NUM_WHOLE, 48), 1 / 48, np.float32),
                "shape_ratio": np.ones(2 * NUM_WHOLE, np.float32),
                "texture_features": np.zeros((2 * NUM_WHOLE, 32), np.float32)}  # fmt: skip
    out = tmp_path_factory.mktemp("whole")
    write_gallery(out, recogniser=recogniser.digest, medications=medications, views=views, name="whole", now=NOW,
                  prototypes=dict.fromkeys(("fast", "accurate"), rows_VD), features=features)  # fmt: skip
    return Gallery.load(out, recogniser=recogniser)


def test_adding_and_removing_one_of_four_thousand_takes_little_more_than_reading_them(
    whole, recogniser, tmp_path
) -> None:
    for name, edits in {"more": {"medications": [NEW], "references": sides_of(NEW)}, "less": {
        "remove": [whole.spec.medications[7].medication_id]}}.items():  # fmt: skip
        out = tmp_path / name
        edit = partial(edit_gallery, whole, recogniser=recogniser, name=name, now=NOW, **edits)
        edited = min(cpu_s(partial(edit, out=tmp_path / f"{name}{n}")) for n in range(2))
        spec = edit(out=out)
        read = min(cpu_s(partial(Gallery.load, out, recogniser=recogniser)) for _ in range(3))
        assert edited < 4 * read
        assert len(spec.medications) == NUM_WHOLE + (1 if name == "more" else -1)


def cpu_s(work) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
