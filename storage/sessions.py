"""Sessions of the dashboard that somebody has ended: their cookies open nothing any more."""

import sqlite3

from storage.transaction import Transaction


def end_session(tx: Transaction, session_id: str, expires_at: int) -> None:
    """End one, whose cookie is good until `expires_at` (ms); those that have expired are forgotten."""
    tx.execute("DELETE FROM ended_sessions WHERE expires_at < ?", (tx.now,))
    tx.execute("INSERT OR IGNORE INTO ended_sessions VALUES (?, ?)", (session_id, expires_at))


def has_ended(db: sqlite3.Connection | Transaction, session_id: str) -> bool:
    """Whether somebody has ended it."""
    return db.execute("SELECT 1 FROM ended_sessions WHERE id = ?", (session_id,)).fetchone() is not None
