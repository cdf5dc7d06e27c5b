"""What stands already: the click, or the task, for which nobody pays a second time; and what moderation refused."""

import sqlite3

from storage.records import CONTRADICTED, FAILURES, LIVE_SUBMISSIONS, Button, Task
from storage.tasks import COLUMNS, read_task, task_of_row
from storage.transaction import Transaction

_LIVE = ", ".join(f"'{state}'" for state in sorted(LIVE_SUBMISSIONS))
_FAILURES = ", ".join(f"'{status}'" for status in sorted(FAILURES))
# A task that ended badly, and that its gateway works on, or has finished, all the same.
_PAID_AFTER_ALL = (
    f"EXISTS (SELECT 1 FROM events WHERE task_id = tasks.id AND type = '{CONTRADICTED}'"
    f" AND json_extract(data, '$.claim.status') NOT IN ({_FAILURES}))"
)


def find_click(tx: sqlite3.Connection | Transaction, parent: Task, button: Button) -> Task | None:
    """A click of this button that holds its place, None for buttons that may be clicked again and again.

    Of this parent, or of another task of ours that is the same one at their gateway, such as one that was adopted.

    Some gateways give one id to two tasks: those show that they are two by their customIds.
    """
    if button.kind != "upsample":
        return None
    shown = (each.custom_id for each in parent.buttons if (each.kind, each.index) == (button.kind, button.index))
    row = tx.execute(
        f'SELECT {COLUMNS} FROM tasks WHERE button_kind = :kind AND "index" IS :index AND parent_id IN'
        " (SELECT :parent UNION SELECT twin.task_id FROM gateway_ids AS own JOIN gateway_ids AS twin"
        " USING (gateway, gateway_id) WHERE own.task_id = :parent)"
        " AND (parent_id = :parent OR NOT EXISTS (SELECT 1 FROM tasks AS twin, json_each(twin.buttons) AS other"
        " WHERE twin.id = tasks.parent_id AND other.value ->> 'kind' = :kind AND other.value ->> 'index' IS :index"
        " AND other.value ->> 'custom_id' != :shown))"
        f" AND submission IN ({_LIVE}) AND (status NOT IN ({_FAILURES}) OR {_PAID_AFTER_ALL}) ORDER BY id LIMIT 1",
        {"parent": parent.id, "kind": button.kind, "index": button.index, "shown": next(shown, None)},
    ).fetchone()
    return None if row is None else task_of_row(row)


def find_answer(tx: sqlite3.Connection | Transaction, task: Task) -> Task | None:
    """What stands for a task that ended badly: the one that asks for it once more, another click of its button that
    lives, or itself, where it is well by now or its gateway has contradicted the ending; None when nothing does.
    """
    row = tx.execute(f"SELECT {COLUMNS} FROM tasks WHERE retry_of = ?", (task.id,)).fetchone()
    if row is not None:
        return task_of_row(row)
    well = f"(status NOT IN ({_FAILURES}) AND submission != 'lost') OR {_PAID_AFTER_ALL}"
    if tx.execute(f"SELECT 1 FROM tasks WHERE id = ? AND ({well})", (task.id,)).fetchone() is not None:
        return read_task(tx, task.id)
    return _find_sibling(tx, task)


def _find_sibling(tx: sqlite3.Connection | Transaction, task: Task) -> Task | None:
    if task.parent_id is None:
        return None
    (kind,) = tx.execute("SELECT button_kind FROM tasks WHERE id = ?", (task.id,)).fetchone()
    parent = read_task(tx, task.parent_id)
    return None if kind is None else find_click(tx, parent, Button(label="", kind=kind, index=task.index))


def was_refused(tx: sqlite3.Connection | Transaction, parent: Task, button: Button) -> bool:
    """Whether moderation refused a click of this button of this parent."""
    found = tx.execute(
        "SELECT 1 FROM tasks WHERE parent_id = ? AND button_kind = ? AND \"index\" IS ? AND fail_kind = 'moderation'",
        (parent.id, button.kind, button.index),
    )
    return found.fetchone() is not None
