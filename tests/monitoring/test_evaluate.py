"""An evaluation asks the shipped runtime, judges seen and unseen pills apart, and is the same every time."""

import json

import pytest

from monitoring.evaluate import Evaluation, EvaluationError, evaluate, sample
from monitoring.levels import Levels
from tests import builders
from tests.monitoring.conftest import Scene


@pytest.fixture(scope="module")
def evaluated(scene: Scene) -> Evaluation:
    return run(scene)


def run(scene: Scene, **options) -> Evaluation:
    settings = {"on_progress": lambda done, total: None, "gallery_sizes": (2,), **options}
    return evaluate(scene.predictor, scene.rows, home=scene.home, appearance_roles=scene.roles, **settings)


def test_every_photograph_is_asked_every_question(evaluated: Evaluation, scene: Scene) -> None:
    assert len(evaluated.records) == len(scene.rows) == evaluated.metrics["about"]["num_photos"]
    assert {len(record.answers) for record in evaluated.records} == {4}
    assert evaluated.metrics["both_sides"]["drug"]["top1"]["num"] == len(scene.rows)
    assert all(record.answers["picture_and_imprint"].typed for record in evaluated.records)
    assert all(record.answers["picture"].typed is None for record in evaluated.records)


def test_the_record_agrees_with_what_the_predictor_answers(evaluated: Evaluation, scene: Scene) -> None:
    record = evaluated.records[0]
    row = scene.rows.set_index("photo_id").loc[record.photo]
    answer = scene.predictor.identify([(scene.home / row["path"]).read_bytes()]).pills[0]
    asked = record.answers["picture"]
    assert (asked.status, asked.confidence) == (answer.status, answer.confidence)
    assert asked.answered_medication == answer.alternatives[0].medication_id
    assert asked.prediction_set == answer.prediction_set.medication_ids
    assert asked.cues == answer.explanation.cues


def test_the_evaluation_is_deterministic_but_for_its_timings(evaluated: Evaluation, scene: Scene) -> None:
    again = run(scene)
    assert without_time(evaluated.metrics) == without_time(again.metrics)


def without_time(metrics: dict) -> dict:
    return {key: value for key, value in metrics.items() if key != "latency_ms"}


def test_seen_and_unseen_pills_are_judged_apart(evaluated: Evaluation) -> None:
    roles = evaluated.metrics["roles"]
    assert {role: item["picture"]["drug"]["top1"]["num"] for role, item in roles.items()} == {"seen": 18, "unseen": 6}


def test_each_member_is_judged_by_its_embedding_alone(evaluated: Evaluation, scene: Scene) -> None:
    assert set(evaluated.metrics["members"]) == {"fast", "accurate"}
    predictor = scene.predictor
    record = evaluated.records[0]
    row = scene.rows.set_index("photo_id").loc[record.photo]
    side = predictor.observe([(scene.home / row["path"]).read_bytes()]).pills[0].sides[0]
    nearest = (predictor.gallery.prototypes["fast"] @ side.embedding(predictor.recogniser, "fast")).argmax()
    answered = predictor.gallery.spec.views[nearest].medication_id
    assert record.alone["fast"].top1 == float(answered == record.medication_id)


def test_a_pill_is_asked_of_galleries_that_do_not_hold_its_look(evaluated: Evaluation) -> None:
    sizes = [item["gallery_size"] for item in evaluated.metrics["unknown"]["by_gallery_size"]]
    assert sizes == [2, 4]
    for record in evaluated.records:
        assert all(item.answered_medication != record.medication_id for item in record.unknown)


def test_slices_name_what_is_known_and_nothing_else(evaluated: Evaluation) -> None:
    slices = evaluated.metrics["slices"]
    assert set(slices["background"]) == {"wood", "cloth"}
    assert set(slices["color"]) == {"WHITE", "RED", "BLUE", "GREEN"}
    assert "light" not in slices


def test_the_json_survives_a_round_trip_with_its_digest(evaluated: Evaluation) -> None:
    again = json.loads(json.dumps(evaluated.metrics))
    assert Evaluation([], again).digest == evaluated.digest


def test_a_damaged_photograph_is_a_miss_and_stops_nothing(scene: Scene, tmp_path) -> None:
    rows = scene.rows.head(2).copy()
    (tmp_path / "photos").mkdir()
    for path in rows["path"]:
        (tmp_path / path).write_bytes((scene.home / path).read_bytes())
    (tmp_path / rows["path"].iloc[0]).write_bytes(b"not a picture")
    found = evaluate(scene.predictor, rows, home=tmp_path, appearance_roles=scene.roles, on_progress=lambda d, n: None)
    statuses = {record.answers["picture"].status for record in found.records}
    assert "refused" in statuses
    assert found.metrics["questions"]["picture"]["drug"]["top1"]["value"] == 0.5


def test_nothing_to_evaluate_is_an_error(scene: Scene) -> None:
    with pytest.raises(EvaluationError, match="no held-out photograph"):
        evaluate(scene.predictor, scene.rows.head(0), home=scene.home, appearance_roles={}, on_progress=print)


def test_a_photograph_of_a_pill_that_the_gallery_does_not_hold_is_an_error(scene: Scene) -> None:
    rows = scene.rows.head(1).assign(medication_id="99999-9999-99.1")
    with pytest.raises(EvaluationError, match=r"99999-9999-99\.1"):
        evaluate(scene.predictor, rows, home=scene.home, appearance_roles=scene.roles, on_progress=print)


def test_a_sample_keeps_every_medication(scene: Scene) -> None:
    chosen = sample(scene.rows, num=8, seed=0)
    assert len(chosen) == 8
    assert len({row["medication_id"] for row in chosen}) == 4
    assert chosen == sample(scene.rows.sample(frac=1, random_state=3), num=8, seed=0)


def test_the_tablet_sold_under_two_numbers_counts_for_the_drug_and_half_for_the_ndc() -> None:
    from bentos.runtime.medication import derive_appearances
    from monitoring.metrics import expected_hit

    one = builders.medication(1)
    twin = one.model_copy(update={"ndc11": "77777-0001-01"})
    levels = Levels(derive_appearances([one, twin]), medications={m.medication_id: m for m in (one, twin)})
    (key,) = levels.appearances
    assert expected_hit([levels.drugs[key]], truth=one.clinical_drug).top1 == 1.0
    assert expected_hit([levels.ndcs[key]], truth=one.ndc11).top1 == 0.5


def test_any_part_of_an_ndc_counts() -> None:
    from bentos.runtime.medication import derive_appearances

    first = builders.medication(1)
    second = builders.medication(1, part=2, colors=("BLUE",))
    levels = Levels(derive_appearances([second, first]), medications={m.medication_id: m for m in (first, second)})
    truth = levels.truth_of_ndc("00001-0001-01")
    assert truth.medication_id == "00001-0001-01.1"
    assert len(truth.appearance_ids) == 2
    assert levels.truth_of_ndc("99999-0001-01") is None
