"""Finding tasks as the clients of gateways do: by any id that names them, in pages, in the order of a queue."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from storage.records import ENDINGS, Task
from storage.submissions import IN_DOUBT
from storage.tasks import COLUMNS, task_of_row
from storage.transaction import to_json

# What a page may be searched for: texts within the row, and within what its gateway said beside.
SEARCHED = {
    "prompt": "tasks.prompt",
    "promptEn": "json_extract(tasks.properties, '$.promptEn')",
    "description": "json_extract(tasks.properties, '$.description')",
    "failReason": "tasks.fail_reason",
}

_ENDINGS = ", ".join(f"'{status}'" for status in sorted(ENDINGS))


class Page(NamedTuple):
    """Some of the tasks that were searched for, and how many there are in all."""

    tasks: list[Task]
    total: int


def find_named(db: sqlite3.Connection, names: Sequence[str], gateways: Sequence[str]) -> dict[str, Task]:
    """Give tasks by their names, those that are found: our own ids, or the ids that one of the gateways gave them.

    Where two gateways use one id, the earlier one of the list is meant; where two tasks share one, the older.
    """
    rows = db.execute(f"SELECT {COLUMNS} FROM tasks WHERE id IN (SELECT value FROM json_each(?))", (to_json(names),))
    found = {task.id: task for task in map(task_of_row, rows)}
    for gateway in gateways:
        if not (strangers := [name for name in names if name not in found]):
            break
        rows = db.execute(
            f"SELECT gateway_ids.gateway_id, {COLUMNS} FROM gateway_ids JOIN tasks ON tasks.id = gateway_ids.task_id"
            " WHERE gateway_ids.gateway = ? AND gateway_ids.gateway_id IN (SELECT value FROM json_each(?))"
            " ORDER BY gateway_ids.task_id",
            (gateway, to_json(strangers)),
        )
        for name, *row in rows:
            found.setdefault(name, task_of_row(row))
    return found


def read_page(
    db: sqlite3.Connection,
    *,
    ids: Sequence[str] | None = None,
    status: Sequence[str] = (),
    action: str | None = None,
    state: str | None = None,
    texts: Mapping[str, str] | None = None,
    newest_first: bool = True,
    offset: int = 0,
    limit: int = 100,
) -> Page:
    """Give a page of tasks: of these `ids` (ours), statuses, action, client's state; `texts` by names of SEARCHED."""
    where, values = ["1"], list[Any]()

    def narrow(clause: str, *given: Any) -> None:
        where.append(clause)
        values.extend(given)

    if ids is not None:
        narrow("tasks.id IN (SELECT value FROM json_each(?))", to_json(ids))
    if status:
        narrow("tasks.status IN (SELECT value FROM json_each(?))", to_json(status))
    if action:
        narrow("(tasks.action = ? OR json_extract(tasks.properties, '$.action') = ?)", action, action)
    if state:
        narrow("tasks.state = ?", state)
    for name, text in (texts or {}).items():
        narrow(f"instr(lower({SEARCHED[name]}), lower(?)) > 0", text)
    wanted = f"FROM tasks WHERE {' AND '.join(where)}"
    (total,) = db.execute(f"SELECT count(*) {wanted}", values).fetchone()
    order = "DESC" if newest_first else "ASC"
    rows = db.execute(f"SELECT {COLUMNS} {wanted} ORDER BY tasks.id {order} LIMIT ? OFFSET ?", (*values, limit, offset))
    return Page([task_of_row(row) for row in rows], total)


def list_queue(db: sqlite3.Connection, *, limit: int) -> list[Task]:
    """Give the tasks that wait for their gateway or are at work there, oldest first."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM tasks WHERE status NOT IN ({_ENDINGS}) AND id IN ("
        " SELECT id FROM tasks WHERE asked_at IS NOT NULL"
        " UNION SELECT task_id FROM submissions WHERE state = 'planned'"
        f" UNION SELECT task_id FROM submissions WHERE {IN_DOUBT}) ORDER BY id LIMIT ?",
        (limit,),
    )
    return [task_of_row(row) for row in rows]
