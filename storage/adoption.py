"""Adoption: a task that somebody submitted elsewhere comes into the ledger, as its gateway tells it."""

import sqlite3

from storage.events import append_event
from storage.gateway_ids import keep_gateway_id
from storage.ledger import SHOWN, columns_of
from storage.openings import ADOPTED, open_task
from storage.records import NewTask, Progress, SubmissionState, Task
from storage.submissions import IN_DOUBT
from storage.tasks import read_mutable, read_task
from storage.transaction import Transaction

_SET = ", ".join(f"{name} = ?" for name in SHOWN)


def find_by_gateway_id(db: sqlite3.Connection | Transaction, gateway: str, gateway_id: str) -> Task | None:
    """Give the first task that a gateway knows under that id."""
    row = db.execute(
        "SELECT task_id FROM gateway_ids WHERE gateway = ? AND gateway_id = ? ORDER BY task_id LIMIT 1",
        (gateway, gateway_id),
    ).fetchone()
    return None if row is None else read_task(db, str(row[0]))


def read_first_doubt(db: sqlite3.Connection | Transaction, gateway: str) -> int | None:
    """Give when (ms) the first of the POSTs was sent of which a gateway may have a task that it has not named to us."""
    (sent_at,) = db.execute(
        "SELECT min(sent_at) FROM submissions JOIN tasks ON tasks.id = submissions.task_id"
        f" WHERE submissions.{IN_DOUBT} AND tasks.gateway = ? AND tasks.gateway_id IS NULL",
        (gateway,),
    ).fetchone()
    return None if sent_at is None else int(sent_at)


def adopt(
    tx: Transaction,
    gateway: str,
    gateway_id: str,
    progress: Progress,
    *,
    state: str | None = None,
    submitted_at: int | None = None,
) -> tuple[Task, bool]:
    """Bring a gateway's task into the ledger; give it, and whether it is new.

    One event tells of it, `task.submitted`, with the task as it is by now. Rules decide nothing about what had ended
    before: nobody wants to pay for follow-ups of years. What goes on is a task like any other from here on.
    `submitted_at` (ms) is by the gateway's clock, None where it does not say.
    """
    if (known := find_by_gateway_id(tx, gateway, gateway_id)) is not None:
        return known, False
    said = progress.properties
    prompt, action = said.get("prompt"), said.get("action")
    new = NewTask(
        gateway=gateway,
        action=action if isinstance(action, str) and action else "IMAGINE",
        prompt=prompt if isinstance(prompt, str) else None,
        origin=ADOPTED,
        state=state,
    )
    task = open_task(tx, new)
    keep_gateway_id(tx, task.id, gateway_id)
    tx.execute(
        "UPDATE submissions SET state = ?, next_at = NULL WHERE task_id = ?", (SubmissionState.ACCEPTED, task.id)
    )
    tx.execute(
        f"UPDATE tasks SET {_SET}, submission = ?, submitted_at = ?, asked_at = ?, loose = 0 WHERE id = ?",
        (
            *columns_of(progress),
            SubmissionState.ACCEPTED,
            tx.now if submitted_at is None else submitted_at,
            None if progress.ended else tx.now,
            task.id,
        ),
    )
    append_event(tx, task.id, "task.submitted", "fetch", read_mutable(tx, task.id), {"adopted": True})
    return read_task(tx, task.id), True
