"""Log records without what callers sent: of an exception its type and where it was raised, not what it says.

Messages of libraries' exceptions quote the input that they failed on. Our own named errors do not, and stay.
"""

import logging
import sqlite3
import traceback
from typing import Any, Final

from bentos.runtime.errors import RuntimeFault

_QUOTING: Final = "asyncio"  # writes the representation of whole tasks, with their arguments


class DiscreetRecord(logging.LogRecord):
    """A record whose exceptions are told without their messages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """As any record, then without the messages."""
        super().__init__(*args, **kwargs)
        if isinstance(self.args, tuple):
            self.args = tuple(said(one) if isinstance(one, BaseException) else one for one in self.args)
        if self.name == _QUOTING:
            self.msg, self.args = str(self.msg).partition("\n")[0], None
        if self.exc_info and self.exc_info[1] is not None:
            self.exc_text, self.exc_info = told(self.exc_info[1]), None


def be_discreet() -> None:
    """Make every record of this process, of any library, a discreet one."""
    logging.setLogRecordFactory(DiscreetRecord)


def said(error: BaseException) -> str:
    """What a log may hold of an exception."""
    name = type(error).__name__
    if isinstance(error, RuntimeFault | sqlite3.Error):
        return f"{name}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    return name


def told(error: BaseException) -> str:
    """Where an exception and its causes were raised: files, lines and functions, as Python prints them."""
    lines: list[str] = []
    for one in _chain(error):
        lines += ["Traceback (most recent call last):\n", *traceback.format_tb(one.__traceback__), f"{said(one)}\n"]
    return "".join(lines).rstrip("\n")


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and following not in found:
        found.append(following)
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)
    return found[::-1]
