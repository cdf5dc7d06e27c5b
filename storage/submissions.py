"""The submissions table: every paid POST, from planned to what became of it.

    planned → sending → accepted | rejected | unknown → lost

`sending` is committed before the POST. Evidence (a callback, a fetched task) makes any state `accepted`, and no answer
takes that back: money is spent once. What was refused has failed its task, and evidence does not undo that.
"""

import sqlite3
from typing import Any

import msgspec

from storage.deferrals import hasten_oldest
from storage.errors import NoSuchSubmission
from storage.events import append_event
from storage.firings import follow
from storage.gateway_ids import keep_gateway_id
from storage.records import JSON, Source, Status, Submission, SubmissionState
from storage.tasks import read_mutable, read_task
from storage.transaction import Transaction, to_json

_FIELDS = Submission.__struct_fields__
COLUMNS = ", ".join(f"submissions.{name}" for name in _FIELDS)
# The words of the index `submissions_in_doubt`: SQLite uses a partial index only where they stand again.
IN_DOUBT = "state IN ('sending', 'unknown')"


def submission_of_row(row: tuple[Any, ...]) -> Submission:
    """Give the Submission whose COLUMNS these are."""
    values = dict(zip(_FIELDS, row, strict=True))
    values["request"] = msgspec.json.decode(values["request"])
    values["answer"] = msgspec.json.decode(values["answer"]) if values["answer"] else None
    return Submission(**values)


def read_submission(db: sqlite3.Connection | Transaction, submission_id: int) -> Submission:
    """Give one submission as it is now. Raises NoSuchSubmission."""
    row = db.execute(f"SELECT {COLUMNS} FROM submissions WHERE id = ?", (submission_id,)).fetchone()
    if row is None:
        raise NoSuchSubmission
    return submission_of_row(row)


def list_submissions(db: sqlite3.Connection | Transaction, task_id: str) -> list[Submission]:
    """Give a task's submissions, oldest first."""
    rows = db.execute(f"SELECT {COLUMNS} FROM submissions WHERE task_id = ? ORDER BY id", (task_id,))
    return [submission_of_row(row) for row in rows]


def list_sending(db: sqlite3.Connection | Transaction) -> frozenset[int]:
    """Give the ids of the submissions whose POST is under way, as far as anybody knows."""
    rows = db.execute(f"SELECT id FROM submissions WHERE {IN_DOUBT} AND state = 'sending'")
    return frozenset(submission_id for (submission_id,) in rows)


def acknowledge(
    tx: Transaction,
    submission_id: int,
    gateway_id: str | None,
    source: Source,
    answer: JSON | None = None,
    *,
    is_new: bool = True,
) -> None:
    """The gateway has it: says its own answer, or a callback or a fetched task that proves it.

    What is not new was there before and costs nothing, though evidence may have come first and charged it.
    `task.submitted` is appended the first time that this becomes known of the task.
    """
    submission = read_submission(tx, submission_id)
    task_id = submission.task_id
    if gateway_id is not None:
        keep_gateway_id(tx, task_id, gateway_id)
    _keep_answer(tx, submission_id, answer)
    if not is_new and submission.cost is not None:
        tx.execute("UPDATE tasks SET cost = NULL, loose = 1 WHERE id = ? AND cost IS NOT NULL", (task_id,))
    if submission.state in (SubmissionState.ACCEPTED, SubmissionState.REJECTED):
        return
    _set_state(tx, submission_id, SubmissionState.ACCEPTED)
    task = read_task(tx, task_id)
    if is_new and task.submitted_at is None:  # one that was lost meanwhile has been charged before
        _charge(tx, submission)
    tx.execute(
        "UPDATE tasks SET submission = 'accepted', submitted_at = coalesce(submitted_at, ?), updated_at = ?,"
        " asked_at = CASE WHEN ? THEN NULL ELSE ? END, loose = 1 WHERE id = ?",
        (tx.now, tx.now, task.ended, tx.now, task_id),
    )
    tx.topics.add(task_id)  # who waits for the answer may hear of no event: a window's answer is none
    if task.submitted_at is None:
        tell(tx, task_id, "task.submitted", source)
    elif submission.state == SubmissionState.LOST:
        tell(tx, task_id, "task.progressed", source)  # it was given up: whoever heard that must hear this


def believe(tx: Transaction, submission_id: int) -> None:
    """The gateway refused it, and speaks of it as of work that it has: it was paid. The ending that was told stands."""
    submission = read_submission(tx, submission_id)
    _set_state(tx, submission_id, SubmissionState.ACCEPTED)
    _charge(tx, submission)
    mark_task(tx, submission.task_id, SubmissionState.ACCEPTED)
    tx.execute("UPDATE tasks SET submitted_at = coalesce(submitted_at, ?) WHERE id = ?", (tx.now, submission.task_id))


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
            reason="For a whole day the gateway had no room, or could not be reached.",
            kind="gateway",
            answer=answer,
        )
        return
    _set_state(tx, submission_id, SubmissionState.PLANNED, next_at=next_at)
    mark_task(tx, submission.task_id, SubmissionState.PLANNED)
    tx.topics |= {"submissions", submission.task_id}


def hold(tx: Transaction, submission_id: int) -> None:
    """It was taken to be sent, and was not: everything is paused. It is as planned as before."""
    row = tx.execute(
        "UPDATE submissions SET state = 'planned', next_at = ?, attempts = attempts - 1, sent_at = NULL"
        " WHERE id = ? AND state = 'sending' RETURNING task_id",
        (tx.now, submission_id),
    ).fetchone()
    if row is not None:  # no evidence has settled it
        mark_task(tx, row[0], SubmissionState.PLANNED)
        tx.topics |= {"submissions", row[0]}


def reject(tx: Transaction, submission_id: int, *, reason: str, kind: str, answer: JSON | None) -> None:
    """The gateway refused for good: the task fails, or its window stays open; nothing was spent."""
    submission = read_submission(tx, submission_id)
    _keep_answer(tx, submission_id, answer)
    if submission.state not in (SubmissionState.SENDING, SubmissionState.PLANNED):
        return  # evidence has settled it already
    _set_state(tx, submission_id, SubmissionState.REJECTED)
    if submission.kind == "modal":  # its window is as open as it was, and may be answered again
        mark_task(tx, submission.task_id, SubmissionState.ACCEPTED)
        tell(tx, submission.task_id, "task.modal", "submit", {"reason": reason})
        return
    tx.execute(
        "UPDATE tasks SET submission = 'rejected', status = ?, fail_reason = ?, fail_kind = ?, finished_at = ?,"
        " updated_at = ? WHERE id = ?",
        (Status.FAILURE, reason, kind, tx.now, tx.now, submission.task_id),
    )
    hasten_oldest(tx, submission.task_id)
    tell(tx, submission.task_id, "task.failed", "submit")


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
    tell(tx, submission.task_id, "task.unknown", "service", {"reason": reason})


def doubt_interrupted(tx: Transaction) -> int:
    """At start: what a dead process left in `sending` may or may not have left. Gives how many."""
    interrupted = list_sending(tx)
    for submission_id in sorted(interrupted):
        doubt(tx, submission_id, reason="The service stopped while it was being sent.")
    return len(interrupted)


def lose_overdue(tx: Transaction, *, before: int) -> int:
    """Give up on submissions in doubt that were sent before that time (ms); gives how many."""
    rows = tx.execute(
        f"SELECT task_id FROM submissions WHERE {IN_DOUBT} AND state = 'unknown' AND sent_at < ?", (before,)
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
    tx.topics.add("submissions")  # its place at the gateway is free
    tell(tx, task_id, "task.lost", "service", {"reason": reason})


def _charge(tx: Transaction, submission: Submission) -> None:
    """The submission was accepted: what it costs was spent."""
    if submission.cost is not None:
        tx.execute("UPDATE tasks SET cost = coalesce(cost, 0) + ? WHERE id = ?", (submission.cost, submission.task_id))


def tell(tx: Transaction, task_id: str, event_type: str, source: Source, data: JSON | None = None) -> None:
    """Append an event that carries the whole task, and let the rules follow."""
    tx.execute("UPDATE tasks SET loose = 0 WHERE id = ?", (task_id,))
    seq = append_event(tx, task_id, event_type, source, read_mutable(tx, task_id), data)
    follow(tx, task_id, event_type, seq)


def _set_state(tx: Transaction, submission_id: int, state: SubmissionState, *, next_at: int | None = None) -> None:
    tx.execute("UPDATE submissions SET state = ?, next_at = ? WHERE id = ?", (state, next_at, submission_id))


def mark_task(tx: Transaction, task_id: str, state: SubmissionState) -> None:
    """Note at the task what state its latest submission is in."""
    tx.execute("UPDATE tasks SET submission = ?, loose = 1 WHERE id = ?", (state, task_id))


def _keep_answer(tx: Transaction, submission_id: int, answer: JSON | None) -> None:
    if answer is not None:
        tx.execute("UPDATE submissions SET answer = ? WHERE id = ?", (to_json(answer), submission_id))
