"""The first page of an evidence archive: what it is about, in a compliance officer's words."""

from collections.abc import Mapping
from typing import Any, Final

from bentos.runtime.contract import spec_digest
from monitoring.evidence.changelog import ACTIONS
from monitoring.evidence.changes import Specs
from monitoring.evidence.document import Table, page, spoken
from monitoring.evidence.figures import FIGURES, in_words
from monitoring.gates import Gate
from monitoring.verdict import Verdict

_WHAT: Final = {
    "evaluation/report.html": "The evaluation report: every figure with its interval, every gate",
    "evaluation/model_card.html": "Model card: what it is for, what it is not for, how good it is and where it is weak",
    "evaluation/data_sheet.html": "Data sheet: where the photographs come from and how they were split",
    "evaluation/recalibration.md": "What a recalibration changed",
    "changelog.md": "Change log in words: releases, rollbacks, refusals, approvals",
    "evaluation/evidence.intoto.json": "Signed statement that binds these documents to model, data, code and lock file",
    "evaluation/report.json": "The evaluation's figures",
    "evaluation/records.jsonl": "One record per photograph asked",
    "evaluation/sbom.cdx.json": "Software bill of materials, CycloneDX",
    "evaluation/constraints.txt": "Lock file: the exact version of every package",
    "verdict.json": "The signed verdict of the gates",
    "release.json": "The signed release file",
    "bundle/recogniser.json": "The recogniser's record, with the SHA-256 of each of its files",
    "bundle/gallery.json": "The gallery's record: medications, and where each reference picture came from",
    "rules/rules.json": "What promotions had to meet above the gates, and who may approve",
    "rules/envelope.json": "The predetermined change envelope",
    "audit/entries.json": "Entries of the audit trail about this bundle, each with its Merkle path",
    "audit/checkpoint.json": "The signed checkpoint that those paths lead to",
    "verify.py": "Verifies all of this without network, database or the project",
}
_SAID: Final = {
    "promote": "put in force", "rollback": "rolled back to", "challenge": "made a challenger", "verdict": "judged",
    "put_shadow": "made a shadow", "end_trials": "trials ended", "settle": "withdrawals signed",
    "resume": "trial resumed", "withdraw": "withdrawn by the service", "pause": "paused by the service",
    "approve": "decision by an approver", "refuse_promote": "promotion refused",
    "refuse_challenge": "challenge refused",
}  # fmt: skip


def index_page(
    specs: Specs,
    *,
    verdict: Verdict,
    files: Mapping[str, bytes],
    trail: Mapping[str, Any],
    promotion: Mapping[str, Any] | None,
    keys: Mapping[str, str],
    at: str,
) -> str:
    """The page; `files` are those of the archive, `promotion` the entry that put the bundle in force."""
    said = promotion["says"] if promotion else {}
    return page(
        "index.html",
        title=f"Evidence about the recogniser “{specs.recogniser.name}”",
        specs=specs,
        recogniser=spec_digest(specs.recogniser),
        gallery=spec_digest(specs.gallery),
        verdict=verdict,
        gates=_gates(verdict.gates.gates),
        promotion=promotion,
        rules=said.get("rules"),
        approvals=_approvals(said),
        changes=said.get("changes", ()),
        figures=_figures(said),
        trail=trail,
        entries=_entries(trail),
        readable=[(name, _WHAT[name]) for name in _WHAT if name in files and name.endswith((".html", ".md"))],
        machine=_machine(files),
        keys=keys,
        at=spoken(at),
        judged_at=spoken(verdict.at),
        made_at=spoken(specs.recogniser.created_at),
    )


def _gates(gates: tuple[Gate, ...]) -> Table:
    rows = tuple((gate.name, f"{gate.kind} {_value(gate.limit, gate.unit)}", _value(gate.measured, gate.unit),
                  "met" if gate.passed else "NOT MET") for gate in gates)  # fmt: skip
    return Table(("Gate", "Demanded", "Measured", "Result"), rows, numeric=("Demanded", "Measured", "Result"))


def _value(value: float | str | None, unit: str) -> str:
    if value is None:
        return "not measured"
    if isinstance(value, str):
        return value[7:19] if value.startswith("sha256:") else value
    return f"{100 * value:.1f} %" if unit == "share" else f"{value:,.0f} ms" if unit == "ms" else f"{value:,.4g}"


def _approvals(said: Mapping[str, Any]) -> Table | None:
    given = said.get("approvals") or ()
    rows = tuple((one["name"], one["role"], spoken(one["at"]), one["reason"]) for one in given)
    return Table(("Who", "Role", "When", "Reason"), rows) if rows else None


def _figures(said: Mapping[str, Any]) -> Table | None:
    before, after = said.get("figures_before") or {}, said.get("figures") or {}
    rows = tuple((about.words.capitalize(), in_words(name, before[name]) if name in before else "",
                  in_words(name, after[name])) for name, about in FIGURES.items() if name in after)  # fmt: skip
    columns = ("Figure", "Champion until then", "This one")
    return Table(columns, rows, numeric=columns[1:]) if rows else None


def _entries(trail: Mapping[str, Any]) -> Table:
    rows = tuple((str(one["entry_id"]), spoken(one["at"]), one["actor"], _event(one), one["outcome"])
                 for one in trail["entries"] if one["action"] in ACTIONS)  # fmt: skip
    return Table(("Entry", "When", "Who", "What", "Outcome"), rows)


def _event(entry: Mapping[str, Any]) -> str:
    words = _SAID[entry["action"]]
    version = f"version {entry['subject_ref']}: " if entry["subject_ref"] else ""
    why = entry["says"].get("why") or entry["says"].get("reason")
    return f"{version}{words}{f' ({why})' if isinstance(why, str) else ''}"


def _machine(files: Mapping[str, bytes]) -> list[tuple[str, str, str]]:
    """Files for machines: name, what it is, and size; approvals one by one."""
    found = [(name, _WHAT.get(name) or _other(name), _size(len(data))) for name, data in sorted(files.items())]
    return [row for row in found if not row[0].endswith((".html", ".md"))]


def _other(name: str) -> str:
    return "One person's signed decision" if name.startswith("approvals/") else "Public key"


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1024:,.1f} KiB"
