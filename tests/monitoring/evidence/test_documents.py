"""Report, model card and data sheet are bound to model, data, code and lock file; what differs is named."""

import base64
import json
import shutil
from pathlib import Path

import pytest

from bentos.evidence.statement import open_statement, pae
from bentos.runtime.contract import file_sha256, spec_digest
from bentos.runtime.errors import ContractError
from bentos.signing import signing_key
from monitoring.evidence.binding import other_here, read_bound, what_differs
from monitoring.evidence.changelog import changelog
from monitoring.evidence.provenance import Code, data_digest, sources_digest
from monitoring.evidence.sbom import sbom
from tests.monitoring.evidence.home import EvidenceHome, dataset_rows


def key_of(made: EvidenceHome):
    return signing_key(made.desk.keys_dir).public_key()


@pytest.fixture
def copied(promoted: EvidenceHome, tmp_path: Path) -> Path:
    """The evaluation's directory, to be altered."""
    return Path(shutil.copytree(promoted.evaluation, tmp_path / "evaluation"))


def differing(made: EvidenceHome, directory: Path, **overrides) -> list[str]:
    facts = {"verdict": made.verdict, "specs": made.specs, "key": key_of(made)}
    return what_differs(directory, **{**facts, **overrides})


def test_the_statement_is_in_toto_in_a_dsse_envelope(promoted: EvidenceHome) -> None:
    """Checked against the formats' own words: the type, the payload type, and what the signature is over."""
    envelope = json.loads((promoted.evaluation / "evidence.intoto.json").read_text())
    body = base64.b64decode(envelope["payload"])
    statement = json.loads(body)
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert pae(body) == b"DSSEv1 28 application/vnd.in-toto+json " + str(len(body)).encode() + b" " + body
    key_of(promoted).verify(base64.b64decode(envelope["signatures"][0]["sig"]), pae(body))


def test_it_binds_the_digests_of_documents_model_data_code_and_lock_file(promoted: EvidenceHome) -> None:
    statement = read_bound(promoted.evaluation, key=key_of(promoted))
    said, digests = statement.predicate, statement.digests()
    assert {"report.html", "report.json", "model_card.html", "data_sheet.html", "verdict.json"} <= set(digests)
    assert digests["report.html"] == file_sha256(promoted.evaluation / "report.html")
    assert said["model"]["recogniser"] == spec_digest(promoted.specs.recogniser)
    assert said["data"]["dataset"] == data_digest(dataset_rows())
    assert said["code"] == {"commit": "abc1234", "sources": sources_digest()}
    assert said["environment"]["lock"] == "sha256:" + file_sha256(promoted.evaluation / "constraints.txt")


def test_nothing_differs_from_what_was_signed(promoted: EvidenceHome, copied: Path) -> None:
    assert differing(promoted, copied) == []


@pytest.mark.parametrize("name", ["report.html", "report.json", "records.jsonl", "model_card.html", "data_sheet.html",
                                  "constraints.txt", "sbom.cdx.json"])  # fmt: skip
def test_an_altered_document_is_named(promoted: EvidenceHome, copied: Path, name: str) -> None:
    text = (copied / name).read_text()
    (copied / name).write_text(text.replace("0", "1", 1) if "0" in text else text + " ")
    assert any(sentence.startswith(f"{name} differs") for sentence in differing(promoted, copied))


def test_a_document_that_is_gone_is_named(promoted: EvidenceHome, copied: Path) -> None:
    (copied / "model_card.html").unlink()
    assert differing(promoted, copied) == ["model_card.html is missing"]


def test_another_model_is_named(promoted: EvidenceHome, copied: Path) -> None:
    recogniser = promoted.specs.recogniser.model_copy(update={"unknown_prior": 0.3})
    specs = type(promoted.specs)(recogniser, promoted.specs.gallery)
    assert [sentence[:22] for sentence in differing(promoted, copied, specs=specs)] == ["the recogniser differs"]


def test_a_statement_signed_by_somebody_else_is_none(promoted: EvidenceHome, copied: Path, tmp_path: Path) -> None:
    stranger = signing_key(tmp_path / "stranger").public_key()
    with pytest.raises(ContractError, match="no signature that holds"):
        differing(promoted, copied, key=stranger)


@pytest.mark.parametrize("damage", ["payload", "sig", "form"])
def test_an_altered_statement_is_refused(promoted: EvidenceHome, copied: Path, damage: str) -> None:
    path = copied / "evidence.intoto.json"
    envelope = json.loads(path.read_text())
    if damage == "payload":
        body = base64.b64decode(envelope["payload"]).replace(b"abc1234", b"abc9999")
        envelope["payload"] = base64.b64encode(body).decode()
    elif damage == "sig":
        envelope["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
    else:
        envelope["payloadType"] = "application/json"
    path.write_text(json.dumps(envelope))
    with pytest.raises(ContractError):
        open_statement(path.read_bytes(), key=key_of(promoted), origin="it")


def test_other_code_here_is_told_without_being_a_fault(promoted: EvidenceHome) -> None:
    statement = read_bound(promoted.evaluation, key=key_of(promoted))
    other = Code("fff", "sha256:1", statement.predicate["environment"]["packages"], None)
    assert [sentence.split(" here")[0] for sentence in other_here(statement, code=other)] == [
        "the code's commit", "the sources", "the lock file",
    ]  # fmt: skip


def test_the_data_digest_changes_with_any_label_and_not_with_the_order() -> None:
    rows = dataset_rows()
    relabelled = rows.copy()
    relabelled.loc[0, "medication_id"] = "other"
    assert data_digest(rows.sample(frac=1, random_state=1)) == data_digest(rows)
    assert data_digest(relabelled) != data_digest(rows)


def test_the_model_card_says_what_it_is_not_for_and_where_it_is_weak(promoted: EvidenceHome) -> None:
    card = (promoted.evaluation / "model_card.html").read_text()
    for part in ("Intended use", "Not for", "Weakest slices", "Ethical considerations", "decision aid", "91.0 %"):
        assert part in card
    assert "not fit for use with patients" in " ".join(card.split())


def test_the_data_sheet_counts_the_data_set(promoted: EvidenceHome) -> None:
    sheet = (promoted.evaluation / "data_sheet.html").read_text()
    for part in (
        "12 photographs of 4 medications",
        "own renderer",
        "4 reference pictures",
        data_digest(dataset_rows()),
    ):
        assert part in sheet


def test_the_change_log_tells_who_did_what_and_why_in_words(promoted: EvidenceHome) -> None:
    text = changelog(promoted.sources().entries)
    newest = text.split("## ")[1]
    assert newest.startswith("Version 2 put in force")
    for part in ("by person:dave", "confidence, fusion or thresholds were fitted anew",
                 "right drug first, picture alone: 91.0 % (the champion until then: 90.0 %)",
                 "approved by Anna (pharmacist)", "**the rules of promotion changed**"):  # fmt: skip
        assert part in newest, newest
    assert "## Promotion of version 2 refused" in text
    assert "why: 2 approvals are needed, 1 count" in text


def test_what_people_write_stays_text_in_the_change_log(promoted: EvidenceHome) -> None:
    text = changelog(promoted.sources().entries)
    assert r"the report & card were \<read\>" in text


def test_the_bill_of_materials_is_cyclonedx_and_names_what_decodes_pictures() -> None:
    bill = json.loads(sbom())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    found = {component["name"]: component for component in bill["components"]}
    assert {"pillow", "pillow-heif", "onnxruntime", "bentoml", "dagster", "torch", "libheif", "libde265"} <= set(found)
    assert found["pillow"]["purl"].startswith("pkg:pypi/pillow@")
    assert "pytest" not in found
    refs = {component["bom-ref"] for component in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
    assert {ref for one in bill["dependencies"] for ref in (one["ref"], *one.get("dependsOn", ()))} <= refs
