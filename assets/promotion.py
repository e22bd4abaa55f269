"""Assets of the group promotion: the signed release that services follow, and the Bento built from it."""

import dagster as dg

from assets.ingest import OWNERS
from assets.records import MadeBento, MadeGallery, MadeRecogniser, MadeRelease, MadeVerdict
from assets.registry import Registry
from assets.resources import Workspace


@dg.asset(group_name="promotion", owners=OWNERS, kinds={"ed25519", "mlflow"})
def release(
    context: dg.AssetExecutionContext,
    recogniser: MadeRecogniser,
    gallery: MadeGallery,
    verdict: MadeVerdict,
    workspace: Workspace,
    registry: Registry,
) -> MadeRelease:
    """The candidate put in force. Without a passing verdict about exactly this recogniser it is refused.

    Where tokens are configured, the run's process needs one that may promote.
    """
    from assets.describe import describe_release
    from monitoring.promote import promote

    spec = promote(
        workspace.proved_desk(context.run, command="promote"), recogniser=workspace.path(recogniser.directory),
        gallery=workspace.path(gallery.directory), verdict=workspace.path(verdict.path), version=recogniser.version,
        now=workspace.now(),
    )  # fmt: skip
    registry.follow_release(spec)
    context.add_output_metadata(describe_release(spec, path=workspace.settings().release_path))
    return MadeRelease.of(spec, path=workspace.relative(workspace.settings().release_path))


@dg.asset(group_name="promotion", owners=OWNERS, kinds={"bentoml"})
def bento(context: dg.AssetExecutionContext, release: MadeRelease, workspace: Workspace) -> MadeBento:
    """Serving code and the champion as a fallback bundle, packed to be shipped."""
    from assets.assembly import packed

    tag = packed(release, workspace)
    context.add_output_metadata({"tag": tag, "release": release.fingerprint})
    return MadeBento(tag=tag)
