"""The holder table: whose ledger this is.

The file lock turns a second process away with a friendly word, but a lock file can be removed. So whoever opens the
ledger writes a mark of its own into it, and every transaction looks whether that mark still stands: of two processes,
only the one that came last can write.
"""

import secrets
import sqlite3

from storage.errors import LedgerUnavailable

TAKEN_OVER = "Another process has taken this ledger over; nothing was recorded. Stop this one."


def make_mark() -> str:
    """Give a mark that no other process has."""
    return secrets.token_hex(16)


def write_mark(connection: sqlite3.Connection, mark: str) -> None:
    """Make the ledger the mark's, within the caller's transaction: its last holder cannot write from that commit on."""
    connection.execute("INSERT OR REPLACE INTO holder (id, mark) VALUES (1, ?)", (mark,))


def check_mark(connection: sqlite3.Connection, mark: str) -> None:
    """Raise LedgerUnavailable when the ledger is another's. Called within each transaction, which keeps it true."""
    row = connection.execute("SELECT mark FROM holder").fetchone()
    if row is None or row[0] != mark:
        raise LedgerUnavailable(TAKEN_OVER)
