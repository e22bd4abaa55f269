"""What the settings make of access control, checked before anything listens."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from bentos.access.api_keys import ACCESS_DIR, ApiKeys
from bentos.access.denials import Denials
from bentos.access.gate import Access
from bentos.access.issuer import ACCESS_TOKEN, LOCAL_AUDIENCE, LOCAL_ISSUER, LocalIssuer
from bentos.access.jwks import KeyCache, source_of
from bentos.access.limits import Policy, RateLimits
from bentos.access.network import is_loopback
from bentos.access.tokens import TokenVerifier
from bentos.faults import ServiceFault
from bentos.journal import Entry
from bentos.settings import Settings
from bentos.signing import secret

PSEUDONYM_KEY_FILE: Final = "actor_hmac.key"
RATES_FILE: Final = f"{ACCESS_DIR}/calls"


def check_access(settings: Settings) -> None:
    """See that the service is not open to a network by oversight, and that what it needs to verify tokens is given.

    Raises:
        ServiceFault: access_not_configured, access_misconfigured.
    """
    mode = settings.access_mode
    if mode in ("off", "local") and not is_loopback(settings.host) and not settings.allow_open:
        what = "Access control is not configured" if mode == "off" else "The development issuer is for this machine"
        sentence = (
            f"{what}, so the service does not listen at {settings.host}: set RXVISION_ACCESS_ISSUER, "
            "RXVISION_ACCESS_AUDIENCE and RXVISION_ACCESS_JWKS (docs/access.md), or RXVISION_ALLOW_OPEN=true."
        )
        raise ServiceFault("access_not_configured", sentence)
    if mode == "issuer" and not (settings.access_issuer and settings.access_audience and settings.access_jwks):
        sentence = "Tokens need RXVISION_ACCESS_ISSUER, RXVISION_ACCESS_AUDIENCE and RXVISION_ACCESS_JWKS, all three."
        raise ServiceFault("access_misconfigured", sentence)
    if mode == "issuer":
        source_of(settings.access_jwks or "", allow_http=settings.access_jwks_over_http)


def open_access(settings: Settings, *, append: Callable[[Entry], int], now: Callable[[], datetime]) -> Access:
    """The decision as the settings want it; `append` writes to the journal and raises journal_unavailable.

    Raises:
        ServiceFault: access_not_configured, access_misconfigured.
    """
    check_access(settings)
    on = settings.access_mode != "off"
    policies = (
        Policy("minute", settings.rate_per_minute, 60),
        Policy("hour", settings.rate_per_hour, 3600),
    )
    return Access(
        settings,
        tokens=_verifier(settings),
        keys=ApiKeys(settings.home, now=now) if on else None,
        limits=RateLimits(policies if on else (), redis_url=settings.redis_url, file=settings.home / RATES_FILE),
        denials=Denials(append, now=now),
        now=now,
    )


def _verifier(settings: Settings) -> TokenVerifier | None:
    if settings.access_mode == "issuer":
        place, issuer, audience = settings.access_jwks, settings.access_issuer, settings.access_audience
    elif settings.access_mode == "local":
        place = str(LocalIssuer(settings.home.resolve(), keys_dir=settings.keys_dir).jwks_path)
        issuer, audience = LOCAL_ISSUER, settings.access_audience or LOCAL_AUDIENCE
    else:
        return None
    keys = KeyCache(
        source_of(place or "", allow_http=settings.access_jwks_over_http),
        ttl_s=settings.access_jwks_ttl_s,
        max_age_s=settings.access_jwks_max_age_s,
        cooldown_s=settings.access_jwks_cooldown_s,
    )
    return TokenVerifier(
        keys,
        issuer=issuer or "",
        audience=audience or "",
        types=settings.access_types or (ACCESS_TOKEN,),
        roles_claim=settings.access_roles_claim,
        leeway_s=settings.access_leeway_s,
        pseudonym_key=secret(settings.keys_dir, name=PSEUDONYM_KEY_FILE),
    )
