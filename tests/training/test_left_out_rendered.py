"""Promises fitted on rendered pills hold for rendered pills enrolled later, through a real (if poor) ONNX network."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx
import pandas as pd
import pytest
from scipy.stats import betabinom

from bentos.runtime.answer import PillAnswer
from bentos.runtime.enrol import ReferencePicture, build_gallery
from bentos.runtime.gallery import Gallery
from bentos.runtime.medication import Medication, appearance_id_of, look_group_of
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from data.catalogue.formulary import read_formulary
from data.rendering.render import render_photo, render_reference
from tests.builders import NOW, encoder_onnx, jpeg, member_spec
from training.calibration_config import CalibrationConfig
from training.recogniser import ExportedMember, Facts, assemble_recogniser

NUM_EACH = 20
CONFIG = CalibrationConfig()
SIDES = ("front", "back")
RARE = 0.001


def distinct_looks() -> list[Medication]:
    """One medication of each look of the formulary."""
    return list({look_group_of(item): item for item in read_formulary()}.values())[: 3 * NUM_EACH]


def references(items: Sequence[Medication]) -> Iterator[ReferencePicture]:
    for item in items:
        for side in SIDES:
            drawn = render_reference(item, side=side, lot=0)
            yield ReferencePicture(
                item.medication_id, side, drawn.rgb_HWC, drawn.mask_HW, f"{item.ndc11}{side}", "drawn"
            )


def photograph(item: Medication, *, side: str) -> bytes:
    return jpeg(render_photo(item, side=side, seed=3, pool="test", size_px=200).rgb_HWC)


def rows(items: Sequence[Medication], split: str, home: Path) -> Iterator[dict]:
    for item in items:
        for side in SIDES:
            name = f"{item.ndc11}-{side}.jpg"
            (home / name).write_bytes(photograph(item, side=side))
            yield {
                "photo_id": name, "path": name, "medication_id": item.medication_id, "side": side, "split": split,
                "appearance_id": appearance_id_of(item), "look_group": look_group_of(item),
                "appearance_role": "seen" if split == "fit" else "fit_only",
            }  # fmt: skip


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[PillAnswer, PillAnswer, str]]:
    """For each photograph of a pill enrolled later: answered with it, answered without it, and its medication."""
    home, looks = tmp_path_factory.mktemp("home"), distinct_looks()
    fit, calibrate, later = (looks[i::3] for i in range(3))
    onnx.save(encoder_onnx(seed=0, dim=32), home / "fast.onnx")
    directory = assemble_recogniser(
        [ExportedMember(member_spec("fast", embedding_dim=32), home)],
        dataset=pd.DataFrame([*rows(fit, "fit", home), *rows(calibrate, "calibrate", home)]),
        home=home,
        medications=[*fit, *calibrate],
        references=references([*fit, *calibrate]),
        config=CONFIG,
        facts=Facts("rendered", "demo", NOW, "rendered", "none", {}),
        work=home / "work",
        out_root=home / "recognisers",
        on_progress=lambda stage, done, total: None,
    )
    recogniser = Recogniser.load(directory)
    build_gallery(recogniser, medications=looks, references=references(looks), out=home / "gallery", name="g", now=NOW)
    predictor = Predictor(recogniser, Gallery.load(home / "gallery", recogniser=recogniser))
    return list(_asked(predictor, later))


def _asked(predictor: Predictor, items: Sequence[Medication]) -> Iterator[tuple[PillAnswer, PillAnswer, str]]:
    for item in items:
        without = predictor.with_gallery(predictor.gallery.without([look_group_of(item)]))
        for side in SIDES:
            seen = predictor.observe([photograph(item, side=side)])
            yield predictor.answer(seen).pills[0], without.answer(seen).pills[0], item.medication_id


def test_sets_hold_rendered_pills_enrolled_later_as_often_as_promised(answers) -> None:
    found = [item in answer.prediction_set.medication_ids for answer, _, item in answers if answer.box is not None]
    num = 2 * NUM_EACH
    below = int((num + 1) * (1 - CONFIG.promised_coverage))
    assert len(found) >= 0.9 * num
    assert sum(found) >= betabinom(len(found), num + 1 - below, below).ppf(RARE)


def test_rendered_pills_that_are_not_enrolled_are_not_named(answers) -> None:
    named = sum(answer.status == "identified" for _, answer, _ in answers)
    assert named <= betabinom(len(answers), 1, 2 * NUM_EACH).ppf(1 - RARE)
