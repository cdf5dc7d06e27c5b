"""What applying a rule to the past would come to now: told before anybody agrees to it."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from service.rules.guards import Case, find_objection
from service.rules.reactor import Reactor, make_subject
from service.rules.rulebook import Rule
from storage.facts import LedgerFacts
from storage.reactions import Action, Click, Decision, Download, Notify, Resubmit, Submit, Tag
from storage.tasks import read_task

_FREE: Final[Mapping[type[Action], str]] = {Tag: "tag", Notify: "notify", Download: "download"}
_PAID: Final[Mapping[type[Action], str]] = {Click: "click", Submit: "submit", Resubmit: "resubmit"}


@dataclass(kw_only=True, slots=True)
class Forecast:
    """What would be done, counted. Each task is looked at by itself: a budget may not last for all of them."""

    actions: Counter[str] = field(default_factory=Counter)  # by name, those that would wait as well; paid ones if new
    cost: float = 0.0  # of those that have a price
    unpriced: int = 0  # paid actions of which nobody knows what they cost
    deferred: int = 0  # tasks about which it would wait first
    blocked: Counter[str] = field(default_factory=Counter)  # tasks about which it would do nothing, by reason


def forecast(
    db: sqlite3.Connection, reactor: Reactor, rule: Rule, items: Sequence[tuple[str, int]], *, now: int
) -> Forecast:
    """Look at what `find_leftovers` gave, as of now (ms); a query."""
    found, facts = Forecast(), LedgerFacts(db, now)
    for task_id, _ in items:
        case = reactor.make_case(rule, make_subject(rule.on, read_task(db, task_id), facts), facts)
        objection = case if isinstance(case, Decision) else find_objection(case)
        if objection is not None and objection.next_at is None:
            found.blocked[objection.reason or "error"] += 1
        elif isinstance(case, Case):
            found.deferred += objection is not None
            _add(found, case)
    return found


def _add(found: Forecast, case: Case) -> None:
    for paid in case.paid:
        found.actions[_PAID[type(paid)]] += 1
        found.cost += paid.cost or 0.0
        found.unpriced += paid.cost is None
    for action in case.actions:
        if (name := _FREE.get(type(action))) is not None:
            found.actions[name] += 1
