"""The whole line on one command: ingest, retrain, promote as three Dagster runs, with bars, on one home."""

import fcntl
import getpass
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from assets.describe import WHY
from assets.resources import LAUNCHED_BY, Step, Steps, stage_per_part
from pipelines.definitions import build_definitions
from pipelines.environments import Environment, prepare
from pipelines.sensors import record_failure

if TYPE_CHECKING:
    from assets.resources import MlflowTracker

LINE = ("ingest", "retrain", "promote")
PID_TAG = "rxvision/pid"
LOG_FILE = "run.log"
_LOGGER = "line"
_CHECKED = dg.DagsterEventType.ASSET_CHECK_EVALUATION


class LineError(Exception):
    """The line stopped: which job, at which step, and why."""


class Bars:
    """Progress as rich bars: one per stage, with elapsed and remaining time."""

    def __init__(self, console: Console) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description:<34}"), BarColumn(bar_width=24), MofNCompleteColumn(),
                   TimeElapsedColumn(), TimeRemainingColumn())  # fmt: skip
        self.display = Progress(*columns, console=console)

    def stage(self, name: str) -> Step:
        """A bar that appears with its first report; one whose total is not known ends when the next one begins."""
        tasks: list[TaskID] = []

        def step(done: int, total: int | None) -> None:
            if not tasks:
                self.settle()
                tasks.append(self.display.add_task(name, total=total or None))
            self.display.update(tasks[0], completed=done, total=total or None)

        return step

    def settle(self) -> None:
        """End every bar whose total was never known at what it reached."""
        for task in self.display.tasks:
            if task.total is None:
                self.display.update(task.id, total=task.completed)

    def stages(self, name: str) -> Steps:
        """One bar per part of a stage."""
        return stage_per_part(self, name)

    def says(self, step: str) -> None:
        """A line above the bars: which step began."""
        self.display.console.print(step, highlight=False)


class _StepsBegun(logging.Handler):
    """Says every step that starts."""

    def __init__(self, bars: Bars) -> None:
        super().__init__(logging.DEBUG)
        self._bars = bars

    def emit(self, record: logging.LogRecord) -> None:
        """Dagster hangs its event on the record."""
        event = getattr(record, "dagster_event", None)
        if event is not None and event.event_type == dg.DagsterEventType.STEP_START:
            self._bars.says(f"[dim]{event.step_key}[/dim]")


def _line_logger(bars: Bars) -> dg.LoggerDefinition:
    """Dagster's log of a run: step starts on the screen, everything in the log file."""

    @dg.logger(config_schema={})
    def to_bars_and_file(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("rxvision.line", logging.DEBUG)
        for handler in (_StepsBegun(bars), *logging.getLogger().handlers):
            logger.addHandler(handler)
        return logger

    return to_bars_and_file


def run_line(environment: Environment, *, console: Console, ops: Mapping[str, Any] | None = None) -> None:
    """Run the jobs of the line one after the other; what was made from the same inputs before is found again.

    `ops` is configuration as in the Launchpad, asset -> {"config": ...}.

    Raises:
        LineError: a job failed, or another run works on this home.
    """
    prepare(environment)
    bars = Bars(console)
    with _alone(environment.root), _logging_to(environment.root / LOG_FILE), bars.display:
        definitions = build_definitions(environment, progress=bars, loggers={_LOGGER: _line_logger(bars)})
        with dg.DagsterInstance.get() as instance:
            _fail_dead_runs(instance, definitions)
            for name in LINE:
                _run_job(name, definitions, instance, bars=bars, ops=ops or {})


def _run_job(
    name: str, definitions: dg.Definitions, instance: dg.DagsterInstance, *, bars: Bars, ops: Mapping[str, Any]
) -> None:
    job = definitions.resolve_job_def(name)
    mine = {node.name: ops[node.name] for node in job.nodes if node.name in ops}
    result = job.execute_in_process(
        instance=instance,
        raise_on_error=False,
        tags={PID_TAG: str(os.getpid()), LAUNCHED_BY: f"person:{getpass.getuser()}"},
        run_config={"loggers": {_LOGGER: {}}, "ops": mine},
    )
    if result.success:
        bars.settle()
        bars.says(f"[green]✓[/green] {name}")
        return
    why = reasons(result)
    resources = definitions.resources or {}
    record_failure(result.dagster_run, why, workspace=resources["workspace"], tracker=resources["tracker"])
    raise LineError(f"{name} failed at {why}")


def reasons(result: dg.ExecuteInProcessResult) -> str:
    """The checks that refused, with their reasons; else the failed steps with their innermost errors."""
    checks = [e.event_specific_data for e in result.all_events if e.event_type == _CHECKED]
    refused = [_refusal(check) for check in checks if not check.passed]
    steps = [f"{event.step_key}: {_innermost(event)}" for event in result.all_events if event.is_step_failure]
    return "; ".join(refused or steps) or "an unnamed step"


def _refusal(check: dg.AssetCheckEvaluation) -> str:
    asset, why = check.asset_key.to_user_string(), check.metadata.get(WHY)
    return f"check {check.check_name} of {asset}" + (f": {why.value}" if why else "")


def _innermost(event: dg.DagsterEvent) -> str:
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    if error is None:
        return "no error was recorded"
    interrupted = error.cls_name == dg.DagsterExecutionInterruptedError.__name__
    return "interrupted; started again, it goes on from there" if interrupted else error.message.strip()


def clear_up(environment: Environment) -> None:
    """Show as failed what a killed process left unfinished."""
    with dg.DagsterInstance.get() as instance:
        _fail_dead_runs(instance, build_definitions(environment))


def _fail_dead_runs(instance: dg.DagsterInstance, definitions: dg.Definitions) -> None:
    """Runs of processes that were killed are failed, and so are their MLflow runs."""
    unfinished = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING]
    tracker: MlflowTracker = (definitions.resources or {})["tracker"]
    for run in instance.get_runs(dg.RunsFilter(statuses=unfinished)):
        if PID_TAG in run.tags and not _alive(int(run.tags[PID_TAG])):
            instance.report_run_failed(run, "its process was killed")
            tracker.end_left_open(run.run_id, status="KILLED")


def _alive(pid: int) -> bool:
    return pid == os.getpid() or Path(f"/proc/{pid}").exists()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Holds the home's lock; the kernel frees it when the process ends, however it ends."""
    with (home / "run.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LineError(f"another run works on {home}") from error
        yield


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    """Python logging and warnings go to a file, so that the bars stay readable."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    previous, root.handlers = root.handlers, [handler]
    logging.captureWarnings(True)
    try:
        yield
    finally:
        root.handlers = previous
        logging.captureWarnings(False)
        handler.close()
