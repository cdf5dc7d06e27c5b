"""The firings table: what rules decided, and the tasks that they opened, in the event's own transaction."""

import sqlite3
from typing import Any

import msgspec

from storage.openings import open_click
from storage.records import Button, Decision, Firing, Task
from storage.tasks import read_task
from storage.transaction import Transaction, to_json

_FIELDS = Firing.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)


class LedgerFacts:
    """The Facts of a transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    def then(self, task_id: str) -> tuple[str, ...]:
        """The labels that the task's own `then` wants clicked."""
        (text,) = self._tx.execute('SELECT "then" FROM tasks WHERE id = ?', (task_id,)).fetchone()
        return tuple(msgspec.json.decode(text))


def follow(tx: Transaction, task_id: str, event_type: str, seq: int) -> None:
    """Let the rules decide about an event, and store everything that follows from it."""
    if not tx.react.listens(event_type):
        return
    task = read_task(tx, task_id)
    try:
        decisions = tx.react(event_type, task, LedgerFacts(tx))
    except sqlite3.Error:
        raise  # the ledger's trouble, not a rule's: the whole callback is refused and comes again
    except Exception as error:
        decisions = (
            Decision(rule="rules", version="", origin="then", reason="error", detail=f"{type(error).__name__}"),
        )
    for decision in decisions:
        _fire(tx, task, decision, seq)


def _fire(tx: Transaction, task: Task, decision: Decision, seq: int) -> None:
    cursor = tx.execute(
        "INSERT INTO firings (rule, version, task_id, seq, outcome, reason, detail, clicks, created_at)"
        " VALUES (?, ?, ?, ?, 'blocked', ?, ?, '[]', ?) ON CONFLICT DO NOTHING",
        (decision.rule, decision.version, task.id, seq, decision.reason, decision.detail, tx.now),
    )
    if not cursor.rowcount or decision.reason is not None:
        return  # it has decided about this task before, or it was blocked
    clicks = [_click(tx, task, button, decision.origin) for button in decision.clicks]
    opened = any(click["result"] == "opened" for click in clicks)
    tx.execute(
        "UPDATE firings SET outcome = ?, reason = ?, detail = ?, clicks = ? WHERE rule = ? AND task_id = ?",
        (
            "fired" if opened else "blocked",
            None if opened else "exists",
            None if opened else "Every button was clicked already; nothing was spent.",
            to_json(clicks),
            decision.rule,
            task.id,
        ),
    )


def _click(tx: Transaction, task: Task, button: Button, origin: str) -> dict[str, Any]:
    child, new = open_click(tx, task, button, origin=origin)
    return {"button": child.button, "task_id": child.id, "result": "opened" if new else "exists"}


def read_latest_firing(db: sqlite3.Connection) -> int:
    """Give the id of the newest firing, 0 when there is none."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM firings").fetchone()[0])


def list_firings(
    db: sqlite3.Connection,
    *,
    task: str | None = None,
    rule: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Firing]:
    """Give firings about a task, of a rule, or all; oldest first. `after` is a firing id to go on from."""
    where, values = ["id > ?"], list[Any]([after])
    for column, text in (("task_id", task), ("rule", rule)):
        if text is not None:
            where.append(f"{column} = ?")
            values.append(text)
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM firings WHERE {' AND '.join(where)} ORDER BY id LIMIT ?", (*values, limit)
    )
    return [
        Firing(**dict(zip(_FIELDS, row, strict=True)) | {"clicks": tuple(msgspec.json.decode(row[8]))}) for row in rows
    ]
