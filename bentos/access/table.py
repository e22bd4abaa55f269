"""Who may do what: the one table of operations with their REST routes, gRPC methods and scopes, and what each role has.

A route or method without a line here is refused while access control is on, and fails a test.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

_SERVICE: Final = "/rxvision.v1.MedicationIdentification/"
_HEALTH: Final = "/grpc.health.v1.Health/"


class Scope(StrEnum):
    """What a token or key may be good for, as it stands in the claim `scope`."""

    PREDICT = "rx:predict"
    BATCHES = "rx:batches"
    ALL_BATCHES = "rx:batches.all"
    MEDICATIONS = "rx:medications"
    FEEDBACK = "rx:feedback"
    MODEL = "rx:model"
    METRICS = "rx:metrics"
    RECEIPTS = "rx:receipts"
    PROMOTE = "rx:promote"
    EXPORT = "rx:export"
    ERASE = "rx:erase"
    ROTATE = "rx:rotate"


class Role(StrEnum):
    """What a person or machine is, as it stands in the claim `roles` (RFC 9068, section 2.2.3.1)."""

    CALLER = "caller"
    CLINICIAN = "clinician"
    DATA_SCIENTIST = "data_scientist"
    COMPLIANCE = "compliance"
    ADMIN = "admin"


STEP_UP: Final = frozenset({Scope.PROMOTE, Scope.EXPORT, Scope.ERASE, Scope.ROTATE})
_EVERYBODY: Final = frozenset({Scope.MEDICATIONS, Scope.MODEL, Scope.RECEIPTS})
SCOPES_OF: Final[Mapping[Role, frozenset[Scope]]] = MappingProxyType(
    {
        Role.CALLER: _EVERYBODY | {Scope.PREDICT, Scope.BATCHES},
        Role.CLINICIAN: _EVERYBODY | {Scope.PREDICT, Scope.FEEDBACK},
        Role.DATA_SCIENTIST: _EVERYBODY | {Scope.PREDICT, Scope.BATCHES, Scope.FEEDBACK, Scope.METRICS, Scope.PROMOTE},
        Role.COMPLIANCE: _EVERYBODY | {Scope.METRICS, Scope.EXPORT, Scope.ERASE, Scope.ROTATE},
        Role.ADMIN: _EVERYBODY | {Scope.METRICS, Scope.ALL_BATCHES, Scope.PROMOTE, Scope.ROTATE},
    }
)


@dataclass(frozen=True)
class Operation:
    """One thing that can be asked for, over REST, gRPC or both; without a scope it is open to everybody.

    Rate limits count under the name, so that both protocols share one counter.
    """

    name: str
    scope: Scope | None
    routes: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()


OPERATIONS: Final = (
    Operation("predict", Scope.PREDICT, ("POST /api/v1/predict",), (_SERVICE + "PredictMedication",)),
    Operation("predict_batch", Scope.PREDICT, ("POST /api/v1/predict/batch",), (_SERVICE + "PredictBatch",)),
    Operation("predict_stream", Scope.PREDICT, (), (_SERVICE + "PredictStream",)),
    Operation("model", Scope.MODEL, ("GET /api/v1/model",), (_SERVICE + "GetModelStatus",)),
    Operation("create_batch", Scope.BATCHES, ("POST /api/v1/batches",)),
    Operation("get_batch", Scope.BATCHES, ("GET /api/v1/batches/{batch_id}",)),
    Operation("get_batch_results", Scope.BATCHES, ("GET /api/v1/batches/{batch_id}/results",)),
    Operation("delete_batch", Scope.BATCHES, ("DELETE /api/v1/batches/{batch_id}",)),
    Operation("search_medications", Scope.MEDICATIONS, ("GET /api/v1/medications",)),
    Operation("get_medication", Scope.MEDICATIONS, ("GET /api/v1/medications/{medication_id}",)),
    Operation(
        "get_medication_picture", Scope.MEDICATIONS, ("GET /api/v1/medications/{medication_id}/pictures/{side}",)
    ),
    Operation("give_feedback", Scope.FEEDBACK, ("POST /api/v1/feedback",)),
    Operation("erase_subject", Scope.ERASE, ("POST /api/v1/subjects/erase",)),
    Operation("get_checkpoints", Scope.RECEIPTS, ("GET /api/v1/audit/checkpoints",), (_SERVICE + "GetCheckpoints",)),
    Operation("get_audit_key", Scope.RECEIPTS, ("GET /api/v1/audit/key",), (_SERVICE + "GetAuditKey",)),
    Operation("get_proof", Scope.RECEIPTS, ("GET /api/v1/audit/proofs/{request_id}",), (_SERVICE + "GetProof",)),
    Operation("metrics", Scope.METRICS, ("GET /metrics",)),
    Operation("health", None, ("GET /health",), (_HEALTH + "Check", _HEALTH + "Watch")),
    Operation("ready", None, ("GET /ready",)),
    Operation(
        "interface",
        None,
        ("GET /openapi.json", "HEAD /openapi.json"),
        ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",),
    ),
)
BY_ROUTE: Final = MappingProxyType({route: operation for operation in OPERATIONS for route in operation.routes})
BY_METHOD: Final = MappingProxyType({method: operation for operation in OPERATIONS for method in operation.methods})


def scopes_of(roles: Iterable[str], *, scopes: Iterable[str]) -> frozenset[Scope]:
    """What roles and scopes of a token come to: scopes of ours limit what its roles have, or stand for themselves.

    Other systems' scopes and roles say nothing here.
    """
    named = frozenset(Scope(name) for name in scopes if name in Scope.__members__.values())
    ours = [SCOPES_OF[Role(name)] for name in roles if name in Role.__members__.values()]
    if not ours:
        return named
    had = frozenset().union(*ours)
    return had & named if named else had
