"""What the UI shows beside each asset: numbers, tables and small pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets import pictures
from bentos.runtime.medication import Medication, derive_appearances

if TYPE_CHECKING:
    from pandas import DataFrame

    from bentos.release import ReleaseSpec
    from bentos.runtime.contract import GallerySpec, RecogniserSpec
    from data.ingest import IngestReport
    from monitoring.drift import DriftVerdict
    from monitoring.expectations import ExpectationReport
    from monitoring.verdict import Verdict

Metadata = dict[str, Any]
_MAX_BARS = 14
_MAX_TILES = 32


def describe_catalogue(medications: Sequence[Medication]) -> Metadata:
    """How many medications and appearances there are, and what they look like."""
    colors = _counted(";".join(medication.colors) for medication in medications)
    return {
        "num_medications": len(medications),
        "num_appearances": len(derive_appearances(medications)),
        "num_clinical_drugs": len({medication.clinical_drug for medication in medications}),
        "shapes": pictures.bars(_counted(medication.shape for medication in medications), title="shapes"),
        "colours": pictures.bars(colors, title="colours"),
    }


def describe_ingest(report: "IngestReport", photos: "DataFrame", *, home: Path) -> Metadata:
    """What one ingest did, and a contact sheet of what it holds."""
    shown = photos[photos["role"] == "consumer"]
    return {
        "num_photos": report.num_photos,
        "num_new": report.num_new,
        "num_known": report.num_known,
        "num_quarantined": report.num_quarantined,
        "num_duplicates": report.num_duplicates,
        "pictures_per_s": float(report.pictures_per_s),
        "manifest": dg.MetadataValue.path(str(report.manifest)),
        "quarantine": dg.MetadataValue.path(str(report.quarantine)),
        "by_source": pictures.bars(_counted(photos["source"]), title="photographs by source"),
        "samples": _sheet(shown, home=home, title="photographs"),
        "references": _sheet(photos[photos["role"] == "reference"], home=home, title="reference pictures"),
    }


def describe_dataset(rows: "DataFrame", *, home: Path) -> Metadata:
    """Photographs per split, appearances per role, and what the judges look like."""
    roles = rows.drop_duplicates("appearance_id")["appearance_role"]
    return {
        "num_photos": len(rows),
        "splits": pictures.bars(_counted(rows["split"]), title="photographs by split"),
        "roles": pictures.bars(_counted(roles), title="appearances by role"),
        "test_samples": _sheet(rows[rows["split"] == "test"], home=home, title="held-out photographs"),
    }


def describe_features(rows: "DataFrame") -> Metadata:
    """How the shape ratio is distributed over medications."""
    ratios = rows["shape_ratio"].round(1).astype(str)
    return {
        "num_medications": len(rows),
        "shape_ratio": pictures.bars(dict(sorted(_counted(ratios).items())), title="medications by shape ratio"),
    }


def describe_recogniser(spec: "RecogniserSpec", *, digest: str, version: str) -> Metadata:
    """What the recogniser is made of, and the weight each cue has where only a picture is given."""
    members = "+".join(sorted(member.name for member in spec.members))
    plain = {name: spec.patterns[name] for name in sorted(spec.patterns) if name.startswith(members)}
    weights = {name: round(value, 3) for pattern in list(plain.values())[:1] for name, value in pattern.weights.items()}
    return {
        "digest": digest,
        "registry_version": version,
        "members": ", ".join(f"{m.name}: {m.architecture} as {m.serve}" for m in spec.members),
        "num_patterns": len(spec.patterns),
        "training_fingerprint": spec.training_fingerprint,
        "calibration_domain": spec.calibration_domain,
        "fusion_weights": pictures.bars(weights, title="weight of each cue, picture alone"),
        "facts": pictures.table([{"fact": name, "value": value} for name, value in spec.training_facts.items()]),
    }


def describe_gallery(spec: "GallerySpec", *, digest: str) -> Metadata:
    """What can be answered."""
    return {
        "digest": digest,
        "recogniser": spec.recogniser,
        "num_medications": len(spec.medications),
        "num_appearances": len(spec.appearances),
        "num_views": len(spec.views),
        "sources": pictures.bars(_counted(view.source for view in spec.views), title="views by source"),
    }


def headline(measured: Mapping[str, Any]) -> dict[str, float]:
    """The few figures that MLflow compares runs by."""
    picture, typed = measured["questions"]["picture"], measured["questions"]["picture_and_imprint"]
    return {
        "picture_top1": picture["drug"]["top1"]["value"],
        "picture_top5": picture["drug"]["top5"]["value"],
        "imprint_top1": typed["drug"]["top1"]["value"],
        "identified_share": picture["operating_point"]["coverage"]["value"],
        "identified_accuracy": picture["operating_point"]["accuracy"]["value"],
        "set_coverage": picture["set"]["coverage"]["value"],
        "ece": measured["calibration"]["picture"]["ece"]["value"],
    }


def describe_evaluation(measured: Mapping[str, Any], *, directory: Path) -> Metadata:
    """Headline figures, reliability, risk against coverage, and the commonest confusions."""
    calibration = measured["calibration"]["picture"]
    pairs = {(item["drug"], item["answered_drug"]): item["num"] for item in measured["confusions"][:_MAX_BARS]}
    worst = measured["per_medication"][:_MAX_BARS]
    return {
        **headline(measured),
        "num_photos": measured["about"]["num_photos"],
        "directory": dg.MetadataValue.path(str(directory)),
        "reliability": pictures.reliability(calibration["bins"], title="picture alone: reliability"),
        "risk_coverage": pictures.line(
            calibration["risk_coverage"], title="risk of the answers kept", x="coverage", y="share wrong"
        ),
        "confusion": pictures.confusion(pairs, title="commonest confusions"),
        "hardest": pictures.table([{"drug": m["drug"], "role": m["role"], "top1": m["top1"]["value"]} for m in worst]),
    }


def describe_gates(found: "Verdict", *, report: Path | None = None) -> Metadata:
    """Every gate with its limit, what was measured and the champion's value."""
    rows = [
        {
            "gate": gate.name,
            "passed": gate.passed,
            "measured": str(gate.measured),
            "kind": gate.kind,
            "limit": str(gate.limit),
            "champion": str(gate.champion),
        }
        for gate in found.gates.gates
    ]
    page = {} if report is None else {"report": dg.MetadataValue.path(str(report))}
    return {"passed": found.passed, "recogniser": found.recogniser, "gates": pictures.table(rows), **page}


def describe_release(spec: "ReleaseSpec", *, path: Path) -> Metadata:
    """What is in force, and what would come back."""
    return {
        "version": spec.champion.version,
        "recogniser": spec.champion.recogniser,
        "gallery": spec.champion.gallery,
        "previous": spec.previous.version if spec.previous else "none",
        "file": dg.MetadataValue.path(str(path)),
    }


def describe_expectations(report: "ExpectationReport") -> Metadata:
    """How many expectations were evaluated, and which failed on what."""
    failures = [{"failure": str(failure)} for failure in report.failures]
    return {"evaluated": int(report.num_evaluated), "failed": len(failures), "failures": pictures.table(failures)}


def describe_drift(found: "DriftVerdict") -> Metadata:
    """The verdict, and how far each column has moved."""
    page = {} if found.html is None else {"report": dg.MetadataValue.path(found.html)}
    scores = {item.column: item.score for item in found.columns[:_MAX_BARS]}
    return {
        "breached": found.breached,
        "reason": found.reason,
        "num_rows": found.num_rows,
        "distances": pictures.bars(scores, title="distance from the reference (PSI)"),
        **page,
    }


def _counted(values: Any) -> dict[str, float]:
    counts: dict[str, float] = {}
    for value in values:
        counts[str(value)] = counts.get(str(value), 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1])[:_MAX_BARS])


def _sheet(rows: "DataFrame", *, home: Path, title: str) -> dg.MetadataValue:
    """Evenly spaced rows, so that every run of the same manifest shows the same pictures."""
    chosen = rows.sort_values("photo_id").iloc[:: max(1, len(rows) // _MAX_TILES)].head(_MAX_TILES)
    return pictures.contact_sheet([home / path for path in chosen["path"]], title=title)
