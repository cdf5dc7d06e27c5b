"""What rules may ask of the ledger: the Facts of a transaction, with everything in it that was written so far."""

import sqlite3
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, TypeVar

import msgspec

from storage.chains import read_chain
from storage.errors import LedgerUnavailable
from storage.openings import read_mode
from storage.pauses import is_paused
from storage.reactions import Spending
from storage.records import Button, Chain, Task
from storage.standing import find_answer, find_click, was_refused
from storage.tasks import read_task
from storage.transaction import Transaction

THEN = "then"  # the rule, and the origin, of a task's own list
# The words of the indexes `follow_ups` and `follow_ups_of_a_rule`.
IS_FOLLOW_UP = "(origin = 'then' OR origin GLOB 'rule:*')"

_WITH_COST = "CROSS JOIN submissions ON submissions.task_id = tasks.id AND submissions.kind = 'submit'"

Ask = TypeVar("Ask", bound=Callable[..., Any])


def _of_the_ledger(ask: Ask) -> Ask:
    """What goes wrong in the database is the ledger's trouble, and no rule's: LedgerUnavailable."""

    @wraps(ask)
    def asked(*args: Any, **kwargs: Any) -> Any:
        try:
            return ask(*args, **kwargs)
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"The ledger cannot be asked: {error}") from error

    return asked  # type: ignore[return-value]


class LedgerFacts:
    """The Facts of a transaction, or of a read-only connection at an instant (ms).

    What was spent is read once: `forget` it when a follow-up was opened. Raises LedgerUnavailable.
    """

    def __init__(self, db: sqlite3.Connection | Transaction, now: int) -> None:
        self._db = db
        self.now = now
        self._spent: dict[tuple[str | int | None, ...], float] = {}

    def forget(self) -> None:
        """What was spent may be more by now."""
        self._spent.clear()

    @_of_the_ledger
    def then(self, task_id: str) -> tuple[str, ...]:
        """The labels that the task's own `then` wants clicked."""
        (text,) = self._db.execute('SELECT "then" FROM tasks WHERE id = ?', (task_id,)).fetchone()
        return tuple(msgspec.json.decode(text))

    @_of_the_ledger
    def task(self, task_id: str) -> Task:
        """A task as it is now."""
        return read_task(self._db, task_id)

    @_of_the_ledger
    def chain(self, root_id: str) -> Chain:
        """What became of a chain so far."""
        return read_chain(self._db, root_id)

    @_of_the_ledger
    def mode(self, task_id: str) -> str | None:
        """The mode that the task was submitted in."""
        return read_mode(self._db, task_id)

    @_of_the_ledger
    def is_paused(self, rule: str) -> bool:
        """Whether the rule is paused."""
        return is_paused(self._db, rule)

    @_of_the_ledger
    def has_click(self, task: Task, button: Button) -> bool:
        """Whether a click of the button holds its place, so that another one would cost nothing."""
        return find_click(self._db, task, button) is not None

    @_of_the_ledger
    def was_refused(self, task: Task, button: Button) -> bool:
        """Whether moderation refused a click of the button."""
        return was_refused(self._db, task, button)

    @_of_the_ledger
    def is_answered(self, task: Task) -> bool:
        """Whether something stands for the task, so that asking for it once more would cost nothing."""
        return find_answer(self._db, task) is not None

    @_of_the_ledger
    def count_firings(self, rule: str, root_id: str) -> int:
        """How many firings of the rule opened tasks under a root."""
        (count,) = self._db.execute(
            "SELECT count(*) FROM firings WHERE rule = ? AND root_id = ? AND outcome = 'fired'"
            " AND EXISTS (SELECT 1 FROM json_each(actions) WHERE value ->> 'result' = 'opened')",
            (rule, root_id),
        ).fetchone()
        return int(count)

    def count_follow_ups(self, window: int | None, rule: str | None = None, root_id: str | None = None) -> int:
        """How many follow-ups were reserved in the last so many ms (None: ever), by a rule or by all and `then`."""
        return int(self._read_spent("count(*)", "", window, rule, root_id))

    def sum_costs(self, window: int | None, rule: str | None = None, root_id: str | None = None) -> float:
        """What these cost, as far as their prices are known."""
        return self._read_spent("total(submissions.cost)", _WITH_COST, window, rule, root_id)

    def iter_spending(
        self, window: int | None, rule: str | None = None, root_id: str | None = None
    ) -> Iterator[Spending]:
        """These one by one, oldest first; lazily, since the first few are enough to know when there is room."""
        source, values = self._find_spent(_WITH_COST, window, rule, root_id)
        try:
            for time, cost in self._db.execute(
                f"SELECT tasks.created_at, submissions.cost {source} ORDER BY tasks.created_at", values
            ):
                yield Spending(time=time, cost=cost)
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"The ledger cannot be asked: {error}") from error

    @_of_the_ledger
    def _read_spent(self, what: str, joined: str, window: int | None, rule: str | None, root_id: str | None) -> float:
        key = what, window, rule, root_id
        if key not in self._spent:
            source, values = self._find_spent(joined, window, rule, root_id)
            (self._spent[key],) = self._db.execute(f"SELECT {what} {source}", values).fetchone()
        return self._spent[key]

    def _find_spent(
        self, joined: str, window: int | None, rule: str | None, root_id: str | None
    ) -> tuple[str, dict[str, int | str | None]]:
        """The FROM clause of what counts, and its values."""
        where, index = [IS_FOLLOW_UP, "submission != 'rejected'"], "follow_ups"
        if window is not None:
            # What seems to lie a whole window ahead was opened by a clock that has stepped back since.
            where.append("tasks.created_at > :now - :window AND tasks.created_at <= :now + :window")
        if rule is not None:
            where.append("origin = :origin")
            index = "follow_ups_of_a_rule"
        if root_id is not None:
            where.append("root_id = :root_id")
            index = "tasks_of_a_chain"
        source = f"FROM tasks INDEXED BY {index} {joined} WHERE {' AND '.join(where)}"
        origin = None if rule is None else origin_of(rule)
        return source, {"now": self.now, "window": window, "origin": origin, "root_id": root_id}


def origin_of(rule: str) -> str:
    """The origin of the tasks that a rule, or a task's own list, opens."""
    return THEN if rule == THEN else f"rule:{rule}"
