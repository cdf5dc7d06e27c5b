"""The tasks table: rows become Tasks, and new ones are opened together with their submission."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from storage.actions import action_of
from storage.errors import NoSuchTask
from storage.records import (
    CONTRADICTED,
    FAILURES,
    LIVE_SUBMISSIONS,
    Button,
    NewTask,
    Status,
    SubmissionKind,
    SubmissionState,
    Task,
)
from storage.transaction import Transaction, to_json

EXPIRES_AFTER = 24 * 3600 * 1000  # milliseconds that a submission may wait for capacity

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
    "origin",
    "state",
    "created_at",
)
AS_JSON = frozenset({"params", "video_urls", "buttons", "tags", "properties"})
COLUMNS = ", ".join(f'tasks."{name}"' for name in FIXED + MUTABLE)
_MUTABLE = ", ".join(MUTABLE)
_FAILURES = ", ".join(f"'{status}'" for status in sorted(FAILURES))
_LIVE = ", ".join(f"'{state}'" for state in sorted(LIVE_SUBMISSIONS))


def make_task(columns: Mapping[str, Any]) -> Task:
    """Give the Task whose columns these are; JSON columns may be text or decoded already."""
    values = {
        name: msgspec.json.decode(value) if name in AS_JSON and isinstance(value, str) else value
        for name, value in columns.items()
    }
    if values["finished_at"] is None and values["status"] in (Status.SUCCESS, Status.FAILURE, Status.CANCEL):
        values["finished_at"] = values["updated_at"]  # the gateway's clock is silent: ours, when it became known
    return msgspec.convert(values, Task)


def _task_of_row(row: Sequence[Any]) -> Task:
    return make_task(dict(zip(FIXED + MUTABLE, row, strict=True)))


def read_task(db: sqlite3.Connection | Transaction, task_id: str) -> Task:
    """Give one task as it is now. Raises NoSuchTask."""
    row = db.execute(f"SELECT {COLUMNS} FROM tasks WHERE id = ?", (task_id,)).fetchone()
    if row is None:
        raise NoSuchTask(f"There is no task {task_id} in this ledger.")
    return _task_of_row(row)


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
    return [_task_of_row(row) for row in rows]


def read_chain(db: sqlite3.Connection, task_id: str) -> list[Task]:
    """Give the whole chain that a task belongs to, the root first. Raises NoSuchTask."""
    root = read_task(db, task_id).root_id
    rows = db.execute(f"SELECT {COLUMNS} FROM tasks WHERE root_id = ? ORDER BY id", (root,))
    return [_task_of_row(row) for row in rows]


def open_task(tx: Transaction, new: NewTask) -> Task:
    """Open a task that somebody asked for, with its planned submission. Raises NoSuchTask for its parent."""
    task_id = tx.ids.next(tx.now)
    parent = None if new.parent_id is None else read_task(tx, new.parent_id)
    task = Task(
        id=task_id,
        root_id=task_id if parent is None else parent.root_id,
        parent_id=new.parent_id,
        depth=0 if parent is None else parent.depth + 1,
        gateway=new.gateway if parent is None else parent.gateway,
        action=new.action,
        prompt=new.prompt,
        params=new.params,
        origin=new.origin,
        tags=new.tags,
        state=new.state,
        created_at=tx.now,
        updated_at=tx.now,
    )
    _insert(tx, task, then=new.then, request=new.request, notify_hook=new.notify_hook)
    return task


def open_click(
    tx: Transaction, parent: Task, button: Button, *, origin: str, request: Mapping[str, Any] | None = None
) -> tuple[Task, bool]:
    """Open the child that a click on `button` asks for; give it, and whether it is new.

    At most one live click per (parent, kind `upsample`, index), whoever asks: a second asker gets the first one's. One
    that failed lives no more, unless its gateway has contradicted that: what it made was paid.
    A child inherits gateway, prompt, tags and the client's state. `request` is what its POST carries beside the button.
    """
    if button.kind == "upsample" and (standing := _live_click(tx, parent.id, button)) is not None:
        return standing, False
    task = Task(
        id=tx.ids.next(tx.now),
        root_id=parent.root_id,
        parent_id=parent.id,
        depth=parent.depth + 1,
        gateway=parent.gateway,
        action=action_of(button.kind),
        button=button.label or button.emoji or button.custom_id,
        index=button.index,
        prompt=parent.prompt,
        params=parent.params,
        origin=origin,
        tags=parent.tags,
        state=parent.state,
        created_at=tx.now,
        updated_at=tx.now,
    )
    _insert(tx, task, button_kind=button.kind, request={"button": button, **(request or {})})
    return task, True


def _live_click(tx: Transaction, parent_id: str, button: Button) -> Task | None:
    row = tx.execute(
        f'SELECT {COLUMNS} FROM tasks WHERE parent_id = ? AND button_kind = ? AND "index" IS ?'
        f" AND submission IN ({_LIVE}) AND (status NOT IN ({_FAILURES}) OR EXISTS (SELECT 1 FROM events"
        f" WHERE task_id = tasks.id AND type = '{CONTRADICTED}'"
        f" AND json_extract(data, '$.claim.status') NOT IN ({_FAILURES}))) ORDER BY id LIMIT 1",
        (parent_id, button.kind, button.index),
    ).fetchone()
    return None if row is None else _task_of_row(row)


def _insert(
    tx: Transaction,
    task: Task,
    *,
    request: Mapping[str, Any],
    button_kind: str | None = None,
    then: Sequence[str] = (),
    notify_hook: str | None = None,
) -> None:
    columns = {
        name: to_json(value) if name in AS_JSON else value
        for name in FIXED + MUTABLE
        if (value := getattr(task, name)) is not None
    }
    columns |= {"button_kind": button_kind, "then": to_json(then), "notify_hook": notify_hook, "loose": 0}
    names = ", ".join(f'"{name}"' for name in columns)
    places = ", ".join("?" * len(columns))
    tx.execute(f"INSERT INTO tasks ({names}) VALUES ({places})", tuple(columns.values()))
    plan_submission(tx, task.id, "submit", request)


def plan_submission(tx: Transaction, task_id: str, kind: SubmissionKind, request: Mapping[str, Any]) -> None:
    """Plan one more paid POST for a task; it is due now."""
    tx.execute(
        "INSERT INTO submissions (task_id, kind, state, nonce, request, attempts, next_at, expires_at, created_at)"
        " VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)",
        (
            task_id,
            kind,
            SubmissionState.PLANNED,
            tx.nonce(),
            to_json(request),
            tx.now,
            tx.now + EXPIRES_AFTER,
            tx.now,
        ),
    )
    tx.topics.add("submissions")
