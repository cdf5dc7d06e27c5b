"""The pauses table: what is not done for a while, by a person's wish or because a rule went round and round."""

import sqlite3

import msgspec

from storage.events import append_event, append_news
from storage.records import RULE_PAUSED
from storage.transaction import Transaction

EVERYTHING = "*"  # the scope of a pause of every paid submission; any other scope is a rule's id


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that stands still."""

    scope: str  # EVERYTHING, or a rule's id
    since: int
    origin: str  # who paused it: api, cli, dashboard, or "fuse"
    detail: str | None  # why, for a person


def pause(tx: Transaction, scope: str, *, origin: str, detail: str | None = None, root_id: str | None = None) -> bool:
    """Pause everything or a rule; gives whether it was not paused before.

    A rule's pause is told as `rule.paused`: about the root under which it fired too often, or about no task.
    """
    cursor = tx.execute(
        "INSERT INTO pauses (scope, since, origin, detail) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (scope, tx.now, origin, detail),
    )
    if not cursor.rowcount:
        return False
    if scope != EVERYTHING:
        data = {"rule": scope, "origin": origin, "detail": detail}
        if root_id is None:
            append_event(tx, None, RULE_PAUSED, "service", {}, data)
        else:
            append_news(tx, root_id, RULE_PAUSED, "service", data)
    return True


def resume(tx: Transaction, scope: str) -> bool:
    """End a pause; gives whether there was one. What is planned goes on, and has lost none of its day of waiting."""
    row = tx.execute("DELETE FROM pauses WHERE scope = ? RETURNING since", (scope,)).fetchone()
    if row is None:
        return False
    if scope == EVERYTHING:
        tx.execute(
            "UPDATE submissions SET expires_at = expires_at + max(0, :now - max(created_at, :since))"
            " WHERE state = 'planned'",
            {"now": tx.now, "since": row[0]},
        )
        tx.topics.add("submissions")
    return True


def list_pauses(db: sqlite3.Connection | Transaction) -> list[Pause]:
    """Give every pause, the oldest first."""
    rows = db.execute("SELECT scope, since, origin, detail FROM pauses ORDER BY since, scope")
    return [Pause(scope=scope, since=since, origin=origin, detail=detail) for scope, since, origin, detail in rows]


def is_paused(db: sqlite3.Connection | Transaction, scope: str) -> bool:
    """Whether this very scope is paused."""
    return db.execute("SELECT 1 FROM pauses WHERE scope = ?", (scope,)).fetchone() is not None
