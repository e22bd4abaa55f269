"""The page of worst cases: which they are, and that everything a person needs stands on it."""

import re
from pathlib import Path

import pytest

from bentos.runtime.predictor import Predictor
from monitoring.benchmark import benchmark
from monitoring.records import HitRecord, PhotoRecord, read_records
from monitoring.worst_cases import cue_rows, shown, worst_case, worst_first, write_worst_cases
from tests.monitoring.conftest import Scene
from tests.monitoring.making import asked, record

ABOUT = {"at": "2026-01-01", "commit": "abc123"}


def wrong(number: int, *, status: str = "uncertain", precision: float = 0.1, confidence: float = 0.5) -> PhotoRecord:
    lost = asked(right=False, status=status, confidence=confidence,
                 drug=HitRecord(top1=0, top5=0, average_precision=precision))  # fmt: skip
    return record(number, photo=f"{number}.jpg", answers={"picture": lost})


@pytest.fixture(scope="module")
def measured(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> list[PhotoRecord]:
    path = tmp_path_factory.mktemp("worst") / "records.jsonl"
    benchmark(scene.bundle, scene.photos, records=path)
    return read_records(path)


def spoilt(records: list[PhotoRecord]) -> list[PhotoRecord]:
    """The same photographs as if the fourth medication had been answered."""
    lost = {"correct": False, "drug": HitRecord(top1=0, top5=0, average_precision=0.0),
            "answered_medication": "00004-0001-01.1", "answered_drug": "drug4"}  # fmt: skip
    return [r.model_copy(update={"answers": {**r.answers, "picture": r.answers["picture"].model_copy(update=lost)}})
            for r in records]  # fmt: skip


def test_what_was_said_without_reservation_comes_first_then_the_lowest_ranked() -> None:
    found = worst_first([record(1), wrong(2, precision=0.3), wrong(3, precision=0.01),
                         wrong(4, status="identified", precision=0.5)])  # fmt: skip
    assert [r.photo for r in found] == ["4.jpg", "3.jpg", "2.jpg"]
    assert worst_first([wrong(i) for i in range(9)], num=4) == [wrong(i) for i in range(4)]


def test_a_case_holds_photograph_heat_map_truth_answer_and_cues(scene: Scene, measured: list[PhotoRecord]) -> None:
    one = spoilt(measured)[0]
    case = worst_case(scene.predictor, one, photo=scene.photos / one.photo)
    assert case.photograph.startswith("data:image/jpeg;base64,")
    assert case.heat is not None
    assert (case.truth.medication_id, case.answered.medication_id) == (one.medication_id, "00004-0001-01.1")
    assert {cue.words for cue in case.cues} >= {"the fast encoder", "the colour in the picture"}
    assert [abs(cue.share) for cue in case.cues] == sorted((abs(cue.share) for cue in case.cues), reverse=True)
    assert case.place.startswith("place ")


def test_the_page_is_one_file_that_names_everything(scene: Scene, measured: list[PhotoRecord], tmp_path: Path) -> None:
    records = spoilt(measured)[:3]
    page = write_worst_cases(scene.bundle, scene.photos, records, out=tmp_path / "worst.html", about=ABOUT).read_text()
    assert page.count("<article>") == 3
    assert not re.search(r'(src|href)="(?!data:)', page)
    for fact in (records[0].photo, "drug4 10 MG Oral Tablet", "A1;TEST", "over the other drug", "abc123"):
        assert fact in page
    assert str(tmp_path) not in page


def test_reference_pictures_of_both_sides_come_from_the_gallery(scene: Scene) -> None:
    found = shown(scene.predictor, "00002-0001-01.1")
    assert len(found.pictures) == 2
    assert (found.imprint, found.looks) == ("A2;TEST", "red, round, 10 mm")


def test_a_photograph_without_a_pill_has_a_card_all_the_same(scene: Scene, measured: list[PhotoRecord], tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    nothing = spoilt(measured)[0]
    refused = nothing.answers["picture"].model_copy(update={"answered_medication": None, "ranking": ()})
    nothing = nothing.model_copy(update={"answers": {"picture": refused}, "photo": "a.jpg"})
    case = worst_case(scene.predictor, nothing, photo=tmp_path / "a.jpg")
    assert (case.heat, case.answered, case.cues, case.place) == (None, None, (), "not among the first 0")


def test_without_a_wrong_answer_the_page_says_so(scene: Scene, tmp_path: Path) -> None:
    page = write_worst_cases(scene.bundle, scene.photos, [record(1)], out=tmp_path / "worst.html", about=ABOUT)
    assert "Every photograph ranks its drug first." in page.read_text()


def test_cues_that_nobody_named_keep_their_names(scene: Scene, measured: list[PhotoRecord]) -> None:
    predictor: Predictor = scene.predictor
    observation = predictor.observe([(scene.photos / measured[0].photo).read_bytes()])
    explanation = predictor.answer(observation).pills[0].explanation
    rows = cue_rows(explanation.model_copy(update={"cues": {"some_cue": 1.0}, "against_runner_up": {}}))
    assert [(row.words, row.share, row.over) for row in rows] == [("some cue", 1.0, 0.0)]
