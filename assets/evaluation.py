"""Assets of the group evaluation: how good the candidate is on held-out photographs, and the signed verdict."""

import dagster as dg

from assets.configs import EvaluationConfig
from assets.ingest import OWNERS
from assets.records import Catalogue, Dataset, MadeEvaluation, MadeGallery, MadeRecogniser, MadeVerdict
from assets.registry import Registry
from assets.resources import LAUNCHED_BY, MlflowTracker, Progress, Workspace


@dg.asset(group_name="evaluation", owners=OWNERS, kinds={"onnxruntime"})
def evaluation(
    context: dg.AssetExecutionContext,
    config: EvaluationConfig,
    dataset: Dataset,
    recogniser: MadeRecogniser,
    gallery: MadeGallery,
    workspace: Workspace,
    tracker: MlflowTracker,
    progress: dg.ResourceParam[Progress],
) -> MadeEvaluation:
    """Held-out photographs asked every question through the runtime that ships; one record per photograph."""
    from assets.assembly import judged
    from assets.describe import describe_evaluation, headline
    from monitoring.evaluate import evaluation_digest
    from monitoring.judging import read_evaluation

    pair = (workspace.path(recogniser.directory), workspace.path(gallery.directory))
    with tracker.run(context, "evaluation", tags={"recogniser": recogniser.digest}) as mlflow:
        directory = judged(*pair, config, dataset, workspace, progress)
        measured = read_evaluation(directory)
        mlflow.log_metrics(headline(measured))
        mlflow.log_artifacts(str(directory), artifact_path="evaluation")
    context.add_output_metadata(describe_evaluation(measured, directory=directory))
    return MadeEvaluation(
        digest=evaluation_digest(measured), directory=workspace.relative(directory), **config.model_dump()
    )


@dg.asset(group_name="evaluation", owners=OWNERS, kinds={"ed25519"})
def verdict(
    context: dg.AssetExecutionContext,
    catalogue: Catalogue,
    dataset: Dataset,
    recogniser: MadeRecogniser,
    gallery: MadeGallery,
    evaluation: MadeEvaluation,
    workspace: Workspace,
    registry: Registry,
    progress: dg.ResourceParam[Progress],
) -> MadeVerdict:
    """Every gate held against floors and champion, the report for a person, and a signature over the outcome."""
    from assets.assembly import champion_judged, reached
    from assets.describe import describe_gates
    from monitoring.promote import record_verdict

    champion = champion_judged(evaluation, catalogue, dataset, workspace, progress)
    bundle = (workspace.path(recogniser.directory), workspace.path(gallery.directory))
    found, path = reached(evaluation, champion, dataset, bundle, workspace, context.run.tags.get(LAUNCHED_BY))
    record_verdict(workspace.desk_of(context.run), found, version=recogniser.version)
    registry.tag(recogniser.version, gates="passed" if found.passed else "failed", evaluation=found.evaluation)
    registry.follow(candidate=recogniser.version if found.passed else None)
    context.add_output_metadata(describe_gates(found, report=workspace.path(evaluation.directory) / "report.html"))
    return MadeVerdict(path=workspace.relative(path), passed=found.passed)
