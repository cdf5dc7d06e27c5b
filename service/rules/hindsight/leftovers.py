"""What a rule would act on, had it stood there before: the tasks that `rules apply` turns to."""

import sqlite3

from service.rules.reactor import make_subject
from service.rules.rulebook import Rule
from storage.facts import LedgerFacts
from storage.leftovers import list_leftovers
from storage.tasks import read_task


def find_leftovers(db: sqlite3.Connection, rule: Rule, *, since: int, until: int, now: int) -> list[tuple[str, int]]:
    """The tasks, as they are now, that the rule means and has not acted on, each with its event's `seq`; a query.

    Times are ms. Whether it may act is for its guards to say, when it is applied.
    """
    facts = LedgerFacts(db, now)
    return [
        (task_id, seq)
        for task_id, seq in list_leftovers(db, rule.id, rule.on, since=since, until=until)
        if rule.match.matches(make_subject(rule.on, read_task(db, task_id), facts))
    ]
