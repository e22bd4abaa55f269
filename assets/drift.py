"""Asset of the group drift: is what the service is asked still what it was judged on?"""

from datetime import datetime, timedelta

import dagster as dg

from assets.configs import DriftConfig
from assets.ingest import OWNERS
from assets.records import Dataset, MadeDrift
from assets.resources import Workspace


@dg.asset(group_name="drift", owners=OWNERS, kinds={"evidently"})
def drift(context: dg.AssetExecutionContext, config: DriftConfig, dataset: Dataset, workspace: Workspace) -> MadeDrift:
    """A window of the journal's predictions against the evaluation of the champion."""
    from assets.assembly import window_compared
    from assets.describe import describe_drift

    now = workspace.now()
    since = datetime.fromisoformat(now) - timedelta(hours=config.window_hours)
    found, directory = window_compared(since, now, config, dataset, workspace)
    context.add_output_metadata(describe_drift(found))
    return MadeDrift(directory=workspace.relative(directory), breached=found.breached, num_rows=found.num_rows)
