"""The report stands alone, says the verdict first, and shows what was measured."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from monitoring.gates import Gates, judge
from monitoring.pictures import Pictures
from monitoring.policy import DEMO
from monitoring.report import write_report
from tests.monitoring.conftest import Scene
from tests.monitoring.making import FlatHarm, asked, evaluation, record, simulated_records

AT = "2026-01-01 00:00 UTC"


class _Links(HTMLParser):
    """Collects everything that a browser would load, and checks that tags are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def judged(measured: dict, *, champion: dict | None = None) -> Gates:
    return judge(measured, champion=champion, policy=DEMO, harm=FlatHarm())


def written(measured: dict, tmp_path: Path, **options) -> str:
    gates = options.pop("gates", None) or judged(measured)
    facts = {"Commit": "0123456789ab", "ONNX Runtime": "1.32.0"}
    path = write_report(measured, gates=gates, facts=facts, harm=FlatHarm(), at=AT, out=tmp_path / "r.html", **options)
    return path.read_text("utf-8")


@pytest.fixture(scope="module")
def measured() -> dict:
    return evaluation(simulated_records())


def test_the_page_loads_nothing_from_elsewhere_and_closes_its_tags(measured: dict, tmp_path: Path) -> None:
    page = written(measured, tmp_path)
    links = _Links()
    links.feed(page)
    assert links.open == []
    assert all(link.startswith("data:") for link in links.loaded)
    assert not re.search(r"https?://|@import|<script", page)
    assert len(page) < 3_000_000


def test_the_verdict_comes_first_and_names_the_recogniser(tmp_path: Path) -> None:
    good = evaluation([record(i % 50, photo=f"{i:064x}", role="unseen" if i % 10 == 0 else "seen", unknown=(
        {"gallery_size": 50, "status": "unknown", "answered_medication": None, "confidence": 0.1,
         "unknown_probability": 0.9},)) for i in range(300)])  # fmt: skip
    page = written(good, tmp_path)
    assert "Passed: this recogniser may be promoted" in page
    assert page.index("may be promoted") < page.index("<h2>Gates")
    assert good["about"]["recogniser"] in page


def test_a_refusal_lists_every_gate_that_was_not_met(tmp_path: Path) -> None:
    bad = evaluation([record(i, photo=f"{i:064x}", answer=asked(right=False)) for i in range(250)])
    gates = judged(bad)
    page = written(bad, tmp_path, gates=gates)
    assert "Refused: this recogniser may not be promoted" in page
    assert all(f"<li>{gate.name}" in page for gate in gates.failures)
    assert "not measured" in page


def test_facts_and_every_figure_of_the_headline_are_on_the_page(measured: dict, tmp_path: Path) -> None:
    page = written(measured, tmp_path)
    top1 = measured["questions"]["picture"]["drug"]["top1"]
    for text in ("0123456789ab", measured["about"]["training_fingerprint"], f"{100 * top1['value']:.1f} %",
                 f"{100 * top1['low']:.1f} to {100 * top1['high']:.1f}", "Risk against coverage"):  # fmt: skip
        assert text in page


def test_the_champions_values_stand_beside_the_candidates(measured: dict, tmp_path: Path) -> None:
    champion = evaluation(simulated_records(seed=1))
    with_champion = written(measured, tmp_path, gates=judged(measured, champion=champion))
    assert '<th class="n">Champion</th>' in with_champion
    assert '<th class="n">Champion</th>' not in written(measured, tmp_path)


def test_a_name_from_the_catalogue_cannot_inject_markup(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script> 5 MG"
    records = [record(i, photo=f"{i:064x}", drug=evil, answer=asked(right=False, answered_drug=evil + "x"),
                      slices={"color": evil}) for i in range(250)]  # fmt: skip
    assert "<script" not in written(evaluation(records), tmp_path).casefold()


def test_confusions_show_the_photograph_beside_both_reference_pictures(scene: Scene, tmp_path: Path) -> None:
    rows = scene.rows.assign(role=["reference" if i % 2 else "consumer" for i in range(len(scene.rows))])
    shown, other = rows.iloc[0], rows.iloc[-1]
    records = [record(1, photo=shown["photo_id"], medication_id=shown["medication_id"],
                      answer=asked(right=False, answered_medication=other["medication_id"]))]  # fmt: skip
    page = written(evaluation(records), tmp_path, pictures=Pictures(rows, scene.home))
    assert page.count("data:image/jpeg;base64,") == 1 + 2 + 2
