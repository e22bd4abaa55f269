"""Records between assets: fingerprints follow content, and nothing else."""

from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from assets.records import Dataset, Member, code_fingerprint, fingerprint, table_fingerprint
from assets.resources import JsonRecords


def test_a_fingerprint_follows_content_and_not_the_order_of_names() -> None:
    assert fingerprint(a=1, b=[2]) == fingerprint(b=[2], a=1)
    assert fingerprint(a=1, b=[2]) != fingerprint(a=1, b=[3])


def test_a_table_fingerprint_ignores_row_order_and_other_columns() -> None:
    table = pd.DataFrame({"photo_id": ["b", "a"], "split": ["test", "train"], "note": ["x", "y"]})
    same = table.iloc[::-1].assign(note="z")
    other = table.assign(split="train")
    columns = ["photo_id", "split"]
    assert table_fingerprint(table, columns=columns) == table_fingerprint(same, columns=columns)
    assert table_fingerprint(table, columns=columns) != table_fingerprint(other, columns=columns)


def test_a_code_fingerprint_changes_with_one_character_of_a_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "planted_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "code.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = code_fingerprint("planted_package", "bentos.signing")
    (package / "code.py").write_text("x = 2\n")
    assert code_fingerprint("planted_package", "bentos.signing") != before


def test_a_code_fingerprint_of_a_module_that_is_not_there_is_refused() -> None:
    with pytest.raises(ModuleNotFoundError):
        code_fingerprint("bentos.no_such_module")


def test_records_travel_between_runs_as_json(tmp_path: Path) -> None:
    made = Member(fingerprint="f", name="fast", profile="demo", directory="members/f", metrics={"loss": 0.5})

    @dg.asset
    def fast_member() -> Member:
        return made

    @dg.asset
    def judged(fast_member: Member) -> Dataset:
        return Dataset(fingerprint=fast_member.fingerprint, path=fast_member.directory)

    resources = {"io_manager": JsonRecords(home=str(tmp_path))}
    with dg.DagsterInstance.ephemeral() as instance:
        assert dg.materialize([fast_member], instance=instance, resources=resources).success
        later = dg.materialize([fast_member, judged], selection=[judged], instance=instance, resources=resources)
    assert later.output_for_node("judged") == Dataset(fingerprint="f", path="members/f")
    assert {path.suffix for path in (tmp_path / "records").iterdir()} == {".json"}
