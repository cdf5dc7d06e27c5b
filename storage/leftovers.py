"""What a rule has not acted on: events of the past, for `rules apply`."""

import sqlite3


def list_leftovers(
    db: sqlite3.Connection, rule: str, event_type: str, *, since: int, until: int
) -> list[tuple[str, int]]:
    """Give the tasks that had such an event in a time (ms, both included), each with its first one's `seq`.

    The oldest event comes first. Left out are those about which the rule has fired, or waits.
    """
    rows = db.execute(
        "SELECT task_id, min(seq) FROM events WHERE type = ? AND time BETWEEN ? AND ? AND task_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM firings WHERE rule = ? AND firings.task_id = events.task_id"
        " AND outcome != 'blocked') GROUP BY task_id ORDER BY 2",
        (event_type, since, until, rule),
    )
    return [(str(task_id), int(seq)) for task_id, seq in rows]
