"""New rows: a task and its planned submission, opened together, for a person, a system or a rule."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from storage.actions import action_of
from storage.attachments import Attachment, keep_attachments
from storage.errors import NoRequest
from storage.records import Button, NewTask, SubmissionKind, SubmissionState, Task
from storage.standing import find_answer, find_click
from storage.tasks import AS_JSON, FIXED, MUTABLE, read_task
from storage.transaction import Transaction, to_json

ADOPTED = "adopted"  # the origin of what was submitted elsewhere
EXPIRES_AFTER = 24 * 3600 * 1000  # milliseconds that a submission may wait for capacity

# What a task that is asked for once more has from the one that failed.
_ASKED_AGAIN = (
    *("root_id", "parent_id", "depth", "gateway", "action", "button", "index"),
    *("prompt", "params", "tags", "state"),
)


def open_task(
    tx: Transaction, new: NewTask, attachments: Sequence[Attachment] = (), *, cost: float | None = None
) -> Task:
    """Open a task that somebody asked for, with its planned submission and the pictures that this takes along.

    A task with a parent inherits its gateway and mode, and its tags and the client's state where none are given.
    `cost` is what it will cost, as far as anybody knows. Raises NoSuchTask for its parent.
    """
    keep_attachments(tx, attachments)
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
        tags=(parent.tags if parent else ()) if new.tags is None else new.tags,
        state=parent.state if parent and new.state is None else new.state,
        created_at=tx.now,
        updated_at=tx.now,
    )
    request = new.request if parent is None else inherit_mode(tx, parent.id, new.request)
    _insert(tx, task, then=new.then, request=request, cost=cost)
    return task


def open_click(
    tx: Transaction,
    parent: Task,
    button: Button,
    *,
    origin: str,
    request: Mapping[str, Any] | None = None,
    state: str | None = None,
    cost: float | None = None,
) -> tuple[Task, bool]:
    """Open the child that a click on `button` asks for; give it, and whether it is new.

    At most one live click per (parent, kind `upsample`, index), whoever asks: a second asker gets the first one's, also
    where the parent stands twice in the ledger. One that failed lives no more, unless its gateway has contradicted
    that: what it made was paid.
    A child inherits gateway, mode, prompt, tags and the client's state, where none of its own is given. `request` is
    what its POST carries beside the button: {"window": {"prompt", "mask"}, "options"}.
    """
    if (standing := find_click(tx, parent, button)) is not None:
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
        state=parent.state if state is None else state,
        created_at=tx.now,
        updated_at=tx.now,
    )
    asked = inherit_mode(tx, parent.id, {"button": button, **(request or {})})
    _insert(tx, task, button_kind=button.kind, request=asked, cost=cost)
    return task, True


def open_retry(tx: Transaction, task: Task, *, origin: str, cost: float | None = None) -> tuple[Task, bool]:
    """Ask for a task once more, as it was asked for; give what answers for it now, and whether that is new.

    Its copy has the same parent, chain, depth, tags and `then`. A window that was answered by hand is answered so
    again, with the click. Nothing is opened where something stands for it already (`find_answer`). What a rule asks
    for stays at its gateway, whose price it was reserved at; what a person asks for may go to any of its group.
    Raises NoRequest for what was submitted elsewhere, unless its prompt is all of it.
    """
    if (standing := find_answer(tx, task)) is not None:
        return standing, False
    if task.origin == ADOPTED and not (task.action == "IMAGINE" and task.prompt):
        raise NoRequest
    button_kind, then = tx.execute('SELECT button_kind, "then" FROM tasks WHERE id = ?', (task.id,)).fetchone()
    asked = tx.execute("SELECT kind, request FROM submissions WHERE task_id = ? ORDER BY id", (task.id,)).fetchall()
    request = msgspec.json.decode(asked[0][1])
    for kind, text in asked[1:]:
        if kind == "modal":
            answer = msgspec.json.decode(text)
            request["window"] = {"prompt": answer["prompt"], "mask": answer["mask"]}
    if origin == "then" or origin.startswith("rule:"):
        request.pop("group", None)
    retry = Task(
        id=tx.ids.next(tx.now),
        **{name: getattr(task, name) for name in _ASKED_AGAIN},
        retry_of=task.id,
        attempt=task.attempt + 1,
        origin=origin,
        created_at=tx.now,
        updated_at=tx.now,
    )
    _insert(tx, retry, button_kind=button_kind, then=msgspec.json.decode(then), request=request, cost=cost)
    return retry, True


def inherit_mode(tx: Transaction, parent_id: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The request in the mode that the task it goes on from was submitted in, where it asks for none."""
    mode = read_mode(tx, parent_id)
    return request if mode is None else {**request, "options": {"mode": mode, **request.get("options", {})}}


def read_mode(tx: sqlite3.Connection | Transaction, task_id: str) -> str | None:
    """The mode that a task was submitted in; None where nobody said."""
    row = tx.execute(
        "SELECT json_extract(request, '$.options.mode') FROM submissions WHERE task_id = ? ORDER BY id LIMIT 1",
        (task_id,),
    ).fetchone()
    return None if row is None else row[0]


def _insert(
    tx: Transaction,
    task: Task,
    *,
    request: Mapping[str, Any],
    button_kind: str | None = None,
    then: Sequence[str] = (),
    cost: float | None = None,
) -> None:
    columns = {
        name: to_json(value) if name in AS_JSON else value
        for name in FIXED + MUTABLE
        if (value := getattr(task, name)) is not None
    }
    columns |= {"button_kind": button_kind, "then": to_json(then), "loose": 1}
    names = ", ".join(f'"{name}"' for name in columns)
    places = ", ".join("?" * len(columns))
    tx.execute(f"INSERT INTO tasks ({names}) VALUES ({places})", tuple(columns.values()))
    plan_submission(tx, task.id, "submit", request, cost=cost)


def plan_submission(
    tx: Transaction, task_id: str, kind: SubmissionKind, request: Mapping[str, Any], *, cost: float | None = None
) -> None:
    """Plan one more paid POST for a task; it is due now. `cost` is what it will cost, where prices are known."""
    tx.execute(
        "INSERT INTO submissions (task_id, kind, state, nonce, request, attempts, next_at, expires_at, created_at,"
        " cost) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
        (
            task_id,
            kind,
            SubmissionState.PLANNED,
            tx.nonce(),
            to_json(request),
            tx.now,
            tx.now + EXPIRES_AFTER,
            tx.now,
            cost,
        ),
    )
    tx.topics.add("submissions")
