"""What assets work with: the run's home, progress, records on disk, MLflow tracking and registry."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import dagster as dg

from assets.records import Record
from bentos.settings import Settings

if TYPE_CHECKING:
    from pandas import DataFrame

    from monitoring.promote import ReleaseDesk
    from monitoring.verdict import Verdict

# Which of its two faces MLflow's interface shows an experiment with: training, not chat traces.
_TRAINING_VIEW = {"mlflow.experimentKind": "custom_model_development"}
LAUNCHED_BY = "rxvision/launched_by"
Step = Callable[[int, int | None], None]
Steps = Callable[[str, int, int | None], None]


class Progress(Protocol):
    """Where long work reports how far it is."""

    def stage(self, name: str) -> Step:
        """A callback (done, total) for one stage; total is None where it is not known."""
        ...

    def stages(self, name: str) -> Steps:
        """A callback (part, done, total) for a stage of several parts, each reported by itself."""
        ...


class LogProgress(dg.ConfigurableResource):
    """Progress as lines of the run's log, at most one per stage every `every_s` seconds."""

    every_s: float = 10.0

    def stage(self, name: str) -> Step:
        """A callback that writes `name: done of total`."""
        log, last = logging.getLogger("rxvision.progress"), [0.0]

        def step(done: int, total: int | None) -> None:
            if done == total or time.monotonic() - last[0] >= self.every_s:
                last[0] = time.monotonic()
                log.info("%s: %s of %s", name, done, "?" if total is None else total)

        return step

    def stages(self, name: str) -> Steps:
        """A callback that keeps one `stage` per part."""
        return stage_per_part(self, name)


def stage_per_part(progress: Progress, name: str) -> Steps:
    """A callback (part, done, total) over stages of `progress` that are made as their parts appear."""
    parts: dict[str, Step] = {}

    def step(part: str, done: int, total: int | None) -> None:
        parts.setdefault(part, progress.stage(f"{name}: {part}"))(done, total)

    return step


class Workspace(dg.ConfigurableResource):
    """The home of a run: where everything lies, and what time it is."""

    home: str

    def setup_for_execution(self, context: dg.InitResourceContext) -> None:
        """A run's launch is an entry of the journal before anything of it is done; a sensor has no run."""
        from assets.launches import record_launch

        if context.run is not None:
            record_launch(context.run, desk=self.desk_of(context.run))

    @property
    def root(self) -> Path:
        """The absolute home."""
        return Path(self.home)

    def path(self, relative: str) -> Path:
        """The absolute path of what a record names."""
        return self.root / relative

    def relative(self, path: Path) -> str:
        """How a record names a path below the home."""
        return path.resolve().relative_to(self.root).as_posix()

    def table(self, path: Path | str) -> "DataFrame":
        """Read a Parquet file of the home."""
        import pandas as pd

        return pd.read_parquet(self.root / path)

    def keep_table(self, table: "DataFrame", relative: str) -> str:
        """Write a Parquet file of the home in one step; returns its name."""
        path = self.path(relative)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        table.to_parquet(draft, index=False)
        draft.replace(path)
        return relative

    def settings(self) -> Settings:
        """The serving side's settings for this home: where keys, journal and release lie."""
        return Settings(home=self.root)

    def desk_of(self, run: dg.DagsterRun) -> "ReleaseDesk":
        """The desk of a job: in the name of who launched it where its tags say so, else of the run."""
        return self.desk(actor=run.tags.get(LAUNCHED_BY, f"dagster:{run.run_id}"))

    def proved_desk(self, run: dg.DagsterRun, *, command: str) -> "ReleaseDesk":
        """The desk of a job that changes the release: where tokens are configured, in the name of who shows one.

        It is the token of the run's process, which `rxvision run` has from whoever starts it; a run's tags and
        configuration are anybody's to write, and prove nothing.

        Raises:
            AccessFault: there is none, or it may not; it is journalled.
        """
        from bentos.access.person import prove
        from bentos.access.table import Scope

        launched_by = self.desk_of(run).actor
        named = f"dagster {command}"
        return self.desk(actor=prove(self.settings(), scope=Scope.PROMOTE, command=named, otherwise=launched_by))

    def desk(self, *, actor: str = "dagster") -> "ReleaseDesk":
        """Where releases of this home are changed, in the name of `actor`."""
        from bentos.access.person import beside
        from bentos.privacy.journal_keys import HomeKeys
        from monitoring.promote import ReleaseDesk

        settings = self.settings()
        return ReleaseDesk(home=self.root, release_path=settings.release_path, keys_dir=settings.keys_dir,
                           journal_url=settings.journal_url, actor=actor,
                           rules_path=settings.promotion_rules, journal_keys=HomeKeys(settings),
                           beside=beside(actor))  # fmt: skip

    def verdict(self, relative: str) -> "Verdict":
        """Read a verdict and check its signature."""
        from bentos.signing import read_public_key
        from monitoring.verdict import read_verdict

        return read_verdict(self.path(relative), key=read_public_key(self.settings().public_key_path))

    def now(self) -> str:
        """The time, ISO 8601 in UTC."""
        return datetime.now(UTC).isoformat(timespec="seconds")


class NotMadeError(Exception):
    """An asset's record is asked for that no run has written; materialise that asset first."""


class JsonRecords(dg.ConfigurableIOManager):
    """Keeps each asset's record as JSON under the home; nothing is pickled."""

    home: str

    def handle_output(self, context: dg.OutputContext, obj: Record) -> None:
        """Write the record in place of the asset's last one, in one step."""
        path = self._path(context.asset_key)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{context.run_id}")
        draft.write_text(obj.model_dump_json(indent=1) + "\n")
        draft.replace(path)

    def load_input(self, context: dg.InputContext) -> Record:
        """Read the record as the type that the asset asks for.

        Raises:
            NotMadeError: the asset was never materialised in this home.
        """
        path = self._path(context.asset_key)
        if not path.is_file():
            raise NotMadeError(f"{context.asset_key.to_user_string()} was never materialised in {self.home}")
        return context.dagster_type.typing_type.model_validate_json(path.read_bytes())

    def _path(self, key: dg.AssetKey) -> Path:
        return Path(self.home) / "records" / f"{key.to_user_string()}.json"


class MlflowTracker(dg.ConfigurableResource):
    """MLflow runs that end as their Dagster step ends: FINISHED, or FAILED where it raised."""

    tracking_uri: str
    artifact_root: str
    experiment: str = "rxvision"

    @contextmanager
    def run(self, context: dg.AssetExecutionContext, name: str, *, tags: Mapping[str, str] | None = None) -> Iterator:
        """An MLflow run for the body of a `with`; nested where the job already holds one. Yields `mlflow`."""
        import mlflow

        experiment_id = self.experiment_id()
        found = {"dagster_run_id": context.run.run_id, "dagster_asset": name, **(tags or {})}
        with mlflow.start_run(experiment_id=experiment_id, run_name=name, nested=True, tags=found) as run:
            context.add_output_metadata({"mlflow_run_id": run.info.run_id})
            yield mlflow

    def experiment_id(self) -> str:
        """The experiment, made with its artefacts below the home (the default is the working directory)."""
        import mlflow

        mlflow.set_tracking_uri(self.tracking_uri)
        found = mlflow.get_experiment_by_name(self.experiment)
        if found is not None:
            return found.experiment_id
        return mlflow.create_experiment(self.experiment, artifact_location=self.artifact_root, tags=_TRAINING_VIEW)

    def end_left_open(self, dagster_run_id: str, *, status: str) -> int:
        """End the MLflow runs of a Dagster run that died (`FAILED`, `KILLED`); returns how many there were."""
        from mlflow.entities import ViewType

        left = self._client().search_runs(
            [self.experiment_id()],
            filter_string=f"tags.dagster_run_id = '{dagster_run_id}' and attributes.status = 'RUNNING'",
            run_view_type=ViewType.ACTIVE_ONLY,
        )
        for run in left:
            self._client().set_terminated(run.info.run_id, status=status)
        return len(left)

    def _client(self) -> Any:
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.tracking_uri, registry_uri=self.tracking_uri)


@dg.resource(
    config_schema={"tracking_uri": str, "artifact_root": str, "experiment": str},
    description="dagster-mlflow's run over a whole job; its experiment is made first, with artefacts below the home.",
)
def job_mlflow(context: dg.InitResourceContext) -> Iterator:
    """`dagster_mlflow.mlflow_tracking`, for in-process jobs that carry `end_mlflow_on_run_finished`."""
    from dagster_mlflow import mlflow_tracking

    config = context.resource_config
    MlflowTracker(**config).experiment_id()
    inner = {"experiment_name": config["experiment"], "mlflow_tracking_uri": config["tracking_uri"]}
    yield from mlflow_tracking.resource_fn(context.replace_config({**inner, "env": {}, "extra_tags": {}}))
