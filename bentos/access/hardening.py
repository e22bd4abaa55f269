"""The outermost layer of REST: security headers on every answer, and CORS, which is closed unless origins are named."""

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bentos.access.tls import HSTS
from bentos.problems import REQUEST_ID_HEADER
from bentos.rollout.assign import SESSION_KEY_HEADER
from bentos.rpc.keys import API_KEY_KEY
from bentos.settings import Settings

ANSWER_HEADERS: Final = "answer_headers"
# Answers are data, never a page: nothing in them may be run, framed, guessed at or kept (OWASP REST Security).
_ALWAYS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
)
_PREFLIGHT_S: Final = 600
_SENT: Final = ("Authorization", "Content-Type", API_KEY_KEY, REQUEST_ID_HEADER, SESSION_KEY_HEADER)
_READ: Final = (REQUEST_ID_HEADER, "RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "Location")


class Hardened:
    """ASGI middleware; what the application itself says of a header stands."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Wrap `app`."""
        self._app = _with_cors(app, settings.cors_origins) if settings.cors_origins else app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back with its headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_hardened(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in (*_ALWAYS, *scope.get("state", {}).get(ANSWER_HEADERS, {}).items()):
                    headers.setdefault(name, value)
                if scope.get("scheme") == "https":
                    headers.setdefault("Strict-Transport-Security", HSTS)
            await send(message)

        await self._app(scope, receive, send_hardened)


def _with_cors(app: ASGIApp, origins: tuple[str, ...]) -> CORSMiddleware:
    """Cookies and the like are never allowed: credentials come in headers that a page has to add itself."""
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "POST", "DELETE"),
        allow_headers=_SENT,
        expose_headers=_READ,
        allow_credentials=False,
        max_age=_PREFLIGHT_S,
    )
