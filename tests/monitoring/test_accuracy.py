"""The page of a benchmark."""

from pathlib import Path

import pytest

from monitoring.accuracy import QUESTIONS, Beside, Provenance, accuracy_page, figure_text
from monitoring.benchmark import benchmark
from tests.monitoring.conftest import Scene


@pytest.fixture(scope="module")
def page(scene: Scene) -> tuple[dict, str]:
    figures = benchmark(scene.bundle, scene.photos)
    provenance = Provenance("abc123", "2026-01-01", ["first command", "last command"], {"profile": "demo"})
    return figures, accuracy_page(figures, provenance=provenance)


def test_every_question_stands_with_its_figures_and_intervals(page: tuple[dict, str]) -> None:
    figures, text = page
    for question in QUESTIONS:
        assert figure_text(figures[question]["drug"]["top1"]) in text
    assert figure_text(figures["unknown"]["false_identified"]) in text
    assert "| background | wood |" in text
    assert "| picture only, both sides |" in text
    assert "--worst-cases var/worst_cases.html" in text


def test_it_says_what_was_measured_and_how(page: tuple[dict, str]) -> None:
    figures, text = page
    for fact in (figures["recogniser"], figures["gallery"], "abc123", "2026-01-01", "last command", "profile: demo"):
        assert fact in text


def test_other_recognisers_and_each_members_curve_stand_beside(page: tuple[dict, str]) -> None:
    figures, plain = page
    names = ("held_out_drug_top1", "held_out_drug_top5", "trained_drug_top1", "trained_drug_top5")
    measured = dict.fromkeys(names, 0.125)
    beside = Beside(against={"from scratch": figures}, curves={"fast": [], "accurate": [{"epoch": 3} | measured]})
    text = accuracy_page(figures, provenance=Provenance("abc123", "2026-01-01", [], {}), beside=beside)
    assert text.count("| from scratch |") == 1 > plain.count("from scratch")
    assert "curve of the accurate encoder" in text
    assert "curve of the fast encoder" not in text
    assert "| 3 | 0.125 | 0.125 | 0.125 | 0.125 |" in text


def test_replies_and_the_deletion_test_have_their_tables(page: tuple[dict, str]) -> None:
    figures, plain = page
    part = {"value": 1.0, "low": 0.5, "high": 2.0, "num": 7}
    drops = dict.fromkeys(("heat", "random", "centre"), part)
    deletion = {"num_photos": 7, "area": 0.15, "lead": drops, "score": drops, "lead_over": drops, "score_over": drops}
    row = dict.fromkeys(("set_before", "set_after", "top1_before", "top1_after", "identified_after",
                         "right_when_identified"), part)  # fmt: skip
    asked = {"num": 9, "num_asked": {"other_side": 9}, "asked": {"other_side": row}, "everywhere": {}, "in_turn": row}
    given = {**figures, "questions_asked": asked, "deletion": deletion}
    text = accuracy_page(given, provenance=Provenance("abc123", "2026-01-01", [], {}))
    assert "9 answers for the picture alone are not `identified`; each ends with one question (other side 9)" in text
    assert "| asked: photograph the other side | 7 | 1.00 (0.50–2.00) |" in text
    assert "| photographs | 7 | 15% | 1.00 (0.50–2.00) |" in text
    assert "heat maps show" not in plain


def test_what_was_not_measured_is_a_dash() -> None:
    assert figure_text({"value": None, "low": None, "high": None, "num": 0}) == "–"


def test_the_page_names_no_machine_path(page: tuple[dict, str], scene: Scene) -> None:
    assert str(Path(scene.bundle).parent) not in page[1]
