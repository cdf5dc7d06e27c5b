"""What became of a root and of everything that grew from it, and whether anything is still to come."""

import sqlite3
from collections import Counter

from storage.records import Chain, Picture, Status, Task
from storage.tasks import COLUMNS, task_of_row
from storage.transaction import Transaction


def is_settled(tx: sqlite3.Connection | Transaction, root_id: str) -> bool:
    """Whether every task under a root has ended or is lost, and nothing is planned or deferred."""
    at_work = tx.execute(  # the newest ones are the likeliest
        "SELECT 1 FROM tasks WHERE root_id = ? AND status NOT IN ('SUCCESS', 'FAILURE', 'CANCEL')"
        " AND submission != 'lost' ORDER BY id DESC LIMIT 1",
        (root_id,),
    ).fetchone()
    if at_work is not None:
        return False
    waits = tx.execute("SELECT 1 FROM firings WHERE root_id = ? AND outcome = 'deferred' LIMIT 1", (root_id,))
    return waits.fetchone() is None


def read_chain(db: sqlite3.Connection | Transaction, root_id: str) -> Chain:
    """Give what became of a chain so far; one of no tasks where there is no such root."""
    rows = db.execute(f"SELECT {COLUMNS} FROM tasks WHERE root_id = ? ORDER BY id", (root_id,))
    tasks = [task_of_row(row) for row in rows]
    asked_again = {task.retry_of for task in tasks}
    counts: dict[str, Counter[str]] = {word: Counter() for word in ("succeeded", "failed", "cancelled", "retried")}
    lost = 0
    for task in tasks:
        match _word_of(task, is_retried=task.id in asked_again):
            case None:
                pass
            case "lost":
                lost += 1
            case word:
                counts[word][task.action] += 1
    costs = [task.cost for task in tasks if task.cost is not None]
    return Chain(
        root_id=root_id,
        tasks=len(tasks),
        **{word: dict(counter) for word, counter in counts.items()},
        lost=lost,
        cost=sum(costs) if costs else None,
        pictures=tuple(_picture_of(task) for task in tasks if task.status == Status.SUCCESS and _has_picture(task)),
    )


def _word_of(task: Task, *, is_retried: bool) -> str | None:
    """Under which word of a Chain the task counts; None while something is expected of it."""
    if task.status == Status.SUCCESS:
        return "succeeded"
    if not task.settled:
        return None
    if is_retried:
        return "retried"
    if task.status == Status.FAILURE:
        return "failed"
    return "cancelled" if task.status == Status.CANCEL else "lost"


def _has_picture(task: Task) -> bool:
    return task.image_url is not None or bool(task.video_urls)


def _picture_of(task: Task) -> Picture:
    return Picture(
        task_id=task.id,
        action=task.action,
        index=task.index,
        image_url=task.image_url,
        video_urls=task.video_urls,
        picture_url=task.picture_url,
    )
