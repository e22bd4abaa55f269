"""What a run ends with: bundle, metrics, gates and addresses in one table."""

from pathlib import Path

from rich.table import Table

from assets.describe import headline
from assets.records import MadeBento, MadeEvaluation, MadeGallery, MadeRecogniser, MadeRelease, MadeVerdict, Record
from assets.resources import Workspace
from bentos.settings import Settings
from pipelines.environments import Environment


def summary_table(environment: Environment, *, serving: bool) -> Table:
    """The outcome of the last run of a home; `serving` says whether the addresses answer now."""
    from monitoring.judging import REPORT_FILE, read_evaluation

    workspace = Workspace(home=str(environment.root))
    recogniser = _record(workspace, "recogniser", MadeRecogniser)
    gallery = _record(workspace, "gallery", MadeGallery)
    evaluation = workspace.path(_record(workspace, "evaluation", MadeEvaluation).directory)
    verdict = workspace.verdict(_record(workspace, "verdict", MadeVerdict).path)
    release = _record(workspace, "release", MadeRelease)
    measured, gates = read_evaluation(evaluation), verdict.gates.gates
    table = Table(title="RxVision", show_header=False, title_justify="left", expand=False)
    table.add_row("recogniser", f"{workspace.path(recogniser.directory)} (version {release.version})")
    table.add_row("gallery", str(workspace.path(gallery.directory)))
    table.add_row("bento", _record(workspace, "bento", MadeBento).tag)
    for name, value in headline(measured).items():
        table.add_row(name.replace("_", " "), f"{value:.3f}")
    table.add_row("gates", f"{sum(gate.passed for gate in gates)} of {len(gates)} passed")
    table.add_row("report", str(evaluation / REPORT_FILE))
    for name, address in addresses(environment, serving=serving).items():
        table.add_row(name, address)
    return table


def addresses(environment: Environment, *, serving: bool) -> dict[str, str]:
    """Where the interfaces and the service answer, or the command that starts them."""
    settings = Settings()
    pages = {
        "Dagster UI": (f"http://{environment.host}:{environment.dagster_port}", "make ui"),
        "MLflow": (f"http://{environment.host}:{environment.mlflow_port}", "make ui"),
        "service": (settings.base_url, "make serve"),
    }
    return {name: page + ("" if serving else f" after `{command}`") for name, (page, command) in pages.items()}


def _record(workspace: Workspace, asset: str, kind: type[Record]) -> Record:
    return kind.model_validate_json(Path(workspace.path(f"records/{asset}.json")).read_bytes())
