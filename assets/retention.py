"""Asset of the group privacy: what is past its period is deleted, and the report says how much that was."""

from datetime import datetime

import dagster as dg

from assets.ingest import OWNERS
from assets.records import Record
from assets.resources import Workspace
from bentos.privacy.retention import RetentionReport


class MadeRetention(Record):
    """Where the report of one enforcement is, and how many things were deleted."""

    path: str
    num_deleted: int


@dg.asset(group_name="privacy", owners=OWNERS, kinds={"sqlalchemy"})
def retention(context: dg.AssetExecutionContext, workspace: Workspace) -> MadeRetention:
    """Delete pictures, subjects, batches, drift reports and logs that are past their period, and journal it."""
    from bentos.privacy.retention import enforced_in

    report = enforced_in(
        workspace.settings(), actor=f"dagster:{context.run.run_id}", now=datetime.fromisoformat(workspace.now())
    )
    path = workspace.path(f"retention/{report.at:%Y%m%dT%H%M%S}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(report.model_dump_json(indent=1) + "\n")
    context.add_output_metadata({"report": dg.MetadataValue.md(as_table(report))})
    return MadeRetention(path=workspace.relative(path), num_deleted=sum(row.num_deleted for row in report.classes))


def as_table(report: RetentionReport) -> str:
    """The report in Markdown."""
    rows = [f"| {row.name} | {row.period} | {row.num_deleted} | {row.num_kept} |" for row in report.classes]
    return "\n".join(["| class | kept for | deleted | left |", "|---|---|---|---|", *rows])
