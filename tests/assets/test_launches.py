"""A run's launch is an entry of the journal before anything of it is done."""

import os
import pwd
from pathlib import Path

import dagster as dg
import pytest

from assets.resources import LAUNCHED_BY, Workspace
from bentos.journal import Journal, Recorded


@dg.op
def first(workspace: Workspace) -> int:
    """What the journal holds when the run's first step begins."""
    return len(launches(workspace))


@dg.op
def second(workspace: Workspace, before: int) -> int:
    return before + len(launches(workspace))


@dg.op
def fails(workspace: Workspace) -> None:
    raise ValueError("no")


@dg.job(executor_def=dg.in_process_executor)
def two_steps() -> None:
    second(first())


@dg.job(executor_def=dg.in_process_executor)
def failing() -> None:
    fails()


def launches(workspace: Workspace) -> list[Recorded]:
    journal = Journal(workspace.settings().journal_url)
    found = journal.entries(action="launch")
    journal.close()
    return found


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(home=str(tmp_path))


def run(job: dg.JobDefinition, workspace: Workspace, **tags: str) -> dg.ExecuteInProcessResult:
    return job.execute_in_process(resources={"workspace": workspace}, tags=tags, raise_on_error=False)


def test_a_launch_is_one_entry_with_who_what_and_when(workspace: Workspace) -> None:
    done = run(two_steps, workspace, **{LAUNCHED_BY: "person:maria", "rxvision/because": "drift"})
    assert done.output_for_node("second") == 2
    (entry,) = launches(workspace)
    assert (entry.actor, entry.outcome, entry.subject_ref) == ("person:maria", "started", "two_steps")
    assert entry.payload.items() >= {
        "job": "two_steps", "run_id": done.run_id, "because": "drift", "os_user": pwd.getpwuid(os.getuid()).pw_name,
    }.items()  # fmt: skip


def test_a_run_that_nobody_signed_for_is_named_by_itself_and_by_what_asked(workspace: Workspace) -> None:
    done = run(two_steps, workspace, **{"dagster/schedule_name": "nightly"})
    (entry,) = launches(workspace)
    assert (entry.actor, entry.payload["asked_by"]) == (f"dagster:{done.run_id}", "nightly")


def test_a_run_that_fails_was_launched_all_the_same(workspace: Workspace) -> None:
    assert not run(failing, workspace).success
    assert [entry.payload["job"] for entry in launches(workspace)] == ["failing"]


def test_where_the_launch_cannot_be_written_nothing_is_done(workspace: Workspace) -> None:
    (workspace.root / "journal.db").write_bytes(b"no database at all, but something else of this length" * 20)
    done = run(two_steps, workspace)
    assert not done.success
    assert not [event for event in done.all_events if event.is_step_start]


def test_a_sensor_launches_nothing(workspace: Workspace) -> None:
    with dg.build_resources({"workspace": workspace}):
        assert launches(workspace) == []
