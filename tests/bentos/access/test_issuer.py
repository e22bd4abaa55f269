"""The development issuer: one command makes its key, its key set and a token that a local service takes."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner

from bentos.access.issuer import LocalIssuer
from bentos.access.table import Role
from bentos.cli import app
from bentos.journal import Journal
from bentos.settings import Settings
from tests.bentos.access.guarded import bearer
from tests.bentos.conftest import tiny_home
from tests.bentos.rest_client import app_of, client_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def printed(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["token", *arguments])
    assert done.exit_code == 0, done.output
    return done.output.strip()


def test_one_command_is_enough_for_a_local_token(tmp_path: Path, bundle: Path) -> None:
    tiny_home(tmp_path / "home", bundle=bundle)
    text = printed("--role", "data_scientist")
    service = app_of(Settings(home=tmp_path / "home", access="local", packed_home=tmp_path / "none"))
    with client_of(service) as client:
        assert client.get("/api/v1/model", headers=bearer(text)).status_code == 200
        assert client.get("/metrics", headers=bearer(text)).status_code == 200
        assert client.get("/api/v1/model", headers=bearer(text + "x")).status_code == 401
        assert client.get("/api/v1/model").status_code == 401
    service.state.answering.close()


def test_the_key_is_its_owners_and_the_key_set_tells_no_secret() -> None:
    printed("--role", "clinician")
    settings = Settings()
    assert stat.S_IMODE((settings.keys_dir / "issuer.key").stat().st_mode) == 0o600
    (member,) = json.loads((settings.home / "access" / "jwks.json").read_text())["keys"]
    assert sorted(member) == ["alg", "crv", "kid", "kty", "use", "x"]


def test_a_token_says_who_it_is_for_and_how_the_person_was_authenticated() -> None:
    text = printed("--role", "compliance", "--role", "admin", "--acr", "gold", "--amr", "pwd", "--amr", "otp")
    claims = jwt.decode(text, options={"verify_signature": False})
    assert (claims["roles"], claims["acr"], claims["amr"]) == (["compliance", "admin"], "gold", ["pwd", "otp"])
    assert claims["exp"] - claims["iat"] == 3600
    assert jwt.get_unverified_header(text)["typ"] == "at+jwt"


def test_that_a_token_was_made_is_journalled_but_not_the_token() -> None:
    text = printed("--role", "admin", "--subject", "ann")
    (entry,) = Journal(Settings().journal_url).entries(action="access")
    assert (entry.outcome, entry.payload) == ("token", {"roles": ["admin"], "hours": 1.0})
    assert text.split(".")[2] not in str(entry)


def test_a_new_key_makes_the_old_tokens_worthless(tmp_path: Path) -> None:
    keys_dir = tmp_path / "keys"
    one = LocalIssuer(tmp_path, keys_dir=keys_dir)
    before = json.loads(one.jwks_path.read_text())
    assert json.loads(LocalIssuer(tmp_path, keys_dir=keys_dir).jwks_path.read_text()) == before
    for name in ("issuer.key", "issuer.pub"):
        (keys_dir / name).unlink()
    other = LocalIssuer(tmp_path, keys_dir=keys_dir)
    assert json.loads(other.jwks_path.read_text()) != before
    text = other.token("ann", roles=[Role.CALLER], audience="rxvision", lifetime=timedelta(hours=1), now=NOW)
    kid = jwt.get_unverified_header(text)["kid"]
    assert [member["kid"] for member in json.loads(other.jwks_path.read_text())["keys"]] == [kid]


@pytest.mark.parametrize("arguments", [[], ["--role", "king"], ["--role", "admin", "--hours", "0"]])
def test_a_token_needs_a_role_that_there_is_and_an_end(arguments: list[str]) -> None:
    assert CliRunner().invoke(app, ["token", *arguments]).exit_code == 2
