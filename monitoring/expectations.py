"""Expectations of catalogue and manifest (Great Expectations), with a result that a person can read."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import pandas as pd

from bentos.runtime.medication import Medication, appearance_id_of
from bentos.runtime.spl import COLORS, IMPRINT_TYPES, SHAPES

_HEX64 = r"^[0-9a-f]{64}$"
_SHOWN = 5
_MIN_SIDE_PX, _MAX_SIDE_PX = 32, 20_000
_MIN_PILL_MM, _MAX_PILL_MM = 2.0, 30.0


@dataclass(frozen=True)
class ExpectationReport:
    """How a table met its expectations. `failures` and `checks` are rows for the UI; `html` is a page of its own."""

    name: str
    passed: bool
    num_evaluated: int
    num_rows: int
    checks: list[dict[str, Any]]
    html: str

    @property
    def failures(self) -> list[dict[str, Any]]:
        """The expectations that were not met."""
        return [check for check in self.checks if not check["met"]]


def catalogue_frame(medications: Iterable[Medication]) -> pd.DataFrame:
    """One row per medication, flat; `color` is the first of its colours."""
    return pd.DataFrame(
        {
            "medication_id": item.medication_id,
            "appearance_id": appearance_id_of(item),
            "ndc11": item.ndc11,
            "clinical_drug": item.clinical_drug,
            "num_imprint_tokens": len(item.imprint),
            "imprint_type": item.imprint_type,
            "color": item.colors[0],
            "second_color": item.colors[1] if len(item.colors) > 1 else None,
            "shape": item.shape,
            "size_mm": item.size_mm,
            "score": item.score,
        }
        for item in medications
    )


def validate_catalogue(medications: Iterable[Medication]) -> ExpectationReport:
    """Every row is a pill that could exist, under a key of its own."""
    import great_expectations.expectations as gxe

    frame = catalogue_frame(medications)
    expectations = [
        gxe.ExpectTableRowCountToBeBetween(min_value=2),
        gxe.ExpectColumnValuesToBeUnique(column="medication_id"),
        gxe.ExpectColumnValuesToMatchRegex(column="ndc11", regex=r"^\d{5}-\d{4}-\d{2}$"),
        gxe.ExpectColumnValuesToMatchRegex(column="clinical_drug", regex=r"\S"),
        gxe.ExpectColumnValuesToBeInSet(column="color", value_set=list(COLORS)),
        gxe.ExpectColumnValuesToBeInSet(column="second_color", value_set=list(COLORS)),
        gxe.ExpectColumnValuesToBeInSet(column="shape", value_set=list(SHAPES)),
        gxe.ExpectColumnValuesToBeInSet(column="imprint_type", value_set=list(IMPRINT_TYPES)),
        gxe.ExpectColumnValuesToBeBetween(
            column="size_mm", min_value=_MIN_PILL_MM, max_value=_MAX_PILL_MM, mostly=0.99
        ),
        gxe.ExpectColumnValuesToBeBetween(column="num_imprint_tokens", min_value=1, mostly=0.9),
        gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column="appearance_id", min_value=0.5),
    ]
    return _validate(frame, expectations, name="catalogue")


def validate_manifest(manifest: pd.DataFrame, *, medication_ids: Collection[str] | None = None) -> ExpectationReport:
    """Every photograph is labelled, measured and traceable, and every medication has a reference picture.

    `medication_ids` are the catalogue's, where labels must come from it.
    """
    import great_expectations.expectations as gxe

    expectations = [
        gxe.ExpectTableRowCountToBeBetween(min_value=1),
        gxe.ExpectColumnValuesToMatchRegex(column="photo_id", regex=_HEX64),
        gxe.ExpectCompoundColumnsToBeUnique(column_list=["source", "name"]),
        *[
            gxe.ExpectColumnValuesToNotBeNull(column=name)
            for name in ("medication_id", "appearance_id", "group", "path")
        ],
        gxe.ExpectColumnValuesToBeInSet(column="role", value_set=["consumer", "reference"]),
        gxe.ExpectColumnValuesToBeInSet(column="side", value_set=["front", "back", "unknown"]),
        *[
            gxe.ExpectColumnValuesToBeBetween(column=name, min_value=_MIN_SIDE_PX, max_value=_MAX_SIDE_PX)
            for name in ("width", "height")
        ],
        gxe.ExpectColumnValuesToBeInSet(column="pill_found", value_set=[True], mostly=0.95),
        *[_between(name, low, high) for name, (low, high) in _STATISTICS.items()],
    ]
    if medication_ids is not None:
        expectations.append(gxe.ExpectColumnValuesToBeInSet(column="medication_id", value_set=sorted(medication_ids)))
    return _validate(manifest, expectations, name="manifest")


def validate_references(manifest: pd.DataFrame) -> ExpectationReport:
    """Every medication that was photographed has a reference picture to be recognised by."""
    import great_expectations.expectations as gxe

    roles = pd.crosstab(manifest["medication_id"], manifest["role"]).reindex(
        columns=["reference", "consumer"], fill_value=0
    )
    expectations = [
        gxe.ExpectTableRowCountToBeBetween(min_value=2),
        gxe.ExpectColumnValuesToBeBetween(column="reference", min_value=1),
    ]
    return _validate(roles.reset_index(), expectations, name="references")


_STATISTICS = {
    "stat_brightness": (0, 1),
    "stat_contrast": (0, 1),
    "stat_saturation": (0, 1),
    "stat_clipped": (0, 1),
    "stat_pill_share": (0, 1),
    "stat_sharpness": (0, None),
    "stat_elongation": (0.99, 12),
}


def _between(column: str, low: float, high: float | None) -> Any:
    import great_expectations.expectations as gxe

    return gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high)


def _validate(frame: pd.DataFrame, expectations: Sequence[Any], *, name: str) -> ExpectationReport:
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset(name)
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch(batch_parameters={"dataframe": frame})
    outcome = batch.validate(gx.ExpectationSuite(name=name, expectations=list(expectations)))
    checks = [_check(result) for result in outcome.results]
    passed = bool(outcome.success)
    return ExpectationReport(
        name=name,
        passed=passed,
        num_evaluated=len(checks),
        num_rows=len(frame),
        checks=checks,
        html=_page(name, passed=passed, num_rows=len(frame), checks=checks),
    )


def _check(result: Any) -> dict[str, Any]:
    """One row: the expectation in words, whether it was met, and examples of what broke it."""
    config, found = result.expectation_config, result.result
    arguments = {key: value for key, value in config.kwargs.items() if key not in ("batch_id", "column", "column_list")}
    unexpected = found.get("partial_unexpected_list") or []
    raised = _raised(result.exception_info)
    return {
        "expectation": config.type.removeprefix("expect_").replace("_", " "),
        "column": str(config.kwargs.get("column") or ", ".join(config.kwargs.get("column_list", ()))),
        "limits": ", ".join(f"{key} {_brief(value)}" for key, value in arguments.items() if value is not None),
        "met": bool(result.success),
        "num_unexpected": int(found.get("unexpected_count") or 0),
        "examples": raised or "; ".join(dict.fromkeys(str(value) for value in unexpected[:_SHOWN])),
        "observed": str(found.get("observed_value", "")),
    }


def _raised(exception_info: dict[str, Any]) -> str:
    """What stopped the expectation from being evaluated, such as a missing column; empty where nothing did."""
    entries = exception_info.values() if "exception_message" not in exception_info else [exception_info]
    return "; ".join(
        str(entry["exception_message"])
        for entry in entries
        if isinstance(entry, dict) and entry.get("exception_message")
    )


def _brief(value: Any) -> str:
    return f"one of {len(value)}" if isinstance(value, (list, set)) and len(value) > _SHOWN else str(value)


def _page(name: str, *, passed: bool, num_rows: int, checks: Sequence[dict[str, Any]]) -> str:
    rows = "".join(
        f'<tr class="{"met" if check["met"] else "broken"}"><td>{"met" if check["met"] else "not met"}</td>'
        + "".join(f"<td>{escape(str(check[key]))}</td>" for key in ("column", "expectation", "limits", "examples"))
        + "</tr>"
        for check in checks
    )
    met = sum(check["met"] for check in checks)
    return _PAGE.format(
        name=escape(name),
        outcome="passed" if passed else "failed",
        num_rows=num_rows,
        met=met,
        num=len(checks),
        rows=rows,
    )


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Expectations of the {name}</title>
<style>body{{font:15px/1.5 system-ui,"DejaVu Sans",sans-serif;margin:40px auto;max-width:1000px;color:#1f2a36}}
table{{border-collapse:collapse;width:100%}}td,th{{text-align:left;padding:7px 12px 7px 0;vertical-align:top;
border-bottom:1px solid #dde3e9}}.broken td:first-child{{color:#a03a2a}}
.met td:first-child{{color:#2f6b4c}}</style>
<h1>Expectations of the {name}: {outcome}</h1><p>{met} of {num} met, over {num_rows} rows.</p>
<table><tr><th>Result</th><th>Column</th><th>Expectation</th><th>Limits</th><th>What broke it</th></tr>{rows}</table>
</html>
"""
