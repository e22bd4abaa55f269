"""Every part of the benchmark command runs on a small plan and gives figures of the right shape; none says how fast."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import run
from benchmarks.journals import DURABLE, IN_MEMORY, KNOWN, NEW
from benchmarks.page import write_page
from benchmarks.plan import SMOKE
from benchmarks.servers import GRPC, REST
from benchmarks.side_by_side import BARE, BARE_ALONE


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Galleries, networks and the page of all parts: made once."""
    return tmp_path_factory.mktemp("benchmarks")


def measured(place: Path, part: str, **overrides: object) -> dict[str, Any]:
    plan = SMOKE.model_copy(update={"parts": (part,), **overrides})
    results = run(plan, docs=place / "docs", work=place / "work", say=lambda line: None)
    return results["parts"][part]["found"]


def is_spread(found: Mapping[str, float], *, rounds: int) -> bool:
    ordered = [found[name] for name in ("min", "q1", "median", "q3", "max")]
    return ordered == sorted(ordered) and found["rounds"] == rounds


def test_servers_and_bare_loops_take_turns_and_use_much_the_same_cpu(place: Path) -> None:
    found = measured(place, "side_by_side")
    systems = found["systems"]
    assert {BARE, BARE_ALONE, REST, GRPC, "FastAPI"} <= set(systems)
    assert [row["round"] for row in found["rounds"]] == [0] * len(systems) + [1] * len(systems)
    assert [row["system"] for row in found["rounds"][: len(systems)]] != [
        row["system"] for row in found["rounds"][len(systems) :]
    ]
    bare = systems[BARE]["cpu_s_per_answer"]["median"]
    for name, each in systems.items():
        assert is_spread(each["cpu_s_per_answer"], rounds=SMOKE.rounds), name
        assert (each["failed"], each["answers"] > 0) == (0, True), name
        assert 0.3 < each["cpu_s_per_answer"]["median"] / bare < 5, name


def test_what_a_request_costs_beside_the_model_is_a_part_of_what_it_costs(place: Path) -> None:
    found = measured(place, "overhead")
    for each in found["requests"].values():
        assert is_spread(each["known_cpu_ms"], rounds=SMOKE.single_requests)
        assert 0 < each["known_cpu_ms"]["median"] < each["new_cpu_ms"]["median"]
    assert found["commit"]["not_durable"]["cpu_ms"]["median"] > 0


def test_the_same_service_is_asked_with_its_journal_on_the_disk_and_in_memory(place: Path) -> None:
    systems = measured(place, "journals")["systems"]
    assert set(systems) == {f"{kind}, {where}" for kind in (NEW, KNOWN) for where in (DURABLE, IN_MEMORY)}
    for each in systems.values():
        assert is_spread(each["answers_per_s"], rounds=SMOKE.rounds)
        assert (each["failed"], each["answers"] > 0) == (0, True)


def test_a_service_gets_ready_and_its_processes_have_a_size(place: Path) -> None:
    found = measured(place, "starting")
    assert is_spread(found["ready_s"], rounds=1)
    assert found["cpu_s"]["median"] > 0
    assert found["resident_mib"][0] >= found["resident_mib"][-1] > 0


def test_a_crowd_is_answered_or_told_when_to_come_back(place: Path) -> None:
    found = measured(place, "crowd")
    for rounds in found["protocols"].values():
        for phases in rounds:
            assert [phases[name]["clients"] for name in ("peak", "crowd", "after")] == [2, 24, 2]
            assert phases["crowd"]["failed"] == {}
            assert phases["crowd"]["answers"] > 0
            assert phases["crowd"]["refused"] > 0


def test_scoring_is_measured_at_each_size(place: Path) -> None:
    found = measured(place, "scoring")
    assert {size: each["views"] for size, each in found.items()} == {"8": 16, "32": 64}
    assert all(is_spread(each["photograph"], rounds=SMOKE.scoring_rounds) for each in found.values())


def test_networks_and_stages_are_measured(place: Path) -> None:
    found = measured(place, "networks")
    assert list(found["networks"]) == ["tf_efficientnet_lite0 128 px fp32", "imprint reader"]
    assert {"decode", "locate", "read imprint", "embed", "score, decide, explain"} <= set(found["stages"])


def test_asking_both_members_always_takes_longer_than_the_fast_one_alone(place: Path) -> None:
    ways = measured(place, "router")["ways"]
    assert ways["both always"]["routes"] == {"ensemble": 1.0}
    assert ways["fast alone"]["routes"] == {"fast": 1.0}
    assert ways["both always"]["mean_cpu_ms"] > ways["fast alone"]["mean_cpu_ms"]


def test_the_page_holds_every_part_measured_so_far_and_its_figures(place: Path) -> None:
    docs = place / "docs"
    results = json.loads((docs / "performance" / "results.json").read_text())
    text = write_page(results, docs=docs).read_text()
    figures = {path.name for path in (docs / "performance").glob("*.svg")}
    assert all(f"](performance/{name})" in text for name in figures)
    assert {"side_by_side.svg", "overhead.svg", "crowd.svg", "scoring.svg", "networks.svg", "router.svg"} <= figures
    assert results["machine"]["commit"] in text
