"""Refusals of access: what the caller is told, and what the journal is told beside it."""

from typing import Final, Literal

from bentos.faults import ServiceFault

REALM: Final = "rxvision"
Error = Literal["invalid_request", "invalid_token", "insufficient_scope", "insufficient_user_authentication"]


class AccessFault(ServiceFault):
    """A caller who is not let in.

    `why` is one of a closed vocabulary, for the journal; `actor` is who it was, where that was proved. `headers` go
    with the answer over REST, and into the trailing metadata over gRPC: the challenge (RFC 6750, section 3), the rate.
    """

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        why: str,
        actor: str | None = None,
        headers: dict[str, str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(code, sentence, retry_after_s=retry_after_s)
        self.why = why
        self.actor = actor
        self.headers = headers or {}


def challenge(error: Error | None = None, sentence: str = "", **more: str) -> dict[str, str]:
    """The header `WWW-Authenticate`; without an error where no credentials were shown (RFC 6750, RFC 9470)."""
    facts = {"realm": REALM} | ({"error": error, "error_description": sentence} if error else {}) | more
    said = ", ".join(f'{name}="{value}"' for name, value in facts.items())
    return {"WWW-Authenticate": f"Bearer {said}"}


def no_credentials() -> AccessFault:
    """Neither a token nor a key came with the request."""
    sentence = "Send an access token as `Authorization: Bearer ...`, or an API key as `X-API-Key`."
    return AccessFault("no_credentials", sentence, why="no_credentials", headers=challenge())


def two_credentials() -> AccessFault:
    """More than one token or key came with the request (RFC 6750, section 2)."""
    sentence = "Send one token or one API key, once."
    return AccessFault(
        "two_credentials", sentence, why="two_credentials", headers=challenge("invalid_request", sentence)
    )


def bad_token(why: str, sentence: str, *, actor: str | None = None) -> AccessFault:
    """A token that is not accepted."""
    headers = challenge("invalid_token", sentence)
    return AccessFault("invalid_token", sentence, why=why, actor=actor, headers=headers)


def bad_key(why: str, *, actor: str | None = None) -> AccessFault:
    """An API key that is not accepted; the caller is not told why."""
    sentence = "This API key is unknown, expired or revoked."
    headers = challenge("invalid_token", sentence)
    return AccessFault("invalid_key", sentence, why=why, actor=actor, headers=headers)


def missing_scope(scope: str | None, *, actor: str) -> AccessFault:
    """A caller who is known but may not do this; without a scope nobody may."""
    sentence = f"This needs the scope {scope}." if scope else "Nobody has been given access to this."
    headers = challenge("insufficient_scope", sentence, **({"scope": scope} if scope else {}))
    return AccessFault("insufficient_scope", sentence, why="scope", actor=actor, headers=headers)


def others_thing(code: str, sentence: str, *, actor: str) -> AccessFault:
    """Something of another caller's; he is told the same as where there is no such thing, the journal more."""
    return AccessFault(code, sentence, why="owner", actor=actor)


def step_up_needed(*, actor: str, acr: tuple[str, ...], max_age_s: float | None) -> AccessFault:
    """A caller who has to prove again, or better, who he is (RFC 9470)."""
    sentence = "This needs a fresh or a stronger authentication."
    wanted = {"acr_values": " ".join(acr)} if acr else {}
    wanted |= {"max_age": f"{max_age_s:.0f}"} if max_age_s is not None else {}
    headers = challenge("insufficient_user_authentication", sentence, **wanted)
    return AccessFault("step_up_needed", sentence, why="step_up", actor=actor, headers=headers)
