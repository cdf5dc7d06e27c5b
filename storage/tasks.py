"""The tasks table: rows become Tasks, and new ones are opened together with their submission."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from storage.errors import NoSuchTask, TooManyTags
from storage.records import Status, Task
from storage.transaction import Transaction, to_json

MOST_TAGS = 50  # of one task

# What a Progress or a submission may change; the first event of a task carries all of it, later ones what changed.
MUTABLE = (
    "gateway_id",
    "status",
    "progress",
    "image_url",
    "video_urls",
    "buttons",
    "fail_reason",
    "fail_kind",
    "tags",
    "submission",
    "cost",
    "updated_at",
    "submitted_at",
    "started_at",
    "finished_at",
    "properties",
)
FIXED = (
    "id",
    "gateway",
    "action",
    "button",
    "index",
    "prompt",
    "params",
    "parent_id",
    "root_id",
    "depth",
    "retry_of",
    "attempt",
    "origin",
    "state",
    "created_at",
)
AS_JSON = frozenset({"params", "video_urls", "buttons", "tags", "properties"})
COLUMNS = ", ".join(f'tasks."{name}"' for name in FIXED + MUTABLE)
_MUTABLE = ", ".join(MUTABLE)


def make_task(columns: Mapping[str, Any]) -> Task:
    """Give the Task whose columns these are; JSON columns may be text or decoded already."""
    values = {
        name: msgspec.json.decode(value) if name in AS_JSON and isinstance(value, str) else value
        for name, value in columns.items()
    }
    if values["finished_at"] is None and values["status"] in (Status.SUCCESS, Status.FAILURE, Status.CANCEL):
        values["finished_at"] = values["updated_at"]  # the gateway's clock is silent: ours, when it became known
    return msgspec.convert(values, Task)


def task_of_row(row: Sequence[Any]) -> Task:
    """Give the Task whose COLUMNS these are."""
    return make_task(dict(zip(FIXED + MUTABLE, row, strict=True)))


def read_task(db: sqlite3.Connection | Transaction, task_id: str) -> Task:
    """Give one task as it is now. Raises NoSuchTask."""
    row = db.execute(f"SELECT {COLUMNS} FROM tasks WHERE id = ?", (task_id,)).fetchone()
    if row is None:
        raise NoSuchTask(f"There is no task {task_id} in this ledger.")
    return task_of_row(row)


def is_another(db: sqlite3.Connection, state: str, task_id: str) -> bool:
    """Whether a `state` that a gateway shows is another task of ours than `task_id`.

    A click of the same button of the same parent counts as the same: where the answer to the first one was lost, the
    gateway names its task when it is clicked again.
    """
    found = db.execute(
        "SELECT 1 FROM tasks AS other, tasks AS this WHERE other.id = ? AND this.id = ? AND other.id != this.id"
        " AND NOT coalesce(other.parent_id = this.parent_id AND other.button_kind = this.button_kind"
        ' AND other."index" IS this."index", 0)',
        (state, task_id),
    )
    return found.fetchone() is not None


def find_by_state(db: sqlite3.Connection | Transaction, state: str) -> Task | None:
    """Give the first task that has this client's state; None without any."""
    row = db.execute(f"SELECT {COLUMNS} FROM tasks WHERE state = ? ORDER BY id LIMIT 1", (state,)).fetchone()
    return None if row is None else task_of_row(row)


def read_mutable(tx: Transaction, task_id: str) -> dict[str, Any]:
    """Give every column that may change, ready to be kept as an event's changes."""
    row = tx.execute(f"SELECT {_MUTABLE} FROM tasks WHERE id = ?", (task_id,)).fetchone()
    return {
        name: msgspec.Raw(value.encode()) if name in AS_JSON else value
        for name, value in zip(MUTABLE, row, strict=True)
    }


def list_tasks(
    db: sqlite3.Connection,
    *,
    status: Sequence[str] = (),
    action: Sequence[str] = (),
    tag: str | None = None,
    gateway: str | None = None,
    state: str | None = None,
    root: str | None = None,
    q: str | None = None,
    before: str | None = None,
    limit: int = 100,
) -> list[Task]:
    """Give tasks, newest first. `before` is a task id to go on from; `q` is looked for inside prompts."""
    where, values = ["1"], list[Any]()

    def narrow(clause: str, *given: Any) -> None:
        where.append(clause)
        values.extend(given)

    for column, wanted in (("status", status), ("action", action)):
        if wanted:
            narrow(f"{column} IN ({', '.join('?' * len(wanted))})", *wanted)
    for column, text in (("gateway", gateway), ("state", state), ("root_id", root)):
        if text is not None:
            narrow(f"{column} = ?", text)
    if tag is not None:
        narrow("EXISTS (SELECT 1 FROM json_each(tasks.tags) WHERE value = ?)", tag)
    if q:
        narrow("instr(lower(prompt), lower(?)) > 0", q)
    if before is not None:
        narrow("id < ?", before)
    rows = db.execute(
        f"SELECT {COLUMNS} FROM tasks WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?", (*values, limit)
    )
    return [task_of_row(row) for row in rows]


def list_chain(db: sqlite3.Connection | Transaction, task_id: str) -> list[Task]:
    """Give the whole chain that a task belongs to, the root first. Raises NoSuchTask."""
    root = read_task(db, task_id).root_id
    rows = db.execute(f"SELECT {COLUMNS} FROM tasks WHERE root_id = ? ORDER BY id", (root,))
    return [task_of_row(row) for row in rows]


def add_tags(tx: Transaction, task_id: str, tags: Sequence[str]) -> Task:
    """Add tags behind those that the task has; the next event about it shows them. Gives the task as it is then.

    Raises NoSuchTask, and TooManyTags beyond MOST_TAGS.
    """
    task = read_task(tx, task_id)
    wanted = tuple(dict.fromkeys((*task.tags, *tags)))
    if len(wanted) > MOST_TAGS:
        raise TooManyTags
    return _set_tags(tx, task, wanted)


def remove_tags(tx: Transaction, task_id: str, tags: Sequence[str]) -> Task:
    """Take tags away; the next event about the task shows that. Gives the task as it is then. Raises NoSuchTask."""
    task = read_task(tx, task_id)
    return _set_tags(tx, task, tuple(tag for tag in task.tags if tag not in tags))


def _set_tags(tx: Transaction, task: Task, tags: tuple[str, ...]) -> Task:
    if tags == task.tags:
        return task
    tx.execute("UPDATE tasks SET tags = ?, loose = 1 WHERE id = ?", (to_json(tags), task.id))
    tx.topics.add(task.id)
    return msgspec.structs.replace(task, tags=tags)
