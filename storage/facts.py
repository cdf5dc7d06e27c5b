"""What rules may ask of the ledger: the Facts of a transaction, with everything in it that was written so far."""

import sqlite3

import msgspec

from storage.chains import read_chain
from storage.openings import find_answer, find_click, read_mode
from storage.pauses import is_paused
from storage.reactions import Spending
from storage.records import Button, Chain, Task
from storage.tasks import read_task
from storage.transaction import Transaction

THEN = "then"  # the rule, and the origin, of a task's own list
# The words of the indexes `follow_ups` and `follow_ups_of_a_rule`.
_IS_FOLLOW_UP = "(origin = 'then' OR origin GLOB 'rule:*')"


class LedgerFacts:
    """The Facts of a transaction, or of a read-only connection at an instant (ms)."""

    def __init__(self, db: sqlite3.Connection | Transaction, now: int) -> None:
        self._db = db
        self.now = now

    def then(self, task_id: str) -> tuple[str, ...]:
        """The labels that the task's own `then` wants clicked."""
        (text,) = self._db.execute('SELECT "then" FROM tasks WHERE id = ?', (task_id,)).fetchone()
        return tuple(msgspec.json.decode(text))

    def task(self, task_id: str) -> Task:
        """A task as it is now."""
        return read_task(self._db, task_id)

    def chain(self, root_id: str) -> Chain:
        """What became of a chain so far."""
        return read_chain(self._db, root_id)

    def mode(self, task_id: str) -> str | None:
        """The mode that the task was submitted in."""
        return read_mode(self._db, task_id)

    def is_paused(self, rule: str) -> bool:
        """Whether the rule is paused."""
        return is_paused(self._db, rule)

    def has_click(self, task: Task, button: Button) -> bool:
        """Whether a click of the button holds its place, so that another one would cost nothing."""
        return find_click(self._db, task, button) is not None

    def is_answered(self, task: Task) -> bool:
        """Whether something stands for the task, so that asking for it once more would cost nothing."""
        return find_answer(self._db, task) is not None

    def count_firings(self, rule: str, root_id: str) -> int:
        """How many firings of the rule opened tasks under a root."""
        (count,) = self._db.execute(
            "SELECT count(*) FROM firings WHERE rule = ? AND root_id = ? AND outcome = 'fired'"
            " AND EXISTS (SELECT 1 FROM json_each(actions) WHERE value ->> 'result' = 'opened')",
            (rule, root_id),
        ).fetchone()
        return int(count)

    def list_spending(self, since: int, rule: str | None = None, root_id: str | None = None) -> list[Spending]:
        """What follow-ups were reserved after a time (ms), by a rule or by all and `then`; oldest first.

        With `root_id`, those under that root alone.
        """
        where, values = [_IS_FOLLOW_UP, "tasks.created_at > ?"], list[int | str]([since])
        if rule is not None:
            where.append("origin = ?")
            values.append(_origin_of(rule))
        if root_id is not None:
            where.append("root_id = ?")
            values.append(root_id)
        rows = self._db.execute(
            "SELECT tasks.created_at, submissions.cost FROM tasks JOIN submissions ON submissions.task_id = tasks.id"
            f" AND submissions.kind = 'submit' WHERE {' AND '.join(where)} AND submission != 'rejected'"
            " ORDER BY tasks.created_at, tasks.id",
            values,
        )
        return [Spending(time=time, cost=cost) for time, cost in rows]


def _origin_of(rule: str) -> str:
    return THEN if rule == THEN else f"rule:{rule}"
