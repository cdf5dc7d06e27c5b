"""The gateway_ids table: under which ids a gateway knows a task. Several per task, and not unique."""

import sqlite3
from typing import NamedTuple

from storage.transaction import Transaction


def keep_gateway_id(tx: Transaction, task_id: str, gateway_id: str) -> None:
    """Note one more id under which its gateway knows the task; the newest one is shown."""
    tx.execute(
        "INSERT INTO gateway_ids SELECT gateway, ?, id FROM tasks WHERE id = ? ON CONFLICT DO NOTHING",
        (gateway_id, task_id),
    )
    tx.execute(
        "UPDATE tasks SET gateway_id = ?, loose = 1 WHERE id = ? AND gateway_id IS NOT ?",
        (gateway_id, task_id, gateway_id),
    )


def has_gateway_id(tx: Transaction, task_id: str, gateway: str, gateway_id: str) -> bool:
    """Whether the task is known under that id."""
    found = tx.execute(
        "SELECT 1 FROM gateway_ids WHERE gateway = ? AND gateway_id = ? AND task_id = ?",
        (gateway, gateway_id, task_id),
    )
    return found.fetchone() is not None


class Silent(NamedTuple):
    """A task from which nothing was heard for a while."""

    task_id: str
    gateway_id: str | None  # None while its submission is in doubt
    updated_at: int  # the last news
    asked_at: int  # when its gateway was last asked


def list_silent(
    db: sqlite3.Connection,
    *,
    gateway: str,
    now: int,
    silent_after: int,
    longest: int,
    limit: int,
    before: int | None = None,
) -> list[Silent]:
    """Give the tasks of a gateway that have been silent for long enough to ask, the longest unasked first.

    All in milliseconds: asked first after `silent_after`, then at intervals that grow with the silence (an eighth of
    it), up to `longest`; reckoned at `before`, where that is given, and not at `now`. Times that lie ahead of `now`
    were written by a clock that has stepped back since: they count as long ago.
    """
    rows = db.execute(
        "SELECT id, gateway_id, updated_at, asked_at FROM tasks WHERE gateway = :gateway AND asked_at IS NOT NULL"
        " AND (updated_at <= :before - :silent OR updated_at > :now)"
        " AND (asked_at <= :before - max(:silent, min(:longest, (:before - updated_at) / 8)) OR asked_at > :now)"
        " ORDER BY asked_at LIMIT :limit",
        {
            "gateway": gateway,
            "now": now,
            "before": now if before is None else before,
            "silent": silent_after,
            "longest": longest,
            "limit": limit,
        },
    )
    return [Silent(*row) for row in rows]


def mark_asked(tx: Transaction, task_ids: list[str]) -> None:
    """Note that the gateway was asked about these tasks just now."""
    for task_id in task_ids:
        tx.execute("UPDATE tasks SET asked_at = ? WHERE id = ? AND asked_at IS NOT NULL", (tx.now, task_id))
