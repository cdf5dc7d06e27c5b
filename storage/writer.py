"""The one thread that writes: work queues up, runs together in one transaction, and one commit resolves it all."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Concatenate, ParamSpec, TypeVar

from storage.errors import LedgerBusy, LedgerUnavailable
from storage.transaction import Transaction

P = ParamSpec("P")
T = TypeVar("T")
Verb = Callable[Concatenate[Transaction, P], T]
Job = tuple[Callable[..., Any], tuple[Any, ...], "asyncio.Future[Any] | Future[Any]"]
Outcome = tuple["asyncio.Future[Any] | Future[Any]", Any, BaseException | None]

BATCH = 256  # jobs in one commit at most
MAX_QUEUED = 4096  # jobs waiting; more are refused, so that memory stays bounded and callers hear it early
CHECKPOINT_EVERY = 1000  # pages written between two checkpoints, about 4 MB of WAL
WAL_PAGES_MAX = 16_000  # about 64 MB: from here the writer waits for a full checkpoint


class Writer:
    """Runs verbs on the read-write connection, many to a commit (`synchronous=FULL`), without lingering.

    A verb that raises undoes only itself. An error that ends the whole transaction (disk full) fails every job of
    the batch with LedgerUnavailable: nothing of it was recorded, and nothing of it may be acknowledged.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        *,
        begin: Callable[[sqlite3.Connection], Transaction],
        ring: Callable[[set[str]], None],
        max_queued: int = MAX_QUEUED,
    ) -> None:
        self._connection = connection
        self._begin = begin
        self._ring = ring
        self._max_queued = max_queued
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = False
        self._guard = threading.Lock()  # nothing may be queued behind the end of the queue: nobody would answer it
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
        self._checkpointer = Checkpointer(connection)

    def start(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Begin to write. `loop` is where awaiting callers live and where the bell is rung."""
        self._loop = loop
        self._thread.start()

    def stop(self) -> None:
        """Finish what is queued, then end the thread."""
        with self._guard:
            self._stopped = True
            self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()
        self._checkpointer.close()

    def submit(self, verb: Verb[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a verb from any thread; the future resolves after its commit. Raises LedgerBusy."""
        future: Future[T] = Future()
        self._put(verb, args, kwargs, future)
        return future

    def write(self, verb: Verb[P, T], *args: P.args, **kwargs: P.kwargs) -> asyncio.Future[T]:
        """Queue a verb from the event loop; awaiting gives its result after its commit. Raises LedgerBusy."""
        if self._loop is None:
            raise LedgerUnavailable("The writer was started without an event loop.")
        future: asyncio.Future[T] = self._loop.create_future()
        self._put(verb, args, kwargs, future)
        return future

    def _put(self, verb: Any, args: tuple[Any, ...], kwargs: dict[str, Any], future: Any) -> None:
        if self._queue.qsize() >= self._max_queued:
            raise LedgerBusy
        with self._guard:
            if self._stopped:
                raise LedgerUnavailable("The ledger is closed.")
            self._queue.put((partial(verb, **kwargs) if kwargs else verb, args, future))

    def _run(self) -> None:
        going = True
        while going:
            jobs: list[Job] = []
            job = self._queue.get()
            with contextlib.suppress(Empty):
                while job is not None:
                    jobs.append(job)
                    if len(jobs) >= BATCH:
                        break
                    job = self._queue.get_nowait()
            going = job is not None
            if jobs:
                self._settle(*self._commit(jobs))

    def _commit(self, jobs: Sequence[Job]) -> tuple[list[Outcome], set[str]]:
        """Run the jobs in one transaction; give each one's outcome and what to ring for."""
        connection = self._connection
        outcomes: list[Outcome] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            transaction = self._begin(connection)
            for verb, args, future in jobs:
                connection.execute("SAVEPOINT job")
                try:
                    outcomes.append((future, verb(transaction, *args), None))
                except Exception as error:
                    if not connection.in_transaction:
                        raise  # disk full and the like roll back released savepoints too
                    connection.execute("ROLLBACK TO job")
                    outcomes.append((future, None, _translate(error)))
                connection.execute("RELEASE job")
            connection.execute("COMMIT")
        except Exception as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            failure = error if isinstance(error, LedgerUnavailable) else _unavailable(error)
            self._checkpointer.wake()  # a log that is carried back is written from its beginning: it may make room
            return [(future, None, failure) for _, _, future in jobs], set()
        with contextlib.suppress(sqlite3.Error):  # the commit stands, whatever becomes of its checkpoint
            self._checkpointer.after_commit()
        return outcomes, transaction.topics

    def _settle(self, outcomes: list[Outcome], topics: set[str]) -> None:
        """Hand the outcomes over: one wake-up of the loop for the whole batch."""
        if self._loop is None:
            _resolve(outcomes)
            return
        try:
            self._loop.call_soon_threadsafe(self._tell, outcomes, topics)
        except RuntimeError:  # the loop is closed: only other threads can still be waiting
            _resolve([outcome for outcome in outcomes if isinstance(outcome[0], Future)])

    def _tell(self, outcomes: list[Outcome], topics: set[str]) -> None:
        _resolve(outcomes)
        self._ring(topics)


def _resolve(outcomes: list[Outcome]) -> None:
    for future, result, error in outcomes:
        if future.done():  # its caller went away
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)


def _translate(error: Exception) -> Exception:
    # Nothing more special than DatabaseError is what a damaged file raises.
    if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
        return _unavailable(error)
    return error


def _unavailable(error: Exception) -> LedgerUnavailable:
    return LedgerUnavailable(f"The ledger cannot be written now; nothing was recorded: {error}")


class Checkpointer:
    """Carries the WAL back into the database, off the writer's thread, and keeps it bounded."""

    def __init__(self, writer: sqlite3.Connection) -> None:
        self._writer = writer
        self._path = str(writer.execute("PRAGMA database_list").fetchone()[2])
        self._changes = 0
        self._wake = threading.Event()
        self._closing = False
        self._overfull = False
        self._thread = threading.Thread(target=self._run, name="ledger-checkpointer", daemon=True)
        self._thread.start()

    def after_commit(self) -> None:
        """Count a commit; called by the writer."""
        self._changes += 1
        if self._overfull:
            # Readers that never pause can starve the passive kind; this one waits for them, within busy_timeout.
            self._writer.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
            self._overfull = False
        if self._changes >= CHECKPOINT_EVERY // 4:
            self._changes = 0
            self._wake.set()

    def wake(self) -> None:
        """Carry back now what can be."""
        self._wake.set()

    def close(self) -> None:
        """End the thread."""
        self._closing = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        try:
            while True:
                self._wake.wait()
                self._wake.clear()
                if self._closing:
                    return
                with contextlib.suppress(sqlite3.Error):  # busy or out of space: the next commits ask again
                    _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                    self._overfull = pages > WAL_PAGES_MAX
        finally:
            connection.close()
