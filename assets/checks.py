"""Blocking checks: what they refuse keeps everything downstream of the same run from starting.

They are the display; the lock is in the functions (promotion demands its verdict, loading demands its digests).
"""

import dagster as dg

from assets.records import Catalogue, MadeGallery, MadeRecogniser, MadeVerdict, Manifest, Member
from assets.resources import Workspace

PARITY_MEANING = "torch and ONNX Runtime give the same embedding for the same crops"


@dg.asset_check(asset="catalogue", blocking=True, description="Great Expectations over the medications.")
def catalogue_expectations(catalogue: Catalogue) -> dg.AssetCheckResult:
    """Refuses a catalogue with gaps, duplicates or words outside the SPL vocabulary."""
    from assets.describe import describe_expectations
    from monitoring.expectations import validate_catalogue

    report = validate_catalogue(list(catalogue.medications))
    return dg.AssetCheckResult(passed=report.passed, metadata=describe_expectations(report))


@dg.asset_check(asset="photographs", blocking=True, description="Great Expectations over the manifest.")
def manifest_expectations(photographs: Manifest, workspace: Workspace) -> dg.AssetCheckResult:
    """Refuses a manifest with unlabelled, unhashed, undersized or implausible photographs."""
    from assets.describe import describe_expectations
    from monitoring.expectations import validate_manifest

    report = validate_manifest(workspace.table(photographs.path))
    return dg.AssetCheckResult(passed=report.passed, metadata=describe_expectations(report))


def parity_check(member: str) -> dg.AssetChecksDefinition:
    """The check `<member>_parity`; the export itself refuses to write what fails it."""

    @dg.asset_check(asset=f"{member}_member", name=f"{member}_parity", blocking=True, description=PARITY_MEANING)
    def parity(made: Member, workspace: Workspace) -> dg.AssetCheckResult:
        from assets.describe import describe_parity
        from training.member import read_made

        found = read_made(workspace.path(made.directory))
        return dg.AssetCheckResult(passed=found.parity_holds, metadata=describe_parity(found.parity))

    return parity


fast_parity = parity_check("fast")
accurate_parity = parity_check("accurate")


@dg.asset_check(asset="recogniser", blocking=True, description="Every file is what its digest says; networks open.")
def recogniser_loads(recogniser: MadeRecogniser, workspace: Workspace) -> dg.AssetCheckResult:
    """Refuses a recogniser that the service would refuse."""
    from bentos.runtime.recogniser import Recogniser

    loaded = Recogniser.load(workspace.path(recogniser.directory))
    return dg.AssetCheckResult(passed=loaded.digest == recogniser.digest, metadata={"digest": loaded.digest})


@dg.asset_check(
    asset="gallery",
    additional_ins={"recogniser": dg.AssetIn("recogniser")},
    blocking=True,
    description="Self-retrieval, twins and facts of the gallery.",
)
def gallery_gate(gallery: MadeGallery, recogniser: MadeRecogniser, workspace: Workspace) -> dg.AssetCheckResult:
    """Refuses a gallery that does not find its own pictures, or that another recogniser made."""
    from assets.describe import describe_judgement
    from monitoring.gallery_gate import judge_gallery

    found = judge_gallery(workspace.path(gallery.directory), recogniser=workspace.path(recogniser.directory))
    return dg.AssetCheckResult(passed=found.passed, metadata=describe_judgement(found))


@dg.asset_check(asset="verdict", blocking=True, description="Every gate of the policy, against floors and champion.")
def gates(verdict: MadeVerdict, workspace: Workspace) -> dg.AssetCheckResult:
    """Refuses a candidate that failed a gate."""
    from assets.describe import describe_gates

    found = workspace.verdict(verdict.path)
    return dg.AssetCheckResult(passed=found.passed, metadata=describe_gates(found))
