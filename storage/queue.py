"""What waits to be sent: planned submissions, and taking them when they are due."""

import sqlite3
from collections.abc import Collection

import msgspec

from storage.records import Submission, SubmissionState, Task
from storage.submissions import COLUMNS, mark_task, submission_of_row
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


def read_next_due(db: sqlite3.Connection, gateway: str | None = None, *, now: int) -> int | None:
    """Give the time (ms) at which the next planned submission is due, of one gateway or of all; None without any."""
    row = db.execute(
        "SELECT next_at FROM submissions JOIN tasks ON tasks.id = submissions.task_id"
        " WHERE submissions.state = 'planned' AND tasks.gateway = coalesce(?, tasks.gateway) ORDER BY next_at LIMIT 1",
        (gateway,),
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


def claim_due(tx: Transaction, *, gateway: str, limit: int) -> list[Claim]:
    """Take what is due at a gateway, oldest first, and mark it `sending`. After the commit each may be POSTed, once."""
    rows = tx.execute(
        "UPDATE submissions SET state = 'sending', attempts = attempts + 1, sent_at = ?, next_at = NULL"
        " WHERE id IN (SELECT submissions.id FROM submissions JOIN tasks ON tasks.id = submissions.task_id"
        " WHERE submissions.state = 'planned' AND (next_at <= ? OR next_at > ?) AND tasks.gateway = ?"
        f" ORDER BY next_at, submissions.id LIMIT ?) RETURNING {COLUMNS.replace('submissions.', '')}",
        (tx.now, tx.now, tx.now + LONGEST_PAUSE, gateway, limit),
    ).fetchall()
    claims = []
    for submission in sorted((submission_of_row(row) for row in rows), key=lambda each: each.id):
        mark_task(tx, submission.task_id, SubmissionState.SENDING)
        task = read_task(tx, submission.task_id)
        parent = read_task(tx, task.parent_id).gateway_id if task.parent_id else None
        claims.append(Claim(submission=submission, task=task, parent_gateway_id=parent))
    return claims


def hasten(tx: Transaction, gateway: str) -> None:
    """A place is free at the gateway: what waits there for room is due now."""
    tx.execute(
        "UPDATE submissions SET next_at = ? WHERE state = 'planned' AND next_at > ?"
        " AND json_extract(answer, '$.outcome') = 'capacity'"
        " AND (SELECT gateway FROM tasks WHERE tasks.id = submissions.task_id) = ?",
        (tx.now, tx.now, gateway),
    )
