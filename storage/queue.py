"""What waits to be sent: planned submissions, and taking them when they are due."""

import sqlite3
from collections.abc import Callable, Collection

import msgspec

from storage.pauses import EVERYTHING, is_paused
from storage.records import JSON, Submission, SubmissionState, Task
from storage.submissions import COLUMNS, IN_DOUBT, mark_task, submission_of_row
from storage.tasks import read_task
from storage.transaction import Transaction

# Nobody postpones for longer (milliseconds; `hooks.backoff`). What seems to be due later than that was planned before
# the clock stepped back: it is due.
LONGEST_PAUSE = 60_000


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A submission that was taken to be sent, with what the sender must know."""

    submission: Submission
    task: Task
    parent_gateway_id: str | None  # what a click names as its task; None on a root


def read_next_due(
    db: sqlite3.Connection, gateway: str | None = None, *, now: int, groups: Collection[str] = ()
) -> int | None:
    """Give the time (ms) at which the next planned submission is due, None without any, or while all is paused.

    Of one gateway, with what was submitted to one of the `groups`, or of all.
    """
    if is_paused(db, EVERYTHING):
        return None
    wanted, values = ("1", ()) if gateway is None else (_is_for(groups), (gateway, *groups))
    row = db.execute(
        "SELECT next_at FROM submissions JOIN tasks ON tasks.id = submissions.task_id"
        f" WHERE submissions.state = 'planned' AND {wanted} ORDER BY next_at LIMIT 1",
        values,
    ).fetchone()
    if row is None:
        return None
    return now if row[0] > now + LONGEST_PAUSE else int(row[0])


def count_orphans(db: sqlite3.Connection, gateways: Collection[str]) -> dict[str, int]:
    """Count the planned submissions of gateways other than these, by gateway: nobody sends them."""
    rows = db.execute(
        "SELECT tasks.gateway, count(*) FROM submissions JOIN tasks ON tasks.id = submissions.task_id"
        f" WHERE submissions.state = 'planned' AND tasks.gateway NOT IN ({', '.join('?' * len(gateways))}) GROUP BY 1",
        tuple(gateways),
    )
    return {str(gateway): int(count) for gateway, count in rows}


def count_waiting(db: sqlite3.Connection, gateway: str) -> int:
    """Count the submissions that are planned for a gateway."""
    (count,) = db.execute(
        "SELECT count(*) FROM submissions JOIN tasks ON tasks.id = submissions.task_id"
        " WHERE submissions.state = 'planned' AND tasks.gateway = ?",
        (gateway,),
    ).fetchone()
    return int(count)


def count_ahead(db: sqlite3.Connection, submission_id: int) -> int:
    """Count the submissions that are planned for the same gateway, and come before this one."""
    (count,) = db.execute(
        "SELECT count(*) FROM submissions JOIN tasks ON tasks.id = submissions.task_id"
        " WHERE submissions.state = 'planned' AND submissions.id < :id AND tasks.gateway ="
        " (SELECT gateway FROM tasks WHERE id = (SELECT task_id FROM submissions WHERE id = :id))",
        {"id": submission_id},
    ).fetchone()
    return int(count)


def claim_due(
    tx: Transaction,
    *,
    gateway: str,
    limit: int,
    groups: Collection[str] = (),
    price: Callable[[Task, JSON], float | None] = lambda _task, _request: None,
) -> list[Claim]:
    """Take what is due at a gateway, oldest first, and mark it `sending`. After the commit each may be POSTed, once.

    What was submitted to one of the `groups` is taken, too, and is the gateway's from here on. `price` says what a
    submission with that request costs there: that is written down, be it more than was reserved before a
    restart raised prices; where nobody knows, what was reserved stays. While everything is paused, nothing is taken.
    """
    if is_paused(tx, EVERYTHING):
        return []
    rows = tx.execute(
        "UPDATE submissions SET state = 'sending', attempts = attempts + 1, sent_at = ?, next_at = NULL"
        " WHERE id IN (SELECT submissions.id FROM submissions JOIN tasks ON tasks.id = submissions.task_id"
        f" WHERE submissions.state = 'planned' AND (next_at <= ? OR next_at > ?) AND {_is_for(groups)}"
        f" ORDER BY submissions.id LIMIT ?) RETURNING {COLUMNS.replace('submissions.', '')}",
        (tx.now, tx.now, tx.now + LONGEST_PAUSE, gateway, *groups, limit),
    ).fetchall()
    claims = []
    for submission in sorted((submission_of_row(row) for row in rows), key=lambda each: each.id):
        mark_task(tx, submission.task_id, SubmissionState.SENDING)
        moved = tx.execute(
            "UPDATE tasks SET gateway = ? WHERE id = ? AND gateway != ?", (gateway, submission.task_id, gateway)
        ).rowcount
        task = read_task(tx, submission.task_id)
        cost = price(task, submission.request) if submission.kind == "submit" else None
        if cost is not None or moved:
            tx.execute("UPDATE submissions SET cost = ? WHERE id = ? AND cost IS NOT ?", (cost, submission.id, cost))
        parent = read_task(tx, task.parent_id).gateway_id if task.parent_id else None
        claims.append(Claim(submission=submission, task=task, parent_gateway_id=parent))
    return claims


def _is_for(groups: Collection[str]) -> str:
    """The condition that a planned submission is for a gateway, or for one of so many groups.

    What follows from a task can be done where that was, and nowhere else.
    """
    if not groups:
        return "tasks.gateway = ?"
    named = ", ".join("?" * len(groups))
    of_group = f"tasks.parent_id IS NULL AND json_extract(submissions.request, '$.group') IN ({named})"
    return f"(tasks.gateway = ? OR {of_group})"


def count_outstanding(db: sqlite3.Connection, gateway: str) -> int:
    """Count what a gateway has of ours: sent, perhaps sent, or accepted and at work.

    A task that waits in its window takes no place, until the window's answer is sent.
    """
    return _count_at_work(db, "1", {"gateway": gateway})


def count_places(db: sqlite3.Connection, gateway: str, *, since: int) -> int:
    """Count the places that are taken at a gateway: by what is outstanding and brought news since a time (ms).

    Gateways say of some tasks for ever that they are at work. What was adopted takes no place: it was not sent by us.
    """
    return _count_at_work(db, "origin != 'adopted' AND updated_at > :since", {"gateway": gateway, "since": since})


def _count_at_work(db: sqlite3.Connection, condition: str, values: JSON) -> int:
    (count,) = db.execute(
        f"SELECT (SELECT count(*) FROM tasks WHERE gateway = :gateway AND asked_at IS NOT NULL AND {condition}"
        " AND submission != 'sending' AND (status != 'MODAL' OR EXISTS (SELECT 1 FROM submissions"
        " WHERE task_id = tasks.id AND kind = 'modal' AND state IN ('accepted', 'unknown'))))"
        " + (SELECT count(*) FROM submissions JOIN tasks ON tasks.id = submissions.task_id"
        f" WHERE submissions.{IN_DOUBT} AND submissions.state = 'sending' AND tasks.gateway = :gateway)",
        values,
    ).fetchone()
    return int(count)


def list_sent_since(db: sqlite3.Connection, gateway: str, since: int, until: int) -> list[int]:
    """Give the times (ms) after `since` at which submissions were last sent to a gateway, oldest first.

    None is later than `until`, which is now: such ones were written before the clock stepped back.
    """
    rows = db.execute(
        "SELECT sent_at FROM submissions JOIN tasks ON tasks.id = submissions.task_id"
        " WHERE sent_at IS NOT NULL AND sent_at > ? AND sent_at <= ? AND tasks.gateway = ? ORDER BY sent_at",
        (since, until, gateway),
    )
    return [int(sent_at) for (sent_at,) in rows]
