"""Log records: where an exception was raised and of what type it is, never what it says; our own errors do say."""

import asyncio
import io
import logging
import sqlite3
from collections.abc import Iterator

import pytest

from bentos.faults import ServiceFault
from bentos.privacy.discreet import be_discreet

SECRET = "Ann Miller 1960"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    factory, text = logging.getLogRecordFactory(), io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    be_discreet()
    root = logging.getLogger()
    root.addHandler(handler)
    yield text
    root.removeHandler(handler)
    logging.setLogRecordFactory(factory)


def raised(error: Exception) -> Exception:
    try:
        try:
            int(SECRET)
        except ValueError as cause:
            raise error from cause
    except type(error) as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [
        ValueError(SECRET),
        KeyError(SECRET),
        UnicodeDecodeError("utf-8", SECRET.encode(), 0, 1, SECRET),
        FileNotFoundError(2, "No such file or directory", f"/home/{SECRET}.jpg"),
    ],
)
def test_a_traceback_tells_the_place_and_the_type_alone(log: io.StringIO, error: Exception) -> None:
    logging.getLogger("any.library").error("it failed", exc_info=raised(error))
    assert "Miller" not in log.getvalue()
    assert "test_discreet.py" in log.getvalue()
    assert "in raised" in log.getvalue()
    assert log.getvalue().count("Traceback (most recent call last):") == 2
    assert type(error).__name__ in log.getvalue()


def test_an_exception_as_an_argument_is_told_by_its_type(log: io.StringIO) -> None:
    logging.getLogger("x").error("%s and %s", ValueError(SECRET), "text")
    logging.getLogger("x").error("%s", ServiceFault("busy", "Try again."))
    logging.getLogger("x").error("%s", sqlite3.OperationalError("database is locked"))
    assert log.getvalue().splitlines() == [
        "ERROR ValueError and text",
        "ERROR ServiceFault: busy: Try again.",
        "ERROR OperationalError: database is locked",
    ]


def test_a_task_that_nobody_waited_for_is_not_written_out(log: io.StringIO) -> None:
    async def forgotten(text: str) -> None:
        raise ValueError(text)

    async def begin() -> None:
        task = asyncio.get_running_loop().create_task(forgotten(SECRET), name=SECRET)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task

    asyncio.run(begin())
    assert "never retrieved" in log.getvalue()
    assert "Miller" not in log.getvalue()
