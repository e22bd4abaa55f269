"""A bundle is judged once per what the judgement depends on, and the record reads back as it was."""

from pathlib import Path

from monitoring.evaluate import evaluation_digest
from monitoring.judging import RECORDS_FILE, judge_bundle, read_evaluation
from monitoring.records import read_records
from tests.monitoring.conftest import Scene


def judged(scene: Scene, **options) -> Path:
    dataset = scene.rows.assign(
        split=["test" if i % 2 else "train" for i in range(len(scene.rows))],
        appearance_id=[
            a.appearance_id for m in scene.rows["medication_id"] for a in scene.predictor.gallery.appearances
            if m in a.medication_ids
        ],
    )  # fmt: skip
    dataset["appearance_role"] = dataset["appearance_id"].map(scene.roles)
    settings = {"key": "k", "seed": 0, "max_photos": None, "on_progress": lambda done, total: None, **options}
    return judge_bundle(
        scene.bundle / "recogniser", scene.bundle / "gallery", dataset=dataset, home=scene.home, **settings
    )


def test_held_out_photographs_alone_are_judged_and_kept(scene: Scene) -> None:
    directory = judged(scene)
    measured = read_evaluation(directory)
    assert measured["about"]["num_photos"] == len(read_records(directory / RECORDS_FILE)) == 12
    assert evaluation_digest(measured).removeprefix("sha256:").startswith(directory.name)


def test_the_same_inputs_are_not_judged_again_and_others_are(scene: Scene) -> None:
    first = judged(scene)
    asked: list[int] = []
    assert judged(scene, on_progress=lambda done, total: asked.append(done)) == first
    assert asked == []
    judged(scene, key="other data", on_progress=lambda done, total: asked.append(done))
    assert len(asked) == 12
