"""The asset `verdict` in the job `retrain`: signed, bound, journalled in the name of who launched it."""

from pathlib import Path

import dagster as dg

from assets.records import Catalogue, Dataset, MadeEvaluation, MadeVerdict
from assets.resources import LAUNCHED_BY
from bentos.journal import Journal
from bentos.runtime.contract import read_gallery_spec, spec_digest
from tests.builders import tiny_catalogue
from tests.monitoring.evidence.home import dataset_rows
from tests.monitoring.evidence.making import keep, measured
from tests.pipelines.test_promotion_jobs import Home


def judged_by(home: Home, *, tags: dict[str, str]) -> MadeVerdict:
    """Put records of everything before the verdict into the home, and materialise the verdict alone."""
    home.candidate("one")
    workspace = home.workspace
    gallery = read_gallery_spec(workspace.path("one/gallery"))
    digest = keep(workspace.desk(), measured(recogniser=gallery.recogniser, gallery=spec_digest(gallery)))
    rows = dataset_rows()
    rows["path"] = "none"
    made = {
        "catalogue": Catalogue(fingerprint="c", medications=tuple(tiny_catalogue())),
        "dataset": Dataset(fingerprint="f" * 12, path=workspace.keep_table(rows, "dataset.parquet")),
        "evaluation": MadeEvaluation(digest=digest, directory=f"evaluations/{digest[7:19]}", seed=0, max_photos=0),
    }
    for name, record in made.items():
        workspace.path(f"records/{name}.json").write_text(record.model_dump_json())
    chosen = [dg.AssetKey("verdict")]
    with dg.DagsterInstance.ephemeral() as instance:
        job = home.definitions.resolve_job_def("retrain")
        result = job.execute_in_process(instance=instance, asset_selection=chosen, tags=tags, raise_on_error=False)
    return result.output_for_node("verdict")


def test_a_verdict_of_a_run_is_an_entry_with_who_launched_it_and_binds_its_documents(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    made = judged_by(home, tags={LAUNCHED_BY: "person:dave"})
    found = home.workspace.verdict(made.path)
    assert found.launched_by == "person:dave"
    (directory,) = home.workspace.path("evaluations").iterdir()
    assert {"evidence.intoto.json", "model_card.html", "data_sheet.html"} <= {path.name for path in directory.iterdir()}
    (entry,) = Journal(home.workspace.settings().journal_url).entries(action="verdict")
    assert (entry.actor, entry.recogniser, entry.outcome) == (
        "person:dave", found.recogniser, "passed" if found.passed else "refused",
    )  # fmt: skip
