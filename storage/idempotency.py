"""The idempotency_keys table: a request that is repeated under one key gets its first answer again."""

import sqlite3
from collections.abc import Callable

from storage.errors import IdempotencyConflict
from storage.transaction import Transaction

KEPT_FOR = 7 * 24 * 3600 * 1000  # milliseconds


def answer_once(
    tx: Transaction, key: str | None, fingerprint: str, make: Callable[[], tuple[int, str]]
) -> tuple[int, str]:
    """Give `make()`'s (HTTP status, body), or what it gave when this key was first used.

    `fingerprint` stands for the request; the same key with another one raises IdempotencyConflict.
    What `make` writes and the remembered answer are one transaction.
    """
    if key is None:
        return make()
    tx.execute("DELETE FROM idempotency_keys WHERE created_at < ?", (tx.now - KEPT_FOR,))
    remembered = recall_answer(tx, key, fingerprint)
    if remembered is not None:
        return remembered
    status, answer = make()
    tx.execute(
        "INSERT INTO idempotency_keys (key, fingerprint, status, answer, created_at) VALUES (?, ?, ?, ?, ?)",
        (key, fingerprint, status, answer, tx.now),
    )
    return status, answer


def recall_answer(db: sqlite3.Connection | Transaction, key: str, fingerprint: str) -> tuple[int, str] | None:
    """Give the first answer under this key, None when there is none. Raises IdempotencyConflict."""
    row = db.execute("SELECT fingerprint, status, answer FROM idempotency_keys WHERE key = ?", (key,)).fetchone()
    if row is None:
        return None
    if row[0] != fingerprint:
        raise IdempotencyConflict
    return int(row[1]), str(row[2])
