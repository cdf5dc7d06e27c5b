"""Firings that wait (`deferred`): each is decided about again when it is due, or is dropped."""

from collections.abc import Sequence
from functools import partial

import msgspec

from storage.chains import has_ended_since, is_settled
from storage.consequences import carry_out
from storage.facts import IS_FOLLOW_UP, THEN, LedgerFacts
from storage.firings import COLUMNS, ask_rule, firing_of_row, settle
from storage.reactions import LONGEST_WAIT, ROOM_FOR, Decision, Firing
from storage.tasks import read_task
from storage.transaction import Transaction

AT_ONCE = 25  # firings that are decided about again in one transaction: callbacks wait for it
MOVED = 2000  # firings that are put off together in one transaction


def resume_due(tx: Transaction, limit: int = AT_ONCE) -> int | None:
    """Decide again about some of the deferred firings that are due, in the order in which they were stored.

    Those of a rule that wait for a budget stand in a line: when the first of them finds no room, the others that are
    due are put off with it. Gives when (ms) the next one is due, None without any.
    """
    rows = tx.execute(
        f"SELECT {COLUMNS} FROM firings WHERE id IN (SELECT id FROM firings INDEXED BY firings_due"
        " WHERE outcome = 'deferred' AND (next_at <= ? OR next_at > ?) ORDER BY id LIMIT ?) ORDER BY id",
        (tx.now, tx.now + LONGEST_WAIT, limit),
    ).fetchall()
    facts, put_off = LedgerFacts(tx, tx.now), set[str]()
    for firing in map(firing_of_row, rows):
        if firing.reason == "budget" and firing.rule in put_off:
            continue
        decision = _resume(tx, firing, facts)
        if decision.outcome != "deferred":
            facts.forget()
        elif decision.reason == firing.reason == "budget":
            put_off.add(firing.rule)
            _put_off_line(tx, firing)
    (due,) = tx.execute("SELECT min(next_at) FROM firings WHERE outcome = 'deferred'").fetchone()
    return None if due is None else tx.now if due > tx.now + LONGEST_WAIT else int(due)


def _resume(tx: Transaction, firing: Firing, facts: LedgerFacts) -> Decision:
    task = read_task(tx, firing.task_id)
    if max(firing.created_at, firing.next_at or 0) > tx.now + LONGEST_WAIT:
        # The clock has stepped back: nobody knows how long it has waited, and it begins anew.
        firing = msgspec.structs.replace(firing, created_at=tx.now)
        tx.execute("UPDATE firings SET created_at = ? WHERE id = ?", (tx.now, firing.id))
    decision = ask_rule(partial(tx.react.resume, firing, task), facts, firing.rule, firing.version)
    carry_out(tx, firing.id, task, decision, before=firing.actions)
    _settle_held(tx, task.root_id)
    return decision


def _settle_held(tx: Transaction, root_id: str) -> None:
    """A firing that waited is resolved: tell that its chain has settled, where that was all that held the news back."""
    if is_settled(tx, root_id) and has_ended_since(tx, root_id):
        settle(tx, root_id)


def _put_off_line(tx: Transaction, first: Firing) -> None:
    """Put off what is due of a rule and waits for a budget, until the first of them is looked at again."""
    tx.execute(
        "UPDATE firings SET (next_at, detail) = (SELECT next_at, detail FROM firings WHERE id = ?1)"
        " WHERE id IN (SELECT id FROM firings INDEXED BY firings_due WHERE outcome = 'deferred' AND next_at <= ?2"
        " AND rule = ?3 AND reason = 'budget' LIMIT ?4)",
        (first.id, tx.now, first.rule, MOVED),
    )


def hasten(tx: Transaction) -> None:
    """Have every deferred firing looked at again now: the rules are others. What it waits for may still be to come."""
    _make_due(tx, "UPDATE firings SET next_at = ?1 WHERE outcome = 'deferred' AND next_at > ?1", ())


def hasten_oldest(tx: Transaction, task_id: str) -> None:
    """A task will not be paid for: where it was a follow-up, there is room in a budget, and the oldest may have it.

    The oldest of each rule: whether its own budget keeps it waiting is for its guards to say.
    """
    row = tx.execute(f"SELECT 1 FROM tasks WHERE id = ? AND {IS_FOLLOW_UP}", (task_id,)).fetchone()
    if row is None:
        return
    rule = ""
    while (line := tx.execute(_NEXT_LINE, (rule,)).fetchone()) is not None:
        (rule,) = line
        _make_due(tx, f"UPDATE firings SET next_at = ?1 WHERE id IN ({_OLDEST})", (rule, ROOM_FOR))


# From one rule to the next, without a look at all that wait.
_NEXT_LINE = (
    "SELECT rule FROM firings INDEXED BY firings_waiting"
    " WHERE outcome = 'deferred' AND reason = 'budget' AND rule > ? ORDER BY rule LIMIT 1"
)
_OLDEST = (
    "SELECT id FROM firings INDEXED BY firings_waiting"
    " WHERE outcome = 'deferred' AND reason = 'budget' AND rule = ?2 AND next_at > ?1 ORDER BY id LIMIT ?3"
)


def _make_due(tx: Transaction, statement: str, values: Sequence[int | str]) -> None:
    if tx.execute(statement, (tx.now, *values)).rowcount:
        tx.topics.add("firings")


def drop_waiting(
    tx: Transaction, detail: str, *, rule: str | None = None, root_id: str | None = None, limit: int = AT_ONCE
) -> int:
    """Block so many deferred firings of a rule, or under a root, for this reason; gives how many there were."""
    column, value = ("rule", rule) if root_id is None else ("root_id", root_id)
    rows = tx.execute(
        f"SELECT {COLUMNS} FROM firings WHERE outcome = 'deferred' AND {column} = ? ORDER BY id LIMIT ?",
        (value, limit),
    ).fetchall()
    for firing in map(firing_of_row, rows):
        decision = Decision(
            rule=firing.rule, version=firing.version, origin=THEN, outcome="blocked", reason="paused", detail=detail
        )
        carry_out(tx, firing.id, read_task(tx, firing.task_id), decision, before=firing.actions)
        _settle_held(tx, firing.root_id)
    return len(rows)
