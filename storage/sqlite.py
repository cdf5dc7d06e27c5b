"""Opens the ledger's file: with which settings, and for one process at a time."""

import fcntl
import os
import sqlite3
from contextlib import ExitStack, suppress
from pathlib import Path

from storage.errors import LedgerLocked, LedgerUnreadable

BUSY_TIMEOUT = 5.0  # seconds that a connection waits for another one's lock
CACHED_STATEMENTS = 256


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the one read-write connection; the file is made, 0600, where there is none.

    Autocommit is on: transactions are begun and ended by hand. Raises LedgerUnreadable.
    """
    try:
        with ExitStack() as undo:
            # The prompts of strangers are nobody else's business: never wider than its owner.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            if path.stat().st_nlink > 1:
                # SQLite keeps a log beside each name: two names, two logs, one damaged ledger.
                raise LedgerUnreadable(f"{path}: this file has another name (a hard link). Remove that, or copy it.")
            connection = sqlite3.connect(
                path,
                timeout=BUSY_TIMEOUT,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=CACHED_STATEMENTS,
            )
            undo.callback(connection.close)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            # Checkpoints run on a thread of their own (`storage.writer`): inline they cost the hot path its p99.
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            undo.pop_all()
    except (OSError, sqlite3.Error) as error:
        raise LedgerUnreadable(f"{path}: cannot be opened as a ledger: {_reason(error)}") from error
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a read-only connection to a ledger that exists. Raises LedgerUnreadable."""
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_TIMEOUT,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=CACHED_STATEMENTS,
        )
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise LedgerUnreadable(f"{path}: cannot be read as a ledger: {_reason(error)}") from error
    return connection


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def read_holder(database: Path) -> str | None:
    """Say who holds a ledger, in the holder's words; None when nobody does. Raises OSError."""
    try:
        file = os.open(_lock_path(database), os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # given back as soon as the file is closed
    except BlockingIOError:
        return _read_words(file)
    finally:
        os.close(file)
    return None


def _lock_path(database: Path) -> Path:
    # Beside the file itself: by whatever links it is reached, it is one ledger.
    return Path(os.path.realpath(database) + ".lock")


def _read_words(file: int) -> str:
    return os.pread(file, 500, 0).decode(errors="replace").strip() or "another process"


class ProcessLock:
    """Keeps a second process away from a ledger. The kernel frees it however the holder ends."""

    def __init__(self, database: Path) -> None:
        self._path = _lock_path(database)
        self._file: int | None = None

    def acquire(self, holder: str) -> None:
        """Take the lock and write down who holds it. Raises LedgerLocked with the holder's words."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise LedgerUnreadable(f"{self._path}: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = _read_words(file)
            os.close(file)
            raise LedgerLocked(
                f"This ledger is in use by {owner}. Stop that one, or set RINGBACK_DATABASE to another file."
            ) from error
        with suppress(OSError):  # on a full disk the lock holds all the same, without a name
            os.ftruncate(file, 0)
            os.pwrite(file, holder.encode(), 0)
        self._file = file

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._file is not None:
            with suppress(OSError):
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


def is_there(path: Path) -> bool:
    """Whether a ledger lies there; no also where none can, such as under a name that is too long."""
    try:
        return path.exists()
    except OSError:
        return False
