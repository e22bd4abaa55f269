"""Feast definitions: what the reference pictures of a medication look like in numbers, and its catalogue facts."""

from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Array, Float32, Int64, String

VIEW = "medication_reference"
SERVICE = "recogniser_v1"
# Looks of a medication change by lots and years; what has no picture of the last ten years is no reference.
_TIME_TO_LIVE = timedelta(days=3650)


def definitions(parquet: str) -> tuple[Entity, FileSource, FeatureView, FeatureService]:
    """Entity, offline source, view and service over the Parquet file of reference rows."""
    entity = Entity(name="medication", join_keys=["medication_id"], value_type=ValueType.STRING)
    source = FileSource(
        name="reference_rows",
        path=parquet,
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
    )
    view = FeatureView(
        name=VIEW,
        entities=[entity],
        ttl=_TIME_TO_LIVE,
        schema=[
            Field(name="shape_ratio", dtype=Float32),
            Field(name="color_histogram", dtype=Array(Float32)),
            Field(name="texture_features", dtype=Array(Float32)),
            Field(name="size_mm", dtype=Float32),
            Field(name="colors", dtype=String),
            Field(name="num_colors", dtype=Int64),
            Field(name="shape", dtype=String),
            Field(name="num_views", dtype=Int64),
        ],
        source=source,
    )
    return entity, source, view, FeatureService(name=SERVICE, features=[view])


medication, reference_source, medication_reference, recogniser_v1 = definitions(
    str(Path(__file__).resolve().parent.parent / "var" / "feast" / "reference.parquet")
)
