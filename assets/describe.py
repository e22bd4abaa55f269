"""What the UI shows beside each asset: numbers, tables and small pictures."""

import dataclasses
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
    from monitoring.gates import Gates
    from monitoring.verdict import Verdict
    from training.member import MadeMember
    from training.parity import Parity

Metadata = dict[str, Any]
WHY = "why"
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


def describe_member(made: "MadeMember") -> Metadata:
    """The curves of the training and how its export was found to agree."""
    names = [name for name in ("train_top1", "validate_top1") if made.history and name in made.history[-1]]
    accuracy = {name: [epoch[name] for epoch in made.history] for name in names}
    return {
        **made.figures,
        **describe_parity(made.parity),
        "epochs": len(made.history),
        "directory": dg.MetadataValue.path(str(made.directory)),
        "loss_by_epoch": pictures.curves({"loss": [epoch["loss"] for epoch in made.history]}, title="loss", x="epoch"),
        "accuracy_by_epoch": pictures.curves(accuracy, title="share right", x="epoch"),
    }


def describe_parity(parity: "Parity") -> Metadata:
    """How far ONNX Runtime is from torch, and one core's time for a picture."""
    return {f"parity_{name}": value for name, value in dataclasses.asdict(parity).items()}


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
    """The few figures that MLflow compares runs by; one that could not be measured is left out."""
    picture, typed = measured["questions"]["picture"], measured["questions"]["picture_and_imprint"]
    figures = {
        "picture_top1": picture["drug"]["top1"],
        "picture_top5": picture["drug"]["top5"],
        "imprint_top1": typed["drug"]["top1"],
        "identified_share": picture["operating_point"]["coverage"],
        "identified_accuracy": picture["operating_point"]["accuracy"],
        "set_coverage": picture["set"]["coverage"],
        "ece": measured["calibration"]["picture"]["ece"],
    }
    return {name: figure["value"] for name, figure in figures.items() if figure["value"] is not None}


def describe_evaluation(measured: Mapping[str, Any], *, directory: Path) -> Metadata:
    """Headline figures, reliability, risk against coverage, slices, and the commonest confusions."""
    from monitoring import plots

    worst = measured["per_medication"][:_MAX_BARS]
    return {
        **headline(measured),
        "num_photos": measured["about"]["num_photos"],
        "directory": dg.MetadataValue.path(str(directory)),
        "reliability": pictures.image(plots.reliability_png(measured["calibration"]), title="reliability"),
        "risk_coverage": pictures.image(plots.risk_coverage_png(measured["calibration"]), title="risk and coverage"),
        "confusion": pictures.image(plots.confusion_png(measured["confusions"]), title="commonest confusions"),
        "slices": pictures.image(plots.slices_png(measured["slices"]), title="slices"),
        "hardest": pictures.table([{"drug": m["drug"], "role": m["role"], "top1": m["top1"]["value"]} for m in worst]),
    }


def describe_gates(found: "Verdict", *, report: Path | None = None) -> Metadata:
    """The verdict with every gate: its limit, what was measured and the champion's value."""
    page = {} if report is None else {"report": dg.MetadataValue.path(str(report))}
    return {"recogniser": found.recogniser, **describe_judgement(found.gates), **page}


def describe_judgement(found: "Gates") -> Metadata:
    """Whether the gates passed, why not, and each of them."""
    from monitoring.gates import failures_in_words

    why = "; ".join(failures_in_words(found.gates)) or "every gate passed"
    return {"passed": found.passed, WHY: why, "gates": _gate_table(found)}


def _gate_table(found: "Gates") -> dg.MetadataValue:
    columns = ("name", "passed", "measured", "kind", "limit", "champion", "meaning")
    return pictures.table([{name: str(getattr(gate, name)) for name in columns} for gate in found.gates])


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
    checks = [{name: str(value) for name, value in check.items()} for check in report.checks]
    return {
        "num_rows": report.num_rows,
        "evaluated": report.num_evaluated,
        "failed": len(report.failures),
        "expectations": pictures.table(checks),
    }


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
