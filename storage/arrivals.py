"""How the news of tasks came: by their gateway's own calls, or only because it was asked."""

import sqlite3
from typing import Final, NamedTuple

# The words of the index `events_of_endings`: SQLite uses a partial index only where they stand again.
IS_ENDING: Final = "type IN ('task.succeeded', 'task.failed', 'task.cancelled')"
TOLD: Final = "source IN ('callback', 'fetch')"  # told by the gateway, and not by its answer to a submit, or by us

SOME: Final = 200  # tasks among which the last callback is looked for


class Arrival(NamedTuple):
    """One task that has ended at its gateway."""

    task_id: str
    by_callback: bool  # its ending came by a callback; else the gateway was asked
    heard: bool  # a callback came about it, and as far as the ledger knows, brought news


def list_arrivals(db: sqlite3.Connection, gateway: str, *, since: int, limit: int) -> list[Arrival]:
    """Give how the latest endings at a gateway became known, newest first: of what was submitted and ended since (ms).

    Adopted tasks do not count: whoever submitted them named no hook of ours.
    """
    rows = db.execute(
        "SELECT events.task_id, events.source = 'callback', EXISTS"
        " (SELECT 1 FROM events AS news WHERE news.task_id = events.task_id AND news.source = 'callback')"
        " FROM events JOIN tasks ON tasks.id = events.task_id"
        f" WHERE events.{IS_ENDING} AND events.time >= :since AND events.{TOLD}"
        " AND tasks.gateway = :gateway AND tasks.submitted_at >= :since AND tasks.origin != 'adopted'"
        " ORDER BY events.time DESC LIMIT :limit",
        {"gateway": gateway, "since": since, "limit": limit},
    )
    return [Arrival(task_id, bool(by_callback), bool(heard)) for task_id, by_callback, heard in rows]


def read_last_callback(db: sqlite3.Connection, gateway: str, *, since: int) -> int | None:
    """Give when (ms) a callback of a gateway last brought news since then.

    Looked for among the latest tasks that are at work there, and those that have ended.
    """
    (latest,) = db.execute(
        "SELECT max(time) FROM events WHERE source = 'callback' AND time >= :since AND task_id IN ("
        " SELECT id FROM (SELECT id FROM tasks WHERE gateway = :gateway AND asked_at IS NOT NULL"
        " ORDER BY id DESC LIMIT :some)"
        " UNION ALL SELECT id FROM (SELECT tasks.id FROM events AS endings JOIN tasks ON tasks.id = endings.task_id"
        f" WHERE endings.{IS_ENDING} AND endings.time >= :since AND tasks.gateway = :gateway"
        " ORDER BY endings.time DESC LIMIT :some))",
        {"gateway": gateway, "since": since, "some": SOME},
    ).fetchone()
    return None if latest is None else int(latest)
