"""The events table: what happened, in one global order, and how the task looked then.

A row keeps only what changed. A task as it was at some event is its fixed columns with the changes of its events,
up to that one, folded over them.
"""

import sqlite3
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from storage.addressing import address
from storage.bell import EVENTS
from storage.records import Event, Source, Task
from storage.tasks import FIXED, make_task, read_mutable
from storage.transaction import Transaction, to_json

_FIXED_COLUMNS = ", ".join(f'"{name}"' for name in FIXED)


def append_event(
    tx: Transaction,
    task_id: str | None,
    event_type: str,
    source: Source,
    changes: Mapping[str, Any],
    data: Mapping[str, Any] | None = None,
) -> int:
    """Append one event, with its deliveries, and give its `seq`; the bell will ring for all events, and for its task.

    `changes` maps columns of MUTABLE to their new values, which the task's row shows already. An event may be about no
    task.
    """
    cursor = tx.execute(
        "INSERT INTO events (task_id, type, time, source, changes, data) VALUES (?, ?, ?, ?, ?, ?)",
        (task_id, event_type, tx.now, source, to_json(changes), to_json(data) if data else None),
    )
    tx.topics.add(EVENTS)
    if task_id is not None:
        tx.topics.add(task_id)
    seq = int(cursor.lastrowid or 0)
    address(tx, seq, task_id, event_type, data or {})
    return seq


def append_news(
    tx: Transaction, task_id: str, event_type: str, source: Source, data: Mapping[str, Any] | None = None
) -> int:
    """Append an event that shows the task as it is by now, though the event did not change it; gives its `seq`."""
    (loose,) = tx.execute("SELECT loose FROM tasks WHERE id = ?", (task_id,)).fetchone()
    if not loose:
        return append_event(tx, task_id, event_type, source, {}, data)
    tx.execute("UPDATE tasks SET loose = 0 WHERE id = ?", (task_id,))
    return append_event(tx, task_id, event_type, source, read_mutable(tx, task_id), data)


def make_event_id(time: int, seq: int) -> str:
    """Give an event's public id: the same for ever, and another one after a restored backup reuses a `seq`."""
    return f"evt_{time:011x}{seq:x}"


class EventName(msgspec.Struct, frozen=True, kw_only=True):
    """Which event: all but its content."""

    seq: int
    id: str
    type: str


def name_events(db: sqlite3.Connection | Transaction, seqs: Sequence[int]) -> dict[int, EventName]:
    """Give which events these are, by their `seq`; those that are not there any more are left out."""
    rows = db.execute(
        "SELECT seq, time, type FROM events WHERE seq IN (SELECT value FROM json_each(?))", (to_json(list(seqs)),)
    )
    return {seq: EventName(seq=seq, id=make_event_id(time, seq), type=event_type) for seq, time, event_type in rows}


def read_latest_seq(db: sqlite3.Connection) -> int:
    """Give the `seq` of the newest event, 0 when there is none."""
    return int(db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])


def has_ending_since(db: sqlite3.Connection, gateway: str, seq: int) -> bool:
    """Whether a task of the gateway has ended after that event."""
    found = db.execute(
        "SELECT 1 FROM events JOIN tasks ON tasks.id = events.task_id WHERE events.seq > ? AND tasks.gateway = ?"
        " AND events.source != 'submit' AND events.type IN ('task.succeeded', 'task.failed', 'task.cancelled') LIMIT 1",
        (seq, gateway),
    )
    return found.fetchone() is not None


def list_events(
    db: sqlite3.Connection,
    *,
    after: int = 0,
    types: Sequence[str] = (),
    task: str | None = None,
    root: str | None = None,
    tag: str | None = None,
    limit: int = 100,
) -> tuple[list[Event], int]:
    """Give events after a `seq`, oldest first, and the `seq` up to which everything has been looked at.

    The filters are those of `iter_matching`.
    """
    with snapshot(db):  # the rows, and the horizon that they were looked for under
        events = list(iter_matching(db, after=after, types=types, task=task, root=root, tag=tag, limit=limit))
        return events, events[-1].seq if len(events) == limit else max(after, read_latest_seq(db))


def iter_matching(
    db: sqlite3.Connection | Transaction,
    *,
    after: int,
    types: Sequence[str] = (),
    task: str | None = None,
    root: str | None = None,
    tag: str | None = None,
    limit: int,
) -> Generator[Event, None, None]:
    """Give events after a `seq`, oldest first. Take them within one `snapshot`.

    `types` may hold wildcards (`task.*`). `root` and `tag` look at the event's task as it is now. With any filter but
    `types`, events about no task are left out.
    """
    where, values = ["events.seq > ?"], list[Any]([after])
    if types:
        where.append("(" + " OR ".join("events.type GLOB ?" for _ in types) + ")")
        values.extend(types)
    if task is not None:
        where.append("events.task_id = ?")
        values.append(task)
    joined = ""
    if root is not None or tag is not None:
        joined = "JOIN tasks ON tasks.id = events.task_id"
        if root is not None:
            where.append("tasks.root_id = ?")
            values.append(root)
        if tag is not None:
            where.append("EXISTS (SELECT 1 FROM json_each(tasks.tags) WHERE value = ?)")
            values.append(tag)
    rows = db.execute(
        "SELECT events.seq, events.task_id, events.type, events.time, events.source, events.data"
        f" FROM events {joined} WHERE {' AND '.join(where)} ORDER BY events.seq LIMIT ?",
        (*values, limit),
    )
    fold = Fold(db)
    for seq, task_id, event_type, time, source, data in rows:
        yield Event(
            seq=seq,
            id=make_event_id(time, seq),
            type=event_type,
            time=time,
            task=None if task_id is None else fold.task_at(task_id, seq),
            data={"source": source} | (msgspec.json.decode(data) if data else {}),
        )


def read_event(db: sqlite3.Connection | Transaction, seq: int) -> Event:
    """Give one event that is there."""
    return next(iter_matching(db, after=seq - 1, limit=1))


@contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[None]:
    """Let every question in the block be about one moment."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("COMMIT")


class Fold:
    """Rebuilds tasks as they were; asked in rising order, it reads each change once."""

    def __init__(self, db: sqlite3.Connection | Transaction) -> None:
        self._db = db
        self._known: dict[str, tuple[int, dict[str, Any]]] = {}

    def task_at(self, task_id: str, seq: int) -> Task:
        """Give the task as it was just after that event. Ask for rising `seq` of a task."""
        folded, columns = self._known.get(task_id) or (0, self._fixed(task_id))
        changes = self._db.execute(
            "SELECT changes FROM events WHERE task_id = ? AND seq > ? AND seq <= ? ORDER BY seq",
            (task_id, folded, seq),
        )
        for (text,) in changes:
            columns |= msgspec.json.decode(text)
        self._known[task_id] = (seq, columns)
        return make_task(columns)

    def _fixed(self, task_id: str) -> dict[str, Any]:
        row = self._db.execute(f"SELECT {_FIXED_COLUMNS} FROM tasks WHERE id = ?", (task_id,)).fetchone()
        return dict(zip(FIXED, row, strict=True))
