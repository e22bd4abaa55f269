"""A person's own signed yes or no to one recogniser with one gallery and one verdict, and whether enough said yes."""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bentos.release import Digest
from bentos.runtime.contract import file_sha256
from bentos.runtime.errors import ContractError
from bentos.signing import Signed, key_id, parse_signed, sign, verify

PURPOSE: Final = "approval"
APPROVALS_DIR: Final = "approvals"
_SKEW: Final = timedelta(minutes=5)
_MOST_REASONS: Final = 12


class ApprovalError(Exception):
    """Promotion is refused: too few approvals count, or somebody said no; says why each does not count."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Bound(_Record):
    """What an approval is about; it is worth nothing for anything else. `verdict` is the SHA-256 of the signed file."""

    recogniser: Digest
    gallery: Digest
    verdict: Digest


class Approval(_Record):
    """One person's decision with its reason; valid until `expires_at`."""

    schema_version: Literal[1] = 1
    decision: Literal["approve", "refuse"]
    about: Bound
    reason: Annotated[str, Field(min_length=3, max_length=500)]
    at: AwareDatetime
    expires_at: AwareDatetime


class Approver(_Record):
    """Who may approve, by the public half of a key that only this person holds.

    `accounts` are the names under which the person launches runs (`person:anna`), as the journal has them.
    """

    name: Annotated[str, Field(min_length=1, max_length=80)]
    role: Annotated[str, Field(min_length=1, max_length=80)]
    public_key: Annotated[str, Field(description="the 32 raw bytes of the Ed25519 key, base64")]
    accounts: Annotated[tuple[str, ...], Field(min_length=1)]

    @field_validator("public_key")
    @classmethod
    def _is_a_key(cls, value: str) -> str:
        try:
            Ed25519PublicKey.from_public_bytes(base64.b64decode(value, validate=True))
        except (binascii.Error, ValueError) as error:
            raise ValueError("no raw Ed25519 key in base64") from error
        return value

    @property
    def key(self) -> Ed25519PublicKey:
        """The key that this person's approvals verify with."""
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(self.public_key))


class ApprovalRules(_Record):
    """How many approvals a promotion needs, by whom, and how old they may be."""

    needed: Annotated[int, Field(ge=0, le=9, description="different people who must say yes; 0 asks nobody")] = 0
    roles: Annotated[tuple[str, ...], Field(description="each must be among those who said yes")] = ()
    max_age_days: Annotated[int, Field(ge=1, le=366, description="older approvals do not count")] = 30
    approvers: tuple[Approver, ...] = ()

    @model_validator(mode="after")
    def _can_be_met(self) -> "ApprovalRules":
        for field in ("name", "public_key"):
            values = [getattr(one, field) for one in self.approvers]
            if len(set(values)) < len(values):
                raise ValueError(f"two approvers share one {field}")
        if self.needed > len(self.approvers):
            raise ValueError(f"{self.needed} approvals are needed, {len(self.approvers)} people may give one")
        if missing := set(self.roles) - {one.role for one in self.approvers}:
            raise ValueError(f"nobody has the role {', '.join(sorted(missing))}")
        return self


@dataclass(frozen=True)
class Given:
    """An approval that counts, by whom, and the SHA-256 of its file."""

    approver: Approver
    approval: Approval
    sha256: str


def approve(
    about: Bound,
    *,
    key: Ed25519PrivateKey,
    reason: str,
    now: datetime,
    valid: timedelta,
    decision: Literal["approve", "refuse"] = "approve",
) -> Signed:
    """A decision signed with the approver's own key."""
    made = Approval(decision=decision, about=about, reason=reason, at=now, expires_at=now + valid)
    return sign(made.model_dump(mode="json"), key=key, purpose=PURPOSE)


def write_approval(signed: Signed, directory: Path) -> Path:
    """Write a decision under a name of its own; returns the file."""
    directory.mkdir(parents=True, exist_ok=True)
    data = (signed.model_dump_json(indent=1) + "\n").encode()
    path = directory / f"{signed.key_id}-{hashlib.sha256(data).hexdigest()[:12]}.json"
    path.write_bytes(data)
    return path


def approval_files(home: Path) -> list[Path]:
    """Every decision that was handed in below a home."""
    return sorted((home / APPROVALS_DIR).glob("*.json"))


def read_private_key(path: Path, *, password: str | None = None) -> Ed25519PrivateKey:
    """A person's private key, PEM.

    Raises:
        ContractError: no such file, another kind of key, encrypted without a password given, or a wrong one.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=password.encode() if password else None)
    except (OSError, TypeError, ValueError) as error:
        raise ContractError(f"no private key can be read from {path}: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ContractError(f"{path} holds no Ed25519 key")
    return key


def raw_public(key: Ed25519PublicKey) -> str:
    """The key as rules name it: its raw bytes, base64."""
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def demand_approvals(
    files: Iterable[Path], *, about: Bound, rules: ApprovalRules, launched_by: Sequence[str | None], now: datetime
) -> list[Given]:
    """The approvals that let a promotion pass, none where none are needed.

    `launched_by` are those who launched the training and the promotion; neither approves, and where approvals are
    needed both must be known.

    Raises:
        ApprovalError: too few count, a role is missing, somebody who may approve said no, or nobody recorded who
            launched the run.
    """
    if rules.needed == 0:
        return []
    if None in launched_by:
        raise ApprovalError("who launched the run is not recorded, so nobody can be kept from approving his own work")
    latest: dict[str, Given] = {}
    reasons: list[str] = []
    for path in files:
        found = _counted(path, about=about, rules=rules, launched_by=launched_by, now=now)
        if isinstance(found, str):
            reasons.append(f"{path.name}: {found}")
        elif (known := latest.get(found.approver.name)) is None or known.approval.at <= found.approval.at:
            latest[found.approver.name] = found
    given = sorted(latest.values(), key=lambda one: one.approval.at)
    _enough(given, rules=rules, reasons=reasons[:_MOST_REASONS])
    return given


def _enough(given: Sequence[Given], *, rules: ApprovalRules, reasons: Sequence[str]) -> None:
    if refused := [one for one in given if one.approval.decision == "refuse"]:
        said = "; ".join(f"{one.approver.name} ({one.approver.role}): {one.approval.reason}" for one in refused)
        raise ApprovalError(f"refused by {said}")
    why = f" ({'; '.join(reasons)})" if reasons else ""
    if len(given) < rules.needed:
        raise ApprovalError(f"{rules.needed} approvals are needed, {len(given)} count{why}")
    if missing := set(rules.roles) - {one.approver.role for one in given}:
        raise ApprovalError(f"nobody with the role {', '.join(sorted(missing))} approved{why}")


def _counted(
    path: Path, *, about: Bound, rules: ApprovalRules, launched_by: Sequence[str | None], now: datetime
) -> Given | str:
    """The approval of a file, or why it does not count."""
    try:
        signed = parse_signed(path.read_bytes(), origin=path.name)
        approver = next((one for one in rules.approvers if key_id(one.key) == signed.key_id), None)
        if approver is None:
            return f"key {signed.key_id} is nobody's who may approve"
        approval = Approval.model_validate(verify(signed, key=approver.key, purpose=PURPOSE))
    except (ContractError, ValidationError) as error:
        return f"no valid approval: {error}"
    if wrong := _stands(approval, about=about, max_age=timedelta(days=rules.max_age_days), now=now):
        return f"{approver.name}'s approval {wrong}"
    if launched := sorted(set(approver.accounts) & set(filter(None, launched_by))):
        return f"{approver.name} launched the run as {launched[0]}"
    return Given(approver, approval, "sha256:" + file_sha256(path))


def _stands(approval: Approval, *, about: Bound, max_age: timedelta, now: datetime) -> str | None:
    """What is wrong with an approval for this promotion now; None where nothing is."""
    for name in Bound.model_fields:
        if getattr(approval.about, name) != getattr(about, name):
            return f"is about another {name}: {getattr(approval.about, name)[7:19]}"
    if approval.at > now + _SKEW:
        return f"is dated in the future: {approval.at.isoformat()}"
    if now >= min(approval.expires_at, approval.at + max_age):
        return f"has expired; it is of {approval.at.isoformat()}"
    return None
