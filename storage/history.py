"""The past, told again: tasks as they were when something happened to them."""

import sqlite3
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from storage.events import Fold
from storage.reactions import FiringOutcome
from storage.records import CHAIN_SETTLED, ENDING_EVENTS, FAILURES, Button, Chain, SubmissionState, Task
from storage.tasks import FIXED, make_task

_FIXED_COLUMNS = ", ".join(f'"{name}"' for name in FIXED)
_BY_RULES = "(origin = 'then' OR origin GLOB 'rule:*')"  # the words of the indexes of follow-ups
_BY_OTHERS = "(tasks.created_at < ? OR NOT (tasks.origin = 'then' OR tasks.origin GLOB 'rule:*'))"
# A click that failed, was refused or was lost has held its place until its row changed.
_STOOD = (
    f"tasks.created_at <= ? AND {_BY_OTHERS} AND (tasks.updated_at > ?"
    " OR (tasks.status NOT IN ('FAILURE', 'CANCEL') AND tasks.submission NOT IN ('rejected', 'lost')))"
)


class PastEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as the rules saw it."""

    seq: int
    type: str
    time: int
    task: Task  # as it was then
    chain: Chain | None  # of a `chain.settled`: as it was then


def find_latest_of_each(db: sqlite3.Connection, task_id: str) -> dict[str, int]:
    """Give the `seq` of the task's latest event of each type, by type, in the order in which these happened."""
    rows = db.execute("SELECT type, max(seq) FROM events WHERE task_id = ? GROUP BY type ORDER BY max(seq)", (task_id,))
    return dict(rows.fetchall())


def read_event(db: sqlite3.Connection, task_id: str, seq: int) -> PastEvent:
    """Give an event of the task, which is there."""
    event_type, time, data = db.execute("SELECT type, time, data FROM events WHERE seq = ?", (seq,)).fetchone()
    return PastEvent(
        seq=seq, type=event_type, time=time, task=Fold(db).task_at(task_id, seq), chain=_read_chain(event_type, data)
    )


def _read_chain(event_type: str, data: str) -> Chain | None:
    return msgspec.convert(msgspec.json.decode(data)["chain"], Chain) if event_type == CHAIN_SETTLED else None


def iter_events(
    db: sqlite3.Connection, since: int, types: Collection[str], until: int | None = None
) -> Iterator[PastEvent]:
    """Give the events of these types since a time and until another one (ms, both included), oldest first.

    One pass over the table; a task is put together only where one of its events is asked for. Events about no task are
    left out.
    """
    wanted, columns = frozenset(types), dict[str, dict[str, Any]]()
    rows = db.execute(
        "SELECT seq, task_id, type, time, changes, data FROM events"
        " WHERE seq >= (SELECT min(seq) FROM events WHERE time >= ?) AND task_id IS NOT NULL ORDER BY seq",
        (since,),
    )
    for seq, task_id, event_type, time, changes, data in rows:
        if until is not None and time > until:
            break
        folded = columns.get(task_id)
        if folded is None:
            folded = columns[task_id] = _fold_before(db, task_id, seq)
        folded |= msgspec.json.decode(changes)
        if event_type in wanted:
            chain = _read_chain(event_type, data)
            yield PastEvent(seq=seq, type=event_type, time=time, task=make_task(folded), chain=chain)
        if event_type == CHAIN_SETTLED or (event_type in ENDING_EVENTS and task_id != folded["root_id"]):
            del columns[task_id]  # hardly anything follows; what does is folded anew


def _fold_before(db: sqlite3.Connection, task_id: str, seq: int) -> dict[str, Any]:
    """Every column of a task as it was before an event."""
    row = db.execute(f"SELECT {_FIXED_COLUMNS} FROM tasks WHERE id = ?", (task_id,)).fetchone()
    columns = dict(zip(FIXED, row, strict=True))
    for (text,) in db.execute("SELECT changes FROM events WHERE task_id = ? AND seq < ? ORDER BY seq", (task_id, seq)):
        columns |= msgspec.json.decode(text)
    return columns


class FollowUp(msgspec.Struct, frozen=True, kw_only=True):
    """A task that a rule, or a task's own list, opened."""

    origin: str
    root_id: str
    time: int
    cost: float | None


def list_follow_ups(db: sqlite3.Connection, after: int, before: int, *, root_id: str | None = None) -> list[FollowUp]:
    """Give the follow-ups opened after a time and before another one (ms), oldest first; refused ones left out.

    Under one root, or under all.
    """
    index, under = ("follow_ups", "1") if root_id is None else ("tasks_of_a_chain", "root_id = ?3")
    rows = db.execute(
        f"SELECT origin, root_id, tasks.created_at, submissions.cost FROM tasks INDEXED BY {index} JOIN submissions"
        " ON submissions.task_id = tasks.id AND submissions.kind = 'submit'"
        f" WHERE {_BY_RULES} AND {under} AND tasks.created_at > ?1 AND tasks.created_at < ?2"
        " AND submission != 'rejected' ORDER BY tasks.created_at, tasks.id",
        (after, before) if root_id is None else (after, before, root_id),
    )
    return [FollowUp(origin=origin, root_id=root_id, time=time, cost=cost) for origin, root_id, time, cost in rows]


def list_decided(db: sqlite3.Connection, since: int, until: int, outcome: FiringOutcome) -> set[tuple[str, str]]:
    """Give the rule and the task of each firing of that outcome about an event of that time (ms, both included)."""
    rows = db.execute(
        "SELECT rule, task_id FROM firings WHERE outcome = ? AND created_at BETWEEN ? AND ?", (outcome, since, until)
    )
    return {(rule, task_id) for rule, task_id in rows}


def count_fired_before(db: sqlite3.Connection, rule: str, root_id: str, before: int) -> int:
    """Count the firings of a rule that had opened tasks under a root before a time (ms)."""
    (count,) = db.execute(
        "SELECT count(*) FROM firings WHERE rule = ? AND root_id = ? AND outcome = 'fired' AND created_at < ?"
        " AND EXISTS (SELECT 1 FROM json_each(actions) WHERE value ->> 'result' = 'opened')",
        (rule, root_id, before),
    ).fetchone()
    return int(count)


def was_well(db: sqlite3.Connection, task_id: str, now: int) -> bool:
    """Whether at that time (ms) a task that had ended badly, or was lost, had not after all."""
    (seq,) = db.execute(
        "SELECT max(seq) FROM events WHERE task_id = ? AND time <= ? AND type GLOB 'task.*'", (task_id, now)
    ).fetchone()
    if seq is None:
        return False
    task = Fold(db).task_at(task_id, seq)
    return task.status not in FAILURES and task.submission != SubmissionState.LOST


def was_refused_before(db: sqlite3.Connection, task: Task, button: Button, now: int, since: int) -> bool:
    """Whether by that time moderation had refused a click of the button that no rule has opened since then (ms)."""
    found = db.execute(
        'SELECT 1 FROM tasks WHERE parent_id = ? AND button_kind = ? AND "index" IS ?'
        f" AND fail_kind = 'moderation' AND updated_at <= ? AND {_BY_OTHERS}",
        (task.id, button.kind, button.index, now, since),
    )
    return found.fetchone() is not None


def was_clicked(db: sqlite3.Connection, task: Task, button: Button, now: int, since: int) -> bool:
    """Whether a click of the button held its place at that time that no rule has opened since then (ms)."""
    found = db.execute(
        f'SELECT 1 FROM tasks WHERE parent_id = ? AND button_kind = ? AND "index" IS ? AND {_STOOD}',
        (task.id, button.kind, button.index, now, since, now),
    )
    return found.fetchone() is not None


def was_asked_again(db: sqlite3.Connection, task: Task, now: int, since: int) -> bool:
    """Whether by that time somebody else than a rule since then (ms) had asked for the task once more, or had clicked
    its button anew.
    """
    found = db.execute(
        f"SELECT 1 FROM tasks WHERE retry_of = ? AND created_at <= ? AND {_BY_OTHERS}"
        " UNION ALL SELECT 1 FROM tasks, tasks AS own WHERE own.id = ? AND own.button_kind = 'upsample'"
        ' AND tasks.parent_id = own.parent_id AND tasks.button_kind = own.button_kind AND tasks."index" IS own."index"'
        f" AND tasks.id != own.id AND {_STOOD}",
        (task.id, now, since, task.id, now, since, now),
    )
    return found.fetchone() is not None
