"""What the asset `verdict` leaves beside an evaluation: verdict, report, cards, and the statement that binds them."""

from pathlib import Path

from assets.assembly import reached
from assets.records import Dataset, MadeEvaluation
from assets.resources import Workspace
from bentos.runtime.contract import spec_digest
from bentos.signing import signing_key
from monitoring.evidence.binding import read_bound, what_differs
from monitoring.evidence.changes import Specs
from monitoring.evidence.provenance import data_digest
from tests.builders import tiny_bundle
from tests.monitoring.desk import a_desk
from tests.monitoring.evidence.home import dataset_rows
from tests.monitoring.evidence.making import keep, measured


def test_a_verdict_comes_with_bound_documents_and_who_launched_it(tmp_path: Path) -> None:
    workspace = Workspace(home=str(tmp_path))
    tiny_bundle(tmp_path / "made")
    bundle = (tmp_path / "made" / "recogniser", tmp_path / "made" / "gallery")
    specs = Specs.read(*bundle)
    figures = measured(recogniser=spec_digest(specs.recogniser), gallery=spec_digest(specs.gallery))
    digest = keep(a_desk(tmp_path), figures)
    evaluation = MadeEvaluation(digest=digest, directory=f"evaluations/{digest[7:19]}", seed=0, max_photos=0)
    rows = dataset_rows()
    rows["path"] = "none"
    dataset = Dataset(fingerprint="f" * 12, path=workspace.keep_table(rows, "dataset.parquet"))
    champion = measured(recogniser="sha256:" + "0" * 64)
    found, path = reached(evaluation, champion, dataset, bundle, workspace, "person:dave")
    assert (found.launched_by, found.champion) == ("person:dave", "sha256:" + "0" * 64)
    assert found.champion_evaluation is not None
    directory, key = workspace.path(evaluation.directory), signing_key(workspace.settings().keys_dir).public_key()
    assert what_differs(directory, verdict=path, specs=specs, key=key) == []
    statement = read_bound(directory, key=key)
    assert statement.predicate["data"]["dataset"] == data_digest(rows)
    assert {"report.html", "model_card.html", "data_sheet.html", "sbom.cdx.json", "verdict.json"} <= set(
        statement.digests()
    )
