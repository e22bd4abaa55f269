"""What a client shows with every call: an access token or an API key."""

from collections.abc import Callable

from bentos.rpc.keys import API_KEY_KEY, AUTHORIZATION_KEY

Token = str | Callable[[], str]


def shown(token: Token | None, api_key: str | None) -> dict[str, str]:
    """The header of REST, and metadata of gRPC; a token that is a function is asked for at each call, as it may end.

    Raises:
        ValueError: both were given.
    """
    if token and api_key:
        raise ValueError("give a token or an API key, not both")
    if api_key:
        return {API_KEY_KEY: api_key}
    current = token() if callable(token) else token
    return {AUTHORIZATION_KEY: f"Bearer {current}"} if current else {}
