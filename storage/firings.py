"""The firings table: what rules decided, and what came of it, in the event's own transaction.

A rule decides once about a task: the row comes first, and its uniqueness is what keeps a second decision away. Where
it may not act yet, it waits (`storage.deferrals`).
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from storage.chains import is_settled, read_chain
from storage.consequences import carry_out
from storage.effects import describe_effect, read_effect
from storage.errors import LedgerUnavailable
from storage.events import append_news
from storage.facts import THEN, LedgerFacts
from storage.reactions import Decision, Firing, FiringOutcome
from storage.records import CHAIN_SETTLED, ENDING_EVENTS, JSON, Task
from storage.results import OPENED, STOOD
from storage.tasks import read_task
from storage.transaction import Transaction, to_json

NO_RULE = "(rules)"  # what stands for a rule where all of them failed; no rule has such an id

WITHDRAWN = "withdrawn"  # the result of an action whose task was taken back before its gateway was asked

_FIELDS = Firing.__struct_fields__
COLUMNS = ", ".join(_FIELDS)

Answer = TypeVar("Answer")


def follow(tx: Transaction, task_id: str, event_type: str, seq: int) -> None:
    """Let the rules decide about an event, and store everything that follows from it.

    Where it was the last ending of its chain, `chain.settled` follows, and what the rules make of that.
    """
    if tx.react.listens(event_type):
        task = read_task(tx, task_id)
        facts = LedgerFacts(tx, tx.now)
        for decision in _decide(partial(tx.react, event_type, task), facts):
            _fire(tx, task, decision, seq)
            if decision.outcome == "fired":
                facts.forget()
    if event_type in ENDING_EVENTS:
        settle(tx, task_id)


def settle(tx: Transaction, task_id: str) -> None:
    """Tell that the chain of a task has settled, if nothing under its root is to come any more."""
    (root_id,) = tx.execute("SELECT root_id FROM tasks WHERE id = ?", (task_id,)).fetchone()
    if is_settled(tx, root_id):
        seq = append_news(tx, root_id, CHAIN_SETTLED, "service", {"chain": read_chain(tx, root_id)})
        follow(tx, root_id, CHAIN_SETTLED, seq)


def _decide(ask: Callable[[LedgerFacts], Iterable[Decision]], facts: LedgerFacts) -> Iterator[Decision]:
    """What the rules decide, one by one, each when the one before it has been carried out.

    Rules that raise must not lose the callback: that is a blocked firing like any other.
    """
    try:
        yield from ask(facts)
    except LedgerUnavailable:
        raise  # the ledger's trouble, not a rule's: the whole callback is refused and comes again
    except Exception as error:
        yield _failure(NO_RULE, error)


def _failure(rule: str, error: Exception, version: str = "") -> Decision:
    detail = f"the rule failed: {type(error).__name__}"
    return Decision(rule=rule, version=version, origin=THEN, outcome="blocked", reason="error", detail=detail)


def _fire(tx: Transaction, task: Task, decision: Decision, seq: int) -> None:
    """Keep the firing's place, then do what was decided; nothing where the rule has decided about the task before."""
    row = tx.execute(
        "INSERT INTO firings (rule, version, task_id, root_id, seq, outcome, actions, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, ?, 'blocked', '[]', ?, ?) ON CONFLICT DO NOTHING RETURNING id",
        (decision.rule, decision.version, task.id, task.root_id, seq, tx.now, tx.now),
    ).fetchone()
    if row is not None:
        carry_out(tx, row[0], task, decision)


def apply_rule(tx: Transaction, rule: str, items: Sequence[tuple[str, int]]) -> list[Firing]:
    """Let one rule decide about events of the past, each a task and its event's `seq`; gives the firings of it.

    One that was blocked, such as a dry run, is decided about anew; one that fired or waits stays as it is.
    """
    decided: list[str] = []
    for task_id, seq in items:
        row = tx.execute("SELECT id, outcome FROM firings WHERE rule = ? AND task_id = ?", (rule, task_id)).fetchone()
        if row is not None and row[1] != "blocked":
            continue
        task = read_task(tx, task_id)
        (event_type,) = tx.execute("SELECT type FROM events WHERE seq = ?", (seq,)).fetchone()
        decision = ask_rule(partial(tx.react.apply, rule, event_type, task), LedgerFacts(tx, tx.now), rule)
        if decision is None:
            continue
        if row is None:
            _fire(tx, task, decision, seq)
        else:
            tx.execute("UPDATE firings SET seq = ?, created_at = ? WHERE id = ?", (seq, tx.now, row[0]))
            carry_out(tx, row[0], task, decision)
        decided.append(task_id)
    return [_read_firing(tx, rule, task_id) for task_id in decided]


def ask_rule(
    ask: Callable[[LedgerFacts], Answer], facts: LedgerFacts, rule: str, version: str = ""
) -> Answer | Decision:
    """What one rule decides; where it raises, a blocked decision."""
    try:
        return ask(facts)
    except LedgerUnavailable:
        raise
    except Exception as error:
        return _failure(rule, error, version)


def read_latest_firing(db: sqlite3.Connection) -> int:
    """Give the id of the newest firing, 0 when there is none."""
    return int(db.execute("SELECT coalesce(max(id), 0) FROM firings").fetchone()[0])


def list_firings(
    db: sqlite3.Connection,
    *,
    task: str | None = None,
    rule: str | None = None,
    root: str | None = None,
    outcome: FiringOutcome | None = None,
    ids: Collection[int] | None = None,
    after: int = 0,
    before: int | None = None,
    limit: int = 100,
) -> list[Firing]:
    """Give firings about a task, of a rule, under a root, with an outcome, of these ids, or all; oldest first.

    `after` is a firing id to go on from; with `before`, the newest that come before that id, newest first.
    Notifications and downloads show how they stand by now.
    """
    where, values = ["id > ?"], list[Any]([after])
    if ids is not None:
        where.append("id IN (SELECT value FROM json_each(?))")
        values.append(to_json(sorted(ids)))
    if before is not None:
        where.append("id < ?")
        values.append(before)
    for column, text in (("task_id", task), ("rule", rule), ("root_id", root), ("outcome", outcome)):
        if text is not None:
            where.append(f"{column} = ?")
            values.append(text)
    rows = db.execute(
        f"SELECT {COLUMNS} FROM firings WHERE {' AND '.join(where)}"
        f" ORDER BY id {'' if before is None else 'DESC'} LIMIT ?",
        (*values, limit),
    )
    return [_show_present(db, firing_of_row(row)) for row in rows.fetchall()]


def _read_firing(tx: Transaction, rule: str, task_id: str) -> Firing:
    row = tx.execute(f"SELECT {COLUMNS} FROM firings WHERE rule = ? AND task_id = ?", (rule, task_id)).fetchone()
    return _show_present(tx, firing_of_row(row))


def firing_of_row(row: tuple[Any, ...]) -> Firing:
    """Give the Firing whose COLUMNS these are."""
    values = dict(zip(_FIELDS, row, strict=True))
    return Firing(**values | {"actions": tuple(msgspec.json.decode(values["actions"]))})


def _show_present(db: sqlite3.Connection | Transaction, firing: Firing) -> Firing:
    """The firing with what has become of its actions since."""
    return msgspec.structs.replace(firing, actions=tuple(_show_action(db, action) for action in firing.actions))


def _show_action(db: sqlite3.Connection | Transaction, action: JSON) -> JSON:
    if action["result"] == OPENED and _is_withdrawn(db, action["task_id"]):
        return action | {"result": WITHDRAWN}
    if "effect_id" not in action:
        return action
    shown = action | describe_effect(read_effect(db, action["effect_id"]))
    return shown | {"result": STOOD} if action["result"] == STOOD else shown  # another firing owes it


def _is_withdrawn(db: sqlite3.Connection | Transaction, task_id: str) -> bool:
    """Whether a follow-up was taken back before its gateway was asked."""
    found = db.execute(
        "SELECT 1 FROM tasks WHERE id = ? AND submission = 'rejected' AND status = 'CANCEL'", (task_id,)
    ).fetchone()
    return found is not None
