"""Goals are held against what was measured, and a missed one says so."""

from benchmarks.goals import goal_rows, goals
from benchmarks.servers import GRPC, REST
from benchmarks.spread import spread


def systems(*, ours_s: float) -> dict:
    def one(cpu_s: float) -> dict:
        return {"cpu_s_per_answer": spread([cpu_s]), "answers_per_s": spread([1 / cpu_s])}

    return {"bare loops": one(0.1), "bare loop, alone": one(0.1), REST: one(ours_s), GRPC: one(ours_s),
            "FastAPI": one(0.11)}  # fmt: skip


def test_the_service_may_use_a_little_more_than_the_bare_loop_and_no_more() -> None:
    for ours_s, met in ((0.117, True), (0.119, False)):
        found = list(goals({"side_by_side": {"systems": systems(ours_s=ours_s)}}))
        assert {goal.met for goal in found if "over the bare" in goal.words} == {met}


def test_it_is_to_be_ahead_of_the_others() -> None:
    found = {goal.words: goal.met for goal in goals({"side_by_side": {"systems": systems(ours_s=0.105)}})}
    assert found[f"{REST}: answers a second over FastAPI's"]


def test_a_missed_goal_is_marked_and_so_is_a_machine_that_others_used() -> None:
    started = {"found": {"ready_s": spread([9.0]), "resident_mib": [100.0]}}
    alone, shared = (goal_rows({"starting": started | {"others_cores": cores}}) for cores in (0.0, 1.5))
    assert "**missed** |" in alone
    assert "**missed**, machine shared |" in shared
    assert "met, machine shared" not in shared  # memory does not go by the clock


def test_parts_that_were_not_measured_have_no_goals() -> None:
    assert "start" not in goal_rows({})
