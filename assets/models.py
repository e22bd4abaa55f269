"""Assets of the group models: the two networks, the recogniser they are joined into, and its gallery."""

import dagster as dg

from assets.configs import MemberConfig, RecogniserConfig
from assets.ingest import OWNERS
from assets.records import Catalogue, Dataset, MadeGallery, MadeRecogniser, Member, ReferenceFeatures
from assets.registry import Registry
from assets.resources import MlflowTracker, Progress, Workspace
from bentos.runtime.contract import MemberName


def member_asset(member: MemberName, *, description: str) -> dg.AssetsDefinition:
    """The asset `<member>_member`; the two differ in their network, which is configuration, and in nothing else."""

    @dg.asset(
        name=f"{member}_member", group_name="models", owners=OWNERS, kinds={"pytorch", "onnx"}, description=description
    )
    def train(
        context: dg.AssetExecutionContext,
        config: MemberConfig,
        catalogue: Catalogue,
        dataset: Dataset,
        workspace: Workspace,
        tracker: MlflowTracker,
        progress: dg.ResourceParam[Progress],
    ) -> Member:
        from assets.assembly import trained
        from assets.describe import describe_member
        from assets.following import Following

        with tracker.run(context, f"{member}_member", tags={"dataset": dataset.fingerprint}) as mlflow:
            follow = Following(context, mlflow, progress, member)
            made = trained(member, config, catalogue, dataset, workspace, follow)
            mlflow.log_params({**config.model_dump(mode="json"), "member": made.directory.name})
            mlflow.log_metrics(made.figures)
        context.add_output_metadata(describe_member(made))
        return Member(name=member, fingerprint=made.directory.name, profile=config.profile.value,
                        directory=workspace.relative(made.directory), metrics=made.figures)  # fmt: skip

    return train


fast_member = member_asset("fast", description="A small network that answers most photographs alone.")
accurate_member = member_asset("accurate", description="The stronger network, asked where the fast one is unsure.")


@dg.asset(group_name="models", owners=OWNERS, kinds={"onnx", "mlflow"})
def recogniser(
    context: dg.AssetExecutionContext,
    config: RecogniserConfig,
    catalogue: Catalogue,
    dataset: Dataset,
    reference_features: ReferenceFeatures,
    fast_member: Member,
    accurate_member: Member,
    workspace: Workspace,
    tracker: MlflowTracker,
    registry: Registry,
    progress: dg.ResourceParam[Progress],
) -> MadeRecogniser:
    """Both networks with fusion, router, uncertainty and thresholds fitted: a directory that can be shipped."""
    from assets.assembly import assembled
    from assets.describe import describe_recogniser

    members = config.chosen({"fast": fast_member, "accurate": accurate_member})
    with tracker.run(context, "recogniser", tags={"dataset": dataset.fingerprint}) as mlflow:
        directory, spec, digest = assembled(
            members, config, catalogue, dataset, reference_features, workspace, progress
        )
        mlflow.log_params({**config.calibration().model_dump(), **spec.training_facts, "recogniser": digest})
        version = registry.register(directory, digest=digest, run_id=mlflow.active_run().info.run_id)
    context.add_output_metadata(describe_recogniser(spec, digest=digest, version=version))
    return MadeRecogniser(digest=digest, directory=workspace.relative(directory), version=version)


@dg.asset(group_name="models", owners=OWNERS, kinds={"numpy"})
def gallery(
    context: dg.AssetExecutionContext,
    catalogue: Catalogue,
    dataset: Dataset,
    recogniser: MadeRecogniser,
    workspace: Workspace,
    progress: dg.ResourceParam[Progress],
) -> MadeGallery:
    """The medications that can be answered: prototypes and features of their reference pictures, with provenance."""
    from assets.assembly import enrolled
    from assets.describe import describe_gallery

    directory, spec, digest = enrolled(workspace.path(recogniser.directory), catalogue, dataset, workspace, progress)
    context.add_output_metadata(describe_gallery(spec, digest=digest))
    return MadeGallery(digest=digest, directory=workspace.relative(directory), recogniser=spec.recogniser)
