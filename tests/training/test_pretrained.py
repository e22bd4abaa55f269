"""The pre-trained recogniser that travels with the project."""

from pathlib import Path

import pytest

from bentos.runtime.answer import PillMetadata
from bentos.runtime.enrol import ReferencePicture, build_gallery
from bentos.runtime.gallery import Gallery
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from data.catalogue.formulary import read_formulary
from data.rendering.render import render_photo, render_reference
from tests.builders import NOW, jpeg
from training.committed import PRETRAINED

_NUM_MEDICATIONS = 24


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    recogniser = Recogniser.load(PRETRAINED)
    medications = [medication for medication in read_formulary() if medication.imprint][:_NUM_MEDICATIONS]
    references = []
    for medication in medications:
        for side in ("front", "back"):
            drawn = render_reference(medication, side=side, lot=0)
            references.append(ReferencePicture(medication.medication_id, side, drawn.rgb_HWC, drawn.mask_HW,
                                               f"{medication.ndc11} {side}", "rendered"))  # fmt: skip
    out: Path = tmp_path_factory.mktemp("pretrained") / "gallery"
    build_gallery(recogniser, medications=medications, references=references, out=out, name="small", now=NOW)
    return Predictor(recogniser, Gallery.load(out, recogniser=recogniser))


def test_it_reads_and_finds_pills_that_it_never_saw(predictor: Predictor) -> None:
    medications = [predictor.gallery.medications[a.medication_ids[0]] for a in predictor.gallery.appearances]
    right = 0
    for medication in medications:
        photo = render_photo(medication, side="front", seed=3, pool="train")
        answer = predictor.identify([jpeg(photo.rgb_HWC)])
        first = answer.pills[0].alternatives
        right += bool(first) and first[0].clinical_drug == medication.clinical_drug
    assert right > len(medications) / 3


def test_what_is_typed_of_another_pill_never_makes_a_third_one_identified(predictor: Predictor) -> None:
    medications = [predictor.gallery.medications[a.medication_ids[0]] for a in predictor.gallery.appearances]
    for shown, typed in zip(medications[:8], medications[8:16], strict=True):
        photo = render_photo(shown, side="front", seed=5, pool="train")
        answer = predictor.identify([jpeg(photo.rgb_HWC)], metadata=PillMetadata(imprint=typed.imprint_text))
        pill = answer.pills[0]
        assert pill.medication is None or pill.medication.medication_id in (shown.medication_id, typed.medication_id)
