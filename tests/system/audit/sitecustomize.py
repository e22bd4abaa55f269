"""Loaded by every Python process of a watched run: writes down where it connects and what names it looks up."""

import os
import sys

_WATCHED = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
    "socket.getnameinfo": 0,
}
_LOG = os.environ["RXVISION_TEST_CONNECTIONS"]


def _note(event: str, arguments: tuple) -> None:
    if event not in _WATCHED:
        return
    line = f"{event} {arguments[_WATCHED[event]]!r}\n"
    descriptor = os.open(_LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(descriptor, line.encode())
    os.close(descriptor)


sys.addaudithook(_note)
