"""API keys: shown once, kept as hashes, ended and revoked; and the commands that do so."""

import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bentos.access.api_keys import ApiKeys
from bentos.access.faults import AccessFault
from bentos.access.table import SCOPES_OF, Role, Scope
from bentos.cli import app
from bentos.faults import ServiceFault
from bentos.journal import Journal
from bentos.settings import Settings

START = datetime(2026, 1, 1, tzinfo=UTC)


class Moment:
    """A time that passes when told to."""

    now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def moment() -> Moment:
    return Moment()


@pytest.fixture
def keys(tmp_path: Path, moment: Moment) -> ApiKeys:
    return ApiKeys(tmp_path, now=moment)


def refused(keys: ApiKeys, text: str) -> AccessFault:
    with pytest.raises(AccessFault) as caught:
        keys.verify(text)
    assert caught.value.code == "invalid_key"
    return caught.value


def test_a_key_is_good_for_its_scopes_until_its_end(keys: ApiKeys, moment: Moment) -> None:
    key, text = keys.add("scanner", scopes=(Scope.PREDICT,), days=1)
    caller = keys.verify(text)
    assert (caller.actor, caller.scopes) == (f"key:{key.key_id}", {Scope.PREDICT})
    moment.now = START + timedelta(days=1)
    fault = refused(keys, text)
    assert (fault.why, fault.actor) == ("expired", caller.actor)


def test_the_secret_is_kept_nowhere_and_the_file_is_its_owners(keys: ApiKeys, tmp_path: Path) -> None:
    _, text = keys.add("scanner", scopes=(Scope.PREDICT,), days=1)
    secret = text.rpartition("_")[2]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if secret in path.read_text() or text in path.read_text()]
    assert stat.S_IMODE((tmp_path / "access" / "api_keys.json").stat().st_mode) == 0o600


def test_a_revoked_key_is_refused_by_a_service_that_took_it_before(tmp_path: Path, keys: ApiKeys) -> None:
    serving = ApiKeys(tmp_path, now=Moment())
    key, text = keys.add("scanner", scopes=(Scope.PREDICT,), days=1)
    assert serving.verify(text)
    keys.revoke(key.key_id)
    assert refused(serving, text).why == "revoked"


SPOILED = {
    "in capitals": str.upper,
    "cut": lambda text: text[:-1],
    "longer": lambda text: text + "x",
    "without its prefix": lambda text: text.partition("_")[2],
    "without its secret": lambda text: "_".join(text.split("_")[:2]) + "_",
    "prefix only": lambda _: "rxk_",
    "empty": lambda _: "",
    "with a letter of another alphabet": lambda text: text + "ü",
    "a hundred times": lambda text: text * 100,
    "of another id": lambda text: text.replace("rxk_", "rxk_f"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_not_exactly_the_key_is_refused(keys: ApiKeys, name: str) -> None:
    _, text = keys.add("scanner", scopes=(Scope.PREDICT,), days=1)
    assert refused(keys, SPOILED[name](text)).why == "unknown_api_key"


def test_two_keys_do_not_mix(keys: ApiKeys) -> None:
    one, two = (keys.add(name, scopes=(Scope.PREDICT,), days=1)[1] for name in ("a", "b"))
    mixed = "_".join([*one.split("_", 2)[:2], two.split("_", 2)[2]])
    assert refused(keys, mixed).actor is None


def test_a_damaged_file_lets_nobody_in(keys: ApiKeys, tmp_path: Path) -> None:
    _, text = keys.add("scanner", scopes=(Scope.PREDICT,), days=1)
    path = tmp_path / "access" / "api_keys.json"
    path.write_text(path.read_text().replace("scopes", "scope"))
    with pytest.raises(ServiceFault, match="access_misconfigured"):
        keys.verify(text)


def ran(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["keys", *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_the_commands_make_list_and_revoke_and_each_is_journalled() -> None:
    text = ran("add", "scanner of ward 7", "--role", "caller", "--days", "30").strip()
    assert re.fullmatch(r"rxk_[0-9a-f]{12}_[\w-]{43}", text)
    key_id = text.split("_")[1]
    assert re.search(rf"{key_id}  good +until .*rx:predict.*scanner of ward 7", ran("list"))
    ran("revoke", key_id)
    assert f"{key_id}  revoked" in ran("list")
    entries = Journal(Settings().journal_url).entries(action="access")
    assert [entry.outcome for entry in entries] == ["key_added", "key_revoked"]
    assert {entry.payload["key_id"] for entry in entries} == {key_id}
    assert text not in str(entries)
    assert set(entries[0].payload["scopes"]) == SCOPES_OF[Role.CALLER]


def test_a_key_without_a_scope_is_not_made() -> None:
    assert CliRunner().invoke(app, ["keys", "add", "idle"]).exit_code == 2
    assert not ApiKeys(Settings().home, now=Moment()).all()


def test_a_key_that_there_is_not_cannot_be_revoked() -> None:
    assert isinstance(CliRunner().invoke(app, ["keys", "revoke", "none"]).exception, ServiceFault)
