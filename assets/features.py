"""Assets of the group features: the data set with its splits, and reference features in the feature store."""

import dagster as dg

from assets.configs import SplitConfig
from assets.ingest import OWNERS
from assets.records import Dataset, Manifest, ReferenceFeatures, table_fingerprint
from assets.resources import Workspace


@dg.asset(group_name="features", owners=OWNERS, kinds={"parquet"})
def dataset(
    context: dg.AssetExecutionContext, config: SplitConfig, photographs: Manifest, workspace: Workspace
) -> Dataset:
    """The manifest with a split per photograph; a tenth of the appearances is kept out of all training."""
    from assets.describe import describe_dataset
    from data.splits import assign_splits

    rows = assign_splits(workspace.table(photographs.path), **config.model_dump())
    path = workspace.keep_table(rows, "manifest/dataset.parquet")
    context.add_output_metadata(describe_dataset(rows, home=workspace.root))
    columns = ["photo_id", "medication_id", "appearance_id", "side", "appearance_role", "split"]
    return Dataset(fingerprint=table_fingerprint(rows, columns=columns), path=path)


@dg.asset(group_name="features", owners=OWNERS, kinds={"feast"})
def reference_features(context: dg.AssetExecutionContext, dataset: Dataset, workspace: Workspace) -> ReferenceFeatures:
    """What each medication looks like in numbers, kept in Feast and drawn from it as of the data set's time."""
    from assets.describe import describe_features
    from feature_repo.history import store_and_draw

    drawn = store_and_draw(workspace.table(dataset.path), home=workspace.root, key=dataset.fingerprint)
    context.add_output_metadata(describe_features(drawn.rows))
    return ReferenceFeatures(
        fingerprint=dataset.fingerprint, path=workspace.relative(drawn.path), num_medications=len(drawn.rows)
    )
