"""Great Expectations refuse what must not reach training, and say what broke them."""

import pandas as pd
import pytest

from data.catalogue.formulary import read_formulary
from monitoring.expectations import ExpectationReport, validate_catalogue, validate_manifest, validate_references
from tests import builders


def manifest(**overrides) -> pd.DataFrame:
    """Twenty plausible rows: ten medications, one reference and one consumer photograph each."""
    rows = [
        {
            "photo_id": f"{i:064x}", "name": f"photo{i}", "source": "rendered", "medication_id": f"m{i // 2}",
            "appearance_id": f"a{i // 2}", "group": f"g{i}", "path": f"photos/{i}.jpg",
            "role": "reference" if i % 2 else "consumer", "side": "front", "width": 224, "height": 224,
            "pill_found": True, "stat_brightness": 0.6, "stat_contrast": 0.1, "stat_saturation": 0.2,
            "stat_clipped": 0.0, "stat_pill_share": 0.4, "stat_sharpness": 12.0, "stat_elongation": 1.4,
        }
        for i in range(20)
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(**overrides)


def broken(report: ExpectationReport) -> set[str]:
    return {failure["column"] for failure in report.failures}


def test_the_built_in_formulary_meets_its_expectations() -> None:
    report = validate_catalogue(read_formulary())
    assert report.passed, report.failures
    assert report.num_rows >= 64


def test_a_catalogue_with_a_repeated_key_and_a_giant_is_refused() -> None:
    rows = [builders.medication(1), builders.medication(1), builders.medication(2, size_mm=45.0)]
    report = validate_catalogue(rows)
    assert not report.passed
    assert broken(report) >= {"medication_id", "size_mm"}
    assert "00001-0001-01.1" in next(f for f in report.failures if f["column"] == "medication_id")["examples"]


def test_a_plausible_manifest_passes() -> None:
    report = validate_manifest(manifest(), medication_ids={f"m{i}" for i in range(10)})
    assert report.passed, report.failures
    assert report.num_evaluated > 15


@pytest.mark.parametrize(
    ("column", "value"),
    [("photo_id", "deadbeef"), ("medication_id", None), ("role", "selfie"), ("width", 8), ("stat_brightness", 1.7),
     ("name", "same"), ("pill_found", False), ("medication_id", "stranger")],
)  # fmt: skip
def test_a_manifest_with_a_broken_column_is_refused_by_name(column: str, value: object) -> None:
    report = validate_manifest(manifest(**{column: value}), medication_ids={f"m{i}" for i in range(10)})
    assert not report.passed
    assert any(column in name for name in broken(report))


def test_a_missing_column_fails_instead_of_passing_silently() -> None:
    report = validate_manifest(manifest().drop(columns="stat_clipped"))
    assert "stat_clipped" in broken(report)
    assert all(failure["examples"] for failure in report.failures)


def test_a_medication_without_a_reference_picture_is_found() -> None:
    frame = manifest()
    frame.loc[frame["medication_id"] == "m3", "role"] = "consumer"
    report = validate_references(frame)
    assert broken(report) == {"reference"}


def test_the_page_stands_alone_and_escapes_what_it_shows() -> None:
    html = validate_manifest(manifest(side="<b>left</b>")).html
    assert "&lt;b&gt;left" in html
    assert "<b>left" not in html
    assert "http" not in html
