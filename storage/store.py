"""The face of the storage that the rest of the house sees: write verbs, read queries, one bell."""

import asyncio
import os
import secrets
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from storage.audience import Assemble, Audiences
from storage.bell import Bell
from storage.deferrals import hasten
from storage.effects import hasten_effects
from storage.errors import LedgerUnavailable, LedgerUnreadable
from storage.holder import check_mark, make_mark, write_mark
from storage.migrations import migrate
from storage.outcomes import recover_interrupted
from storage.reactions import Decision, Facts, Firing, React
from storage.readers import Readers
from storage.records import Task
from storage.sqlite import ProcessLock, open_writer
from storage.submissions import doubt_interrupted
from storage.transaction import TaskIds, Transaction
from storage.writer import MAX_QUEUED, Writer

P = ParamSpec("P")
T = TypeVar("T")


class NoRules:
    """Decides nothing; for a ledger without rules."""

    def listens(self, event_type: str) -> bool:  # noqa: ARG002 — the protocol's names
        """Never."""
        return False

    def __call__(self, event_type: str, task: Task, facts: Facts) -> tuple[Decision, ...]:  # noqa: ARG002
        """Nothing."""
        return ()

    def resume(self, firing: Firing, task: Task, facts: Facts) -> Decision:  # noqa: ARG002
        """Nothing waits where there are no rules any more."""
        return Decision(
            rule=firing.rule,
            version=firing.version,
            origin="",
            outcome="blocked",
            reason="paused",
            detail="There are no rules any more.",
        )

    def apply(self, rule: str, event_type: str, task: Task, facts: Facts) -> None:
        """Nothing."""


class Store:
    """A ledger on disk: opened, migrated, and held by this process alone.

    Verbs (functions whose first argument is a Transaction) go through `write`, queries (first argument a read-only
    connection) through `read` or `search`. Raises LedgerLocked, LedgerUnreadable, LedgerUnavailable or LedgerTooNew
    when it is opened. Once another process has taken the ledger over in spite of the lock, nothing is written any more.
    """

    def __init__(
        self,
        path: Path,
        *,
        react: React | None = None,
        assemble: Assemble | None = None,
        clock: Callable[[], float] = time.time,
        max_queued: int = MAX_QUEUED,
    ) -> None:
        self.path = path
        self.bell = Bell()
        self.react: React = react or NoRules()
        self._audiences = Audiences(assemble)
        self._clock = clock
        self._lock = ProcessLock(path)
        self._lock.acquire(f"process {os.getpid()} ({path})")
        with ExitStack() as undo:
            undo.callback(self._lock.release)
            connection = open_writer(path)
            undo.callback(connection.close)
            migrate(connection)
            self._ids = TaskIds(_read_latest_id(connection))
            self._mark = make_mark()
            self.doubted = self._take_over(connection)  # submissions that the last holder was sending
            undo.pop_all()  # it is open: nothing is to be undone
        self._connection = connection
        self._readers = Readers(path)
        self._writer = Writer(connection, begin=self._begin, ring=self.bell.ring, max_queued=max_queued)

    def start(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Begin to write; `loop` is where `write` will be awaited."""
        self._writer.start(loop)

    def close(self) -> None:
        """Cut off what is asked, finish what is queued to be written, close the file and let it go."""
        self._readers.close()
        self._writer.stop()
        self._connection.close()
        self._lock.release()

    def now(self) -> int:
        """The time by the store's clock, in milliseconds."""
        return int(self._clock() * 1000)

    def write(
        self, verb: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> asyncio.Future[T]:
        """Run a verb in the writer's next transaction; awaited, it gives the result after the commit.

        Raises LedgerBusy at once; awaited, LedgerUnavailable or what the verb raised: then nothing was recorded.
        """
        return self._writer.write(verb, *args, **kwargs)

    def submit(self, verb: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """`write` for callers outside the event loop."""
        return self._writer.submit(verb, *args, **kwargs)

    def query(self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a query on this thread's read-only connection.

        Raises LedgerUnavailable when the ledger is closed before the answer is there; so do `read` and `search`.
        """
        return self._readers.query(query, *args, **kwargs)

    async def read(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a query that is quickly answered, beside the writer and the event loop."""
        return await self._readers.read(query, *args, **kwargs)

    async def search(
        self, query: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`read` for what may take long, in a lane of its own: it keeps no lookup waiting."""
        return await self._readers.search(query, *args, **kwargs)

    def _take_over(self, connection: sqlite3.Connection) -> int:
        """Make the ledger ours, and put in doubt what its last holder was sending, in one commit; gives how many.

        Should the last holder still live, it cannot write down any more what came of them.
        """
        try:
            connection.execute("BEGIN IMMEDIATE")
            write_mark(connection, self._mark)
            transaction = self._begin(connection)
            doubted = doubt_interrupted(transaction)
            hasten(transaction)  # by rules that may have changed meanwhile
            hasten_effects(transaction)
            recover_interrupted(transaction)
            connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            kind = LedgerUnavailable if isinstance(error, sqlite3.OperationalError) else LedgerUnreadable
            raise kind(f"The ledger cannot be written: {error}") from error
        return doubted

    def _begin(self, connection: sqlite3.Connection) -> Transaction:
        check_mark(connection, self._mark)
        return Transaction(
            connection, now=self.now(), ids=self._ids, react=self.react, audiences=self._audiences, nonce=make_nonce
        )


def _read_latest_id(connection: sqlite3.Connection) -> str | None:
    try:
        row = connection.execute("SELECT max(id) FROM tasks").fetchone()
    except sqlite3.DatabaseError as error:
        raise LedgerUnreadable(f"The ledger cannot be read: {error}") from error
    return None if row[0] is None else str(row[0])


def make_nonce() -> str:
    """Give 11 characters that nobody guesses, safe in a URL."""
    return secrets.token_urlsafe(8)
