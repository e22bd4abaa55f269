"""The table of access has a line for every route and method there is, and none for what there is not."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from bentos.access.table import BY_METHOD, BY_ROUTE, OPERATIONS, SCOPES_OF, STEP_UP, Role, Scope, scopes_of
from bentos.proto.rxvision.v1 import medication_identification_pb2 as pb
from bentos.rest import create_app
from bentos.settings import Settings
from tests.bentos.access.forge import token
from tests.bentos.access.guarded import bearer, guarded_settings
from tests.bentos.rest_client import app_of, client_of


def routes(app: FastAPI) -> set[str]:
    return {f"{method} {route.path}" for route in iter_route_contexts(app.routes) for method in route.methods or ()}


def methods() -> set[str]:
    services = [s for file in (pb, health_pb2, reflection_pb2) for s in file.DESCRIPTOR.services_by_name.values()]
    return {f"/{service.full_name}/{method.name}" for service in services for method in service.methods}


def test_every_rest_route_has_its_line_and_every_line_its_route() -> None:
    assert routes(create_app()) == set(BY_ROUTE)


def test_every_grpc_method_has_its_line_and_every_line_its_method() -> None:
    assert methods() == set(BY_METHOD)


def test_a_route_or_method_stands_in_one_line_only() -> None:
    named = [name for operation in OPERATIONS for name in (*operation.routes, *operation.methods)]
    assert len(named) == len(set(named))
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)


def test_an_added_route_is_found_missing_and_refused_to_everybody(tmp_path: Path, bundle: Path) -> None:
    app = app_of(guarded_settings(tmp_path / "home", bundle=bundle))
    app.add_api_route("/api/v1/forgotten", lambda: {"secret": 1}, methods=["GET"])
    assert routes(app) - set(BY_ROUTE) == {"GET /api/v1/forgotten"}
    with client_of(app) as client:
        everything = bearer(token(roles=[role.value for role in Role]))
        response = client.get("/api/v1/forgotten", headers=everything)
        assert (response.status_code, response.json()["code"]) == (403, "insufficient_scope")
        assert client.get("/api/v1/forgotten").status_code == 401
    app.state.answering.close()


ASKED = {
    "GET /api/v1/batches/{batch_id}": "/api/v1/batches/00000000-0000-0000-0000-000000000000",
    "GET /api/v1/batches/{batch_id}/results": "/api/v1/batches/00000000-0000-0000-0000-000000000000/results",
    "DELETE /api/v1/batches/{batch_id}": "/api/v1/batches/00000000-0000-0000-0000-000000000000",
    "GET /api/v1/medications/{medication_id}": "/api/v1/medications/none",
    "GET /api/v1/medications/{medication_id}/pictures/{side}": "/api/v1/medications/none/pictures/front",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, bundle: Path) -> TestClient:
    app = app_of(guarded_settings(tmp_path_factory.mktemp("table") / "home", bundle=bundle))
    with client_of(app) as client:
        yield client
    app.state.answering.close()


@pytest.mark.parametrize("role", list(Role))
def test_a_role_gets_exactly_the_routes_that_the_table_gives_it(client: TestClient, role: Role) -> None:
    headers = bearer(token(roles=[role.value]))
    for route, operation in BY_ROUTE.items():
        method, _, template = route.partition(" ")
        status = client.request(method, ASKED.get(route, template), headers=headers).status_code
        allowed = operation.scope is None or operation.scope in SCOPES_OF[role]
        assert (status != 403) == allowed, (role, route, status)
        assert status != 401, (role, route)


def test_without_credentials_only_what_is_open_is_open(client: TestClient) -> None:
    for route, operation in BY_ROUTE.items():
        method, _, template = route.partition(" ")
        status = client.request(method, ASKED.get(route, template)).status_code
        assert (status == 401) == (operation.scope is not None), route


def test_no_role_may_do_everything_and_every_scope_is_somebodys() -> None:
    assert not [role for role, scopes in SCOPES_OF.items() if scopes == frozenset(Scope)]
    assert frozenset().union(*SCOPES_OF.values()) == frozenset(Scope)
    assert {Scope.PROMOTE, Scope.EXPORT, Scope.ERASE, Scope.ROTATE} == STEP_UP


def test_who_may_erase_may_not_promote_and_who_runs_the_service_sees_no_picture_answered() -> None:
    assert Scope.PROMOTE not in SCOPES_OF[Role.COMPLIANCE]
    assert Scope.ERASE not in SCOPES_OF[Role.ADMIN]
    assert Scope.PREDICT not in SCOPES_OF[Role.ADMIN]
    assert scopes_of(["admin"], scopes=["rx:predict"]) == frozenset()


def test_off_means_that_everybody_may_do_everything(tmp_path: Path, settings: Settings) -> None:
    app = app_of(settings)
    with client_of(app) as client:
        assert client.get("/api/v1/model").status_code == 200
        assert client.get("/api/v1/model", headers=bearer("nonsense")).status_code == 200
    app.state.answering.close()
