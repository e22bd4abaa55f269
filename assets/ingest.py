"""Assets of the group ingest: which medications there are, and every photograph of them that can be used."""

import dagster as dg

from assets.configs import CatalogueConfig, PhotographsConfig
from assets.records import Catalogue, Manifest, fingerprint, table_fingerprint
from assets.resources import Progress, Workspace

OWNERS = ["team:data-science"]


@dg.asset(group_name="ingest", owners=OWNERS, kinds={"pydantic"})
def catalogue(context: dg.AssetExecutionContext, config: CatalogueConfig) -> Catalogue:
    """The medications to be recognised, each checked against the FDA's SPL vocabulary and its NDC's form."""
    from assets.describe import describe_catalogue

    medications = tuple(config.read())
    context.add_output_metadata(describe_catalogue(medications))
    return Catalogue(
        fingerprint=fingerprint(medications=[medication.model_dump() for medication in medications]),
        medications=medications,
    )


@dg.asset(group_name="ingest", owners=OWNERS, kinds={"parquet"})
def photographs(
    context: dg.AssetExecutionContext,
    config: PhotographsConfig,
    catalogue: Catalogue,
    workspace: Workspace,
    progress: dg.ResourceParam[Progress],
) -> Manifest:
    """The content-hashed manifest of all usable photographs: decoded, measured, duplicates marked, EXIF dropped."""
    from assets.describe import describe_ingest
    from data.ingest import ingest

    medications = list(catalogue.medications)
    report = ingest(config.sources(medications), medications=medications, home=workspace.root, now=workspace.now(),
                    workers=config.workers, on_progress=progress.stages("photographs"))  # fmt: skip
    photos = workspace.table(report.manifest)
    context.add_output_metadata(describe_ingest(report, photos, home=workspace.root))
    return Manifest(
        fingerprint=table_fingerprint(photos, columns=["photo_id", "name", "source", "medication_id", "side"]),
        path=workspace.relative(report.manifest),
        num_photos=len(photos),
    )
