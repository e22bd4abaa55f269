"""Access control of the REST interface: one dependency of every route, before a body is read."""

from fastapi import Request

from bentos.access.caller import Caller, shown
from bentos.access.faults import AccessFault, others_thing
from bentos.access.hardening import ANSWER_HEADERS
from bentos.access.network import is_remote_address
from bentos.access.table import BY_ROUTE
from bentos.answering import Answering
from bentos.faults import ServiceFault
from bentos.rpc.keys import API_KEY_KEY


async def guard(request: Request) -> None:
    """Let the caller of a route in, as `request.state.caller`.

    Raises:
        AccessFault: he is refused.
        ServiceFault: keys_unavailable, journal_unavailable; access_not_configured, the request came from a network and
            nothing says who may.
    """
    answering: Answering = request.app.state.answering
    route = f"{request.method} {request.scope['route'].path}"
    if not answering.access.on and not answering.settings.allow_open:
        _refuse_the_network(request)
    try:
        caller, headers = await answering.access.admit(
            BY_ROUTE.get(route),
            lambda: shown(request.headers.getlist("authorization"), request.headers.getlist(API_KEY_KEY)),
            method=route,
            request_id=request.state.request_id,
        )
    except AccessFault as fault:
        answering.refused(fault.code)
        raise
    request.state.caller = caller
    setattr(request.state, ANSWER_HEADERS, headers)


def caller_of(request: Request) -> Caller:
    """Who was let in."""
    return request.state.caller


def actor_of(request: Request) -> str:
    """How the journal names who was let in."""
    return caller_of(request).actor


async def hide(request: Request, code: str, sentence: str) -> AccessFault:
    """The refusal of something that is another caller's, which is journalled."""
    fault = others_thing(code, sentence, actor=actor_of(request))
    access, route = request.app.state.answering.access, f"{request.method} {request.scope['route'].path}"
    await access.journal(fault, method=route, request_id=request.state.request_id)
    return fault


def _refuse_the_network(request: Request) -> None:
    """Also where another command than ours opened the port: who starts BentoML itself gets 0.0.0.0 from it."""
    host, _ = request.scope.get("server") or ("", None)
    if is_remote_address(host):
        sentence = "Access control is not configured; this service answers on the loopback only."
        raise ServiceFault("access_not_configured", sentence)
