"""A broken run does not get past the gates, and what was broken cannot pass for what was judged."""

from pathlib import Path

import pandas as pd
import pytest

from bentos.runtime.gallery import Gallery
from bentos.runtime.recogniser import Recogniser
from monitoring.evaluate import evaluate
from monitoring.gates import Gates, judge
from monitoring.policy import DEMO
from tests import builders
from tests.monitoring.conftest import Scene
from tests.monitoring.making import FlatHarm
from tests.monitoring.sabotage import broken_predictor, divided_by_255, random_member

SMALL = DEMO.model_copy(update={"min_photos": 20, "min_slice_num": 4, "max_false_identified": 1.0, "max_ece": 1.0})


def judged(scene: Scene, name: str, tmp_path: Path) -> Gates:
    predictor = broken_predictor(
        name, scene.bundle / "recogniser", references=builders.tiny_references(),
        medications=builders.tiny_catalogue(), work=tmp_path,
    )  # fmt: skip
    rows: pd.DataFrame = scene.rows
    measured = evaluate(predictor, rows, home=scene.home, appearance_roles=scene.roles, on_progress=lambda d, n: None)
    return judge(measured.metrics, champion=None, policy=SMALL, harm=FlatHarm())


def test_an_honest_gallery_passes_and_one_with_shuffled_labels_does_not(scene: Scene, tmp_path: Path) -> None:
    assert [gate.name for gate in judged(scene, "honest", tmp_path).failures] == []
    failed = {gate.name for gate in judged(scene, "labels_shuffled", tmp_path).failures}
    assert failed >= {"Picture, seen pills: right drug first", "The fast network alone: right drug first"}


@pytest.mark.parametrize("breaks", [divided_by_255, random_member("fast"), random_member("accurate")])
def test_a_broken_recogniser_is_another_recogniser(scene: Scene, tmp_path: Path, breaks) -> None:
    source = Recogniser.load(scene.bundle / "recogniser")
    broken = Recogniser.load(breaks(scene.bundle / "recogniser", tmp_path / "broken"))
    assert broken.digest != source.digest
    assert Gallery.load(scene.bundle / "gallery").spec.recogniser != broken.digest
