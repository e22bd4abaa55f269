"""Schedules: when jobs start by themselves."""

import dagster as dg

from pipelines.jobs import drift_report, enforce_retention, ingest

nightly_drift = dg.ScheduleDefinition(
    name="nightly_drift",
    job=drift_report,
    cron_schedule="0 3 * * *",
    description="Every night the last day's predictions are held against the reference.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
nightly_ingest = dg.ScheduleDefinition(
    name="nightly_ingest",
    job=ingest,
    cron_schedule="0 2 * * *",
    description="Reads what is new in every source; switch on where photographs keep arriving.",
    default_status=dg.DefaultScheduleStatus.STOPPED,
)
nightly_retention = dg.ScheduleDefinition(
    name="nightly_retention",
    job=enforce_retention,
    cron_schedule="0 4 * * *",
    description="Every night what is past its period is deleted, with a report and an entry of the journal.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
SCHEDULES = (nightly_drift, nightly_ingest, nightly_retention)
