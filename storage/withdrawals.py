"""Taking back what its gateway has not been asked for: one task, a whole chain, or what a rule has planned."""

import sqlite3

from storage.deferrals import AT_ONCE, drop_waiting, hasten_oldest
from storage.facts import origin_of
from storage.records import Status
from storage.submissions import tell
from storage.tasks import read_task
from storage.transaction import Transaction

CANCELLED = "It was cancelled before its gateway was asked."
DROPPED = "Its rule was paused, and what it had planned was dropped."
CHAIN_CANCELLED = "Its chain was cancelled."

_UNSENT = (
    "SELECT tasks.id FROM tasks JOIN submissions ON submissions.task_id = tasks.id"
    " WHERE submissions.kind = 'submit' AND submissions.state = 'planned'"
)


def withdraw(tx: Transaction, task_id: str, *, reason: str = CANCELLED) -> bool:
    """Take a task back before its gateway was asked; gives whether that was in time. Raises NoSuchTask."""
    if read_task(tx, task_id).ended:
        return False
    row = tx.execute(
        "UPDATE submissions SET state = 'rejected', next_at = NULL WHERE task_id = ? AND kind = 'submit'"
        " AND state = 'planned' RETURNING 1",
        (task_id,),
    ).fetchone()
    if row is None:
        return False
    tx.execute(
        "UPDATE tasks SET submission = 'rejected', status = ?, fail_reason = ?, fail_kind = 'cancelled',"
        " finished_at = ?, updated_at = ? WHERE id = ?",
        (Status.CANCEL, reason, tx.now, tx.now, task_id),
    )
    tx.topics.add("submissions")  # who comes after it in the line may go
    hasten_oldest(tx, task_id)
    tell(tx, task_id, "task.cancelled", "service")
    return True


def withdraw_follow_ups(tx: Transaction, rule: str, limit: int = AT_ONCE) -> tuple[int, int]:
    """Take back some of what a rule (or `then`) has planned and nobody has sent, then drop its firings that wait.

    Gives how many tasks, and how many firings: to be called until there are none. Callbacks wait for each call.
    """
    rows = tx.execute(f"{_UNSENT} AND tasks.origin = ? ORDER BY tasks.id LIMIT ?", (origin_of(rule), limit)).fetchall()
    tasks = sum(withdraw(tx, task_id, reason=DROPPED) for (task_id,) in rows)
    return tasks, 0 if rows else drop_waiting(tx, DROPPED, rule=rule, limit=limit)


def withdraw_chain(tx: Transaction, root_id: str, limit: int = AT_ONCE) -> tuple[int, int]:
    """Take back some of what nobody has sent under a root, then drop the firings that wait there.

    Gives how many tasks, and how many firings: to be called until there are none, since rules may plan anew what was
    cancelled.
    """
    rows = tx.execute(f"{_UNSENT} AND tasks.root_id = ? ORDER BY tasks.id LIMIT ?", (root_id, limit)).fetchall()
    tasks = sum(withdraw(tx, task_id) for (task_id,) in rows)
    return tasks, 0 if rows else drop_waiting(tx, CHAIN_CANCELLED, root_id=root_id, limit=limit)


def count_unsent(db: sqlite3.Connection | Transaction, rule: str) -> tuple[int, int]:
    """Count what a rule (or `then`) has planned and nobody has sent, and its firings that wait."""
    (tasks,) = db.execute(f"SELECT count(*) FROM ({_UNSENT} AND tasks.origin = ?)", (origin_of(rule),)).fetchone()
    (firings,) = db.execute("SELECT count(*) FROM firings WHERE outcome = 'deferred' AND rule = ?", (rule,)).fetchone()
    return int(tasks), int(firings)
