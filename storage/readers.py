"""Reads beside the writer: a read-only connection for each thread, and two lanes of threads that ask."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from storage.errors import LedgerUnavailable
from storage.sqlite import open_reader

P = ParamSpec("P")
T = TypeVar("T")
Query = Callable[Concatenate[sqlite3.Connection, P], T]

LOOKUPS = 4  # threads for quick questions: the house's own, and a caller's about one task
SEARCHES = 2  # threads for what may walk through the whole ledger: more of them would take the cores from paid work
LOOK_EVERY = 100_000  # instructions of SQLite, a few milliseconds, after which a query looks whether it should go on
CLOSED = "The ledger is closed."


class Reader(NamedTuple):
    """One thread's connection. `busy` is held while it is asked, and while it is closed."""

    connection: sqlite3.Connection
    busy: threading.Lock


class Readers:
    """Answers queries (functions whose first argument is a read-only connection) until it is closed.

    Lookups and searches wait in lanes of their own, so that no search makes the house wait.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._all: list[Reader] = []
        self._guard = threading.Lock()  # nothing begins once `_closing` is set
        self._closing = False
        self._lookups = ThreadPoolExecutor(LOOKUPS, "ledger-lookup")
        self._searches = ThreadPoolExecutor(SEARCHES, "ledger-search")

    def query(self, query: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask on this very thread. Raises LedgerUnavailable when the ledger is closed before the answer is there."""
        reader: Reader = getattr(self._local, "reader", None) or self._open()
        with reader.busy:
            if self._closing:
                raise LedgerUnavailable(CLOSED)
            try:
                return query(reader.connection, *args, **kwargs)
            except sqlite3.OperationalError as error:
                if self._closing:
                    raise LedgerUnavailable(CLOSED) from error
                raise

    async def read(self, query: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask what is quickly answered; raises what `query` does."""
        return await self._ask(self._lookups, lambda: self.query(query, *args, **kwargs))

    async def search(self, query: Query[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask what may take long; raises what `query` does."""
        return await self._ask(self._searches, lambda: self.query(query, *args, **kwargs))

    def close(self) -> None:
        """Let no query begin, cut off those under way, wait for their threads, and only then close the connections.

        A connection that is closed under a query crashes the process.
        """
        with self._guard:
            self._closing = True
        self._lookups.shutdown()
        self._searches.shutdown()
        for reader in self._all:
            with reader.busy:  # a thread of somebody else's may still be asking
                reader.connection.close()

    async def _ask(self, lane: ThreadPoolExecutor, ask: Callable[[], T]) -> T:
        with self._guard:
            if self._closing:
                raise LedgerUnavailable(CLOSED)
            asked = lane.submit(ask)
        return await asyncio.wrap_future(asked)

    def _open(self) -> Reader:
        reader = Reader(open_reader(self._path), threading.Lock())
        # Not `interrupt()`: a query that begins a moment later would not hear it.
        reader.connection.set_progress_handler(lambda: self._closing, LOOK_EVERY)
        with self._guard:
            if self._closing:
                reader.connection.close()
                raise LedgerUnavailable(CLOSED)
            self._all.append(reader)
        self._local.reader = reader
        return reader
