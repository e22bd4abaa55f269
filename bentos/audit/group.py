"""Group commit: entries that arrive while one transaction runs go into the next one together."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, Generic, TypeVar

from sqlalchemy.exc import OperationalError, SQLAlchemyError

Item = TypeVar("Item")
Result = TypeVar("Result")
MAX_TOGETHER: Final = 256


class GroupCommit(Generic[Item, Result]):
    """Whoever finds nobody writing writes for all who wait; each waits until its own item is durable.

    There is no thread of its own, so nothing has to be ended. Safe across threads.
    """

    def __init__(self, commit: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        """`commit` writes items in their order in one transaction and returns one result each."""
        self._commit = commit
        self._arriving = threading.Lock()
        self._writing = threading.Lock()
        self._waiting: list[tuple[Item, Future[Result]]] = []

    def place(self, item: Item) -> Result:
        """Commit one item, alone or with others, and return its result.

        Raises:
            SQLAlchemyError: it could not be committed; it is not in the database.
        """
        ticket: Future[Result] = Future()
        with self._arriving:
            self._waiting.append((item, ticket))
        with self._writing:
            while not ticket.done():
                self._write()
        return ticket.result()

    def _write(self) -> None:
        together = self._next()
        try:
            self._settle(together)
        finally:
            for _, ticket in together:
                if not ticket.done():  # the writer was interrupted; nobody may wait for ever
                    ticket.set_exception(OperationalError("interrupted while committing", None, OSError()))

    def _next(self) -> list[tuple[Item, Future[Result]]]:
        with self._arriving:
            together, self._waiting = self._waiting[:MAX_TOGETHER], self._waiting[MAX_TOGETHER:]
        return together

    def _settle(self, together: Sequence[tuple[Item, Future[Result]]]) -> None:
        """Commit all at once; what the database refuses in one of them must not fail the others."""
        try:
            results = self._commit([item for item, _ in together])
        except SQLAlchemyError as error:
            if len(together) > 1 and not isinstance(error, OperationalError):
                for one in together:
                    self._settle([one])
                return
            for _, ticket in together:
                ticket.set_exception(error)
            return
        for (_, ticket), result in zip(together, results, strict=True):
            ticket.set_result(result)
