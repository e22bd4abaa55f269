"""The demo's floors tell an honest run from a broken one: recorded from a real demo run, broken the real ways.

`tests/monitoring/recorded` was written by `python -m tests.monitoring.sabotage HOME tests/monitoring/recorded`.
"""

import json
from pathlib import Path

import pytest

from bentos.runtime.gallery import Gallery
from bentos.runtime.recogniser import Recogniser
from data.harm import Harm
from monitoring.gates import Gates, judge
from monitoring.policy import DEMO
from tests.monitoring.conftest import Scene
from tests.monitoring.sabotage import divided_by_255, random_member

RECORDED = Path(__file__).with_name("recorded")


def judged(name: str) -> Gates:
    measured = json.loads((RECORDED / f"{name}.json").read_text())
    return judge(measured, champion=None, policy=DEMO, harm=Harm())


def test_the_honest_run_passes() -> None:
    assert [gate.name for gate in judged("honest").failures] == []


@pytest.mark.parametrize(
    "name", ["labels_shuffled", "preprocessing_changed", "fast_member_random", "accurate_member_random"]
)
def test_a_broken_run_is_refused(name: str) -> None:
    assert not judged(name).passed


@pytest.mark.parametrize("member", ["fast", "accurate"])
def test_a_random_member_is_refused_by_its_own_gate(member: str) -> None:
    failed = {gate.name for gate in judged(f"{member}_member_random").failures}
    assert f"The {member} network alone: right drug first" in failed


@pytest.mark.parametrize("breaks", [divided_by_255, random_member("fast")])
def test_a_broken_recogniser_is_another_recogniser(scene: Scene, tmp_path: Path, breaks) -> None:
    source = Recogniser.load(scene.bundle / "recogniser")
    broken = Recogniser.load(breaks(scene.bundle / "recogniser", tmp_path / "broken"))
    assert broken.digest != source.digest
    assert Gallery.load(scene.bundle / "gallery").spec.recogniser != broken.digest
