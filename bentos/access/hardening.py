"""Security headers on everything that the web server answers; and CORS, which is closed unless origins are named."""

from collections.abc import Callable, Iterable
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


def always(scheme: str) -> tuple[tuple[str, str], ...]:
    """The headers of every answer over `http` or `https`."""
    return (*_ALWAYS, ("Strict-Transport-Security", HSTS)) if scheme == "https" else _ALWAYS


class Sheltered:
    """ASGI middleware around all that answers, BentoML's own probes too; what an answer says itself stands."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back with its headers."""
        if scope["type"] == "http":
            await self._app(scope, receive, _with_headers(send, lambda: always(scope.get("scheme", ""))))
        else:
            await self._app(scope, receive, send)


class Hardened:
    """ASGI middleware around our application: how often its caller may ask, and pages of other origins."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        """Wrap `app`."""
        self._app = _with_cors(app, settings.cors_origins) if settings.cors_origins else app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and the answer back with its headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        state = scope.setdefault("state", {})
        await self._app(scope, receive, _with_headers(send, lambda: state.get(ANSWER_HEADERS, {}).items()))


def _with_headers(send: Send, headers: Callable[[], Iterable[tuple[str, str]]]) -> Send:
    """Sends an answer with the headers that it lacks, as they are when it begins."""

    async def send_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = MutableHeaders(scope=message)
            for name, value in headers():
                own.setdefault(name, value)
        await send(message)

    return send_on


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
