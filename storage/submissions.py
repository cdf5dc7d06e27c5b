"""The submissions table: every paid POST, from planned to what became of it.

    planned → sending → accepted | rejected | unknown → lost

`sending` is committed before the POST. Evidence (a callback, a fetched task) makes any state but `rejected`
`accepted`, and no answer takes that back: money is spent once.
"""

import sqlite3
from collections.abc import Collection
from typing import Any

import msgspec

from storage.errors import NoSuchSubmission
from storage.events import append_event
from storage.firings import follow
from storage.gateway_ids import keep_gateway_id
from storage.records import JSON, Source, Status, Submission, SubmissionState, Task
from storage.tasks import read_mutable, read_task
from storage.transaction import Transaction, to_json

_FIELDS = Submission.__struct_fields__
_COLUMNS = ", ".join(f"submissions.{name}" for name in _FIELDS)
# The words of the index `submissions_in_doubt`: SQLite uses a partial index only where they stand again.
_IN_DOUBT = "state IN ('sending', 'unknown')"


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A submission that was taken to be sent, with what the sender must know."""

    submission: Submission
    task: Task
    parent_gateway_id: str | None  # what a click names as its task; None on a root


def _submission_of_row(row: tuple[Any, ...]) -> Submission:
    values = dict(zip(_FIELDS, row, strict=True))
    values["request"] = msgspec.json.decode(values["request"])
    values["answer"] = msgspec.json.decode(values["answer"]) if values["answer"] else None
    return Submission(**values)


def read_submission(db: sqlite3.Connection | Transaction, submission_id: int) -> Submission:
    """Give one submission as it is now. Raises NoSuchSubmission."""
    row = db.execute(f"SELECT {_COLUMNS} FROM submissions WHERE id = ?", (submission_id,)).fetchone()
    if row is None:
        raise NoSuchSubmission
    return _submission_of_row(row)


def list_submissions(db: sqlite3.Connection, task_id: str) -> list[Submission]:
    """Give a task's submissions, oldest first."""
    rows = db.execute(f"SELECT {_COLUMNS} FROM submissions WHERE task_id = ? ORDER BY id", (task_id,))
    return [_submission_of_row(row) for row in rows]


def read_next_due(db: sqlite3.Connection, gateway: str | None = None) -> int | None:
    """Give the time (ms) at which the next planned submission is due, of one gateway or of all; None without any."""
    row = db.execute(
        "SELECT next_at FROM submissions JOIN tasks ON tasks.id = submissions.task_id"
        " WHERE submissions.state = 'planned' AND tasks.gateway = coalesce(?, tasks.gateway) ORDER BY next_at LIMIT 1",
        (gateway,),
    ).fetchone()
    return None if row is None else int(row[0])


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
        " WHERE submissions.state = 'planned' AND next_at <= ? AND tasks.gateway = ?"
        f" ORDER BY next_at, submissions.id LIMIT ?) RETURNING {_COLUMNS.replace('submissions.', '')}",
        (tx.now, tx.now, gateway, limit),
    ).fetchall()
    claims = []
    for submission in sorted((_submission_of_row(row) for row in rows), key=lambda each: each.id):
        _mark_task(tx, submission.task_id, SubmissionState.SENDING)
        task = read_task(tx, submission.task_id)
        parent = read_task(tx, task.parent_id).gateway_id if task.parent_id else None
        claims.append(Claim(submission=submission, task=task, parent_gateway_id=parent))
    return claims


def acknowledge(
    tx: Transaction,
    submission_id: int,
    gateway_id: str | None,
    source: Source,
    answer: JSON | None = None,
) -> None:
    """The gateway has it: says its own answer, or a callback or a fetched task that proves it.

    `task.submitted` is appended the first time that this becomes known of the task.
    """
    submission = read_submission(tx, submission_id)
    task_id = submission.task_id
    if gateway_id is not None:
        keep_gateway_id(tx, task_id, gateway_id)
    _keep_answer(tx, submission_id, answer)
    if submission.state in (SubmissionState.ACCEPTED, SubmissionState.REJECTED):
        return
    _set_state(tx, submission_id, SubmissionState.ACCEPTED)
    task = read_task(tx, task_id)
    tx.execute(
        "UPDATE tasks SET submission = 'accepted', submitted_at = coalesce(submitted_at, ?), updated_at = ?,"
        " asked_at = CASE WHEN ? THEN NULL ELSE ? END, loose = 1 WHERE id = ?",
        (tx.now, tx.now, task.ended, tx.now, task_id),
    )
    if task.submitted_at is None:
        _tell(tx, task_id, "task.submitted", source)
    elif submission.state == SubmissionState.LOST:
        _tell(tx, task_id, "task.progressed", source)  # it was given up: whoever heard that must hear this


def postpone(tx: Transaction, submission_id: int, *, seconds: float, answer: JSON) -> None:
    """Nothing was spent and it may be tried again later; past its day of waiting it is rejected instead."""
    submission = read_submission(tx, submission_id)
    _keep_answer(tx, submission_id, answer)
    if submission.state != SubmissionState.SENDING:
        return
    next_at = tx.now + int(seconds * 1000)
    if next_at > submission.expires_at:
        reject(
            tx,
            submission_id,
            reason="The gateway had no room for a whole day.",
            kind="gateway",
            answer=answer,
        )
        return
    _set_state(tx, submission_id, SubmissionState.PLANNED, next_at=next_at)
    _mark_task(tx, submission.task_id, SubmissionState.PLANNED)
    tx.topics.add("submissions")


def hasten(tx: Transaction, gateway: str) -> None:
    """A place is free at the gateway: what waits there for room is due now."""
    tx.execute(
        "UPDATE submissions SET next_at = ? WHERE state = 'planned' AND next_at > ?"
        " AND json_extract(answer, '$.outcome') = 'capacity'"
        " AND (SELECT gateway FROM tasks WHERE tasks.id = submissions.task_id) = ?",
        (tx.now, tx.now, gateway),
    )


def reject(tx: Transaction, submission_id: int, *, reason: str, kind: str, answer: JSON | None) -> None:
    """The gateway refused for good: the task fails, and nothing was spent."""
    submission = read_submission(tx, submission_id)
    _keep_answer(tx, submission_id, answer)
    if submission.state not in (SubmissionState.SENDING, SubmissionState.PLANNED):
        return  # evidence has settled it already
    _set_state(tx, submission_id, SubmissionState.REJECTED)
    tx.execute(
        "UPDATE tasks SET submission = 'rejected', status = ?, fail_reason = ?, fail_kind = ?, finished_at = ?,"
        " updated_at = ? WHERE id = ?",
        (Status.FAILURE, reason, kind, tx.now, tx.now, submission.task_id),
    )
    _tell(tx, submission.task_id, "task.failed", "submit")


def doubt(tx: Transaction, submission_id: int, *, reason: str, answer: JSON | None = None) -> None:
    """Nobody knows whether the POST arrived: it is never sent again, and waits for evidence."""
    submission = read_submission(tx, submission_id)
    _keep_answer(tx, submission_id, answer)
    if submission.state != SubmissionState.SENDING:
        return
    _set_state(tx, submission_id, SubmissionState.UNKNOWN)
    tx.execute(
        "UPDATE tasks SET submission = 'unknown', updated_at = ?, asked_at = ? WHERE id = ?",
        (tx.now, tx.now, submission.task_id),
    )
    _tell(tx, submission.task_id, "task.unknown", "service", {"reason": reason})


def doubt_interrupted(tx: Transaction) -> int:
    """At start: what a dead process left in `sending` may or may not have left. Gives how many."""
    rows = tx.execute(f"SELECT id FROM submissions WHERE {_IN_DOUBT} AND state = 'sending'").fetchall()
    for (submission_id,) in rows:
        doubt(tx, submission_id, reason="The service stopped while it was being sent.")
    return len(rows)


def lose_overdue(tx: Transaction, *, before: int) -> int:
    """Give up on submissions in doubt that were sent before that time (ms); gives how many."""
    rows = tx.execute(
        f"SELECT task_id FROM submissions WHERE {_IN_DOUBT} AND state = 'unknown' AND sent_at < ?", (before,)
    ).fetchall()
    for (task_id,) in rows:
        lose_task(tx, task_id, reason="No sign of it came from the gateway.", silent_since=tx.now)
    return len(rows)


def lose_task(tx: Transaction, task_id: str, *, reason: str, silent_since: int) -> None:
    """Nothing more is expected of the task: its slot and its key are free. Late evidence still revives it.

    News that came after `silent_since` (ms) is such evidence, and nothing happens.
    """
    row = tx.execute(
        "UPDATE tasks SET submission = 'lost', updated_at = ?, asked_at = NULL WHERE id = ? AND updated_at <= ?"
        " AND submission IN ('accepted', 'unknown') AND status NOT IN ('SUCCESS', 'FAILURE', 'CANCEL') RETURNING 1",
        (tx.now, task_id, silent_since),
    ).fetchone()
    if row is None:
        return
    tx.execute(
        "UPDATE submissions SET state = 'lost' WHERE task_id = ? AND state IN ('accepted', 'unknown')",
        (task_id,),
    )
    _tell(tx, task_id, "task.lost", "service", {"reason": reason})


def _tell(tx: Transaction, task_id: str, event_type: str, source: Source, data: JSON | None = None) -> None:
    """Append an event that carries the whole task, and let the rules follow."""
    tx.execute("UPDATE tasks SET loose = 0 WHERE id = ?", (task_id,))
    seq = append_event(tx, task_id, event_type, source, read_mutable(tx, task_id), data)
    follow(tx, task_id, event_type, seq)


def _set_state(tx: Transaction, submission_id: int, state: SubmissionState, *, next_at: int | None = None) -> None:
    tx.execute("UPDATE submissions SET state = ?, next_at = ? WHERE id = ?", (state, next_at, submission_id))


def _mark_task(tx: Transaction, task_id: str, state: SubmissionState) -> None:
    tx.execute("UPDATE tasks SET submission = ?, loose = 1 WHERE id = ?", (state, task_id))


def _keep_answer(tx: Transaction, submission_id: int, answer: JSON | None) -> None:
    if answer is not None:
        tx.execute("UPDATE submissions SET answer = ? WHERE id = ?", (to_json(answer), submission_id))
