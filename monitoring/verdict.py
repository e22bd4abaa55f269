"""The verdict: a signed statement that exactly this recogniser passed, or failed, these gates."""

from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, ValidationError

from bentos.runtime.errors import ContractError
from bentos.signing import parse_signed, sign, verify
from monitoring.evaluate import evaluation_digest
from monitoring.gates import Gates, failures_in_words

PURPOSE = "verdict"


class VerdictError(Exception):
    """Promotion is refused: no verdict, a failed one, or one that is not about this recogniser."""


class Verdict(BaseModel):
    """What was judged (digests), by which policy, how it went, and when; `launched_by` made the recogniser, if known.

    A field that was added later has a default, so that verdicts signed before keep their meaning.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    recogniser: str
    gallery: str
    evaluation: str
    champion: str | None
    gates: Gates
    passed: bool
    at: str
    launched_by: str | None = None
    champion_evaluation: str | None = None


def reach_verdict(
    evaluation: dict[str, Any],
    *,
    gates: Gates,
    champion: dict[str, Any] | None = None,
    at: str,
    launched_by: str | None = None,
) -> Verdict:
    """Bind the gates to the digests of the evaluation they judged."""
    about = evaluation["about"]
    return Verdict(
        recogniser=about["recogniser"],
        gallery=about["gallery"],
        evaluation=evaluation_digest(evaluation),
        champion=champion["about"]["recogniser"] if champion else None,
        gates=gates,
        passed=gates.passed,
        at=at,
        launched_by=launched_by,
        champion_evaluation=evaluation_digest(champion) if champion else None,
    )


def write_verdict(verdict: Verdict, path: Path, *, key: Ed25519PrivateKey) -> Path:
    """Sign the verdict and write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    signed = sign(verdict.model_dump(mode="json"), key=key, purpose=PURPOSE)
    path.write_text(signed.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path


def read_verdict(path: Path, *, key: Ed25519PublicKey) -> Verdict:
    """Read a verdict that `key` signed.

    Raises:
        VerdictError: there is none, it is unsigned or altered, or it is not of this form.
    """
    try:
        payload = verify(parse_signed(path.read_bytes(), origin=str(path)), key=key, purpose=PURPOSE)
        return Verdict.model_validate(payload)
    except FileNotFoundError as error:
        raise VerdictError(f"there is no verdict at {path}") from error
    except (ContractError, ValidationError) as error:
        raise VerdictError(f"{path} is no verdict: {error}") from error


def demand(verdict: Verdict, *, recogniser: str) -> None:
    """The lock of promotion: pass only on a passing verdict about exactly this recogniser.

    Raises:
        VerdictError: the verdict is about another recogniser, failed, or contradicts its own gates.
    """
    if verdict.recogniser != recogniser:
        raise VerdictError(f"the verdict is about recogniser {verdict.recogniser}, not about {recogniser}")
    if not verdict.passed or not verdict.gates.passed:
        failed = "; ".join(failures_in_words(verdict.gates.gates)) or "the verdict says so"
        raise VerdictError(f"recogniser {recogniser} did not pass its gates: {failed}")
