"""What rules would have done: a ledger's events go through the reactor once more, with a replay for its facts.

First-order: what the rules would have opened never ran, so nothing follows from it. What people asked for, and how the
follow-ups ended that there really were, is taken from the ledger; pauses are not, since they were somebody's hand.
"""

import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from math import fsum
from typing import Final

from service.rules.budgets import DAY
from service.rules.hindsight.replay import Replay
from service.rules.reactor import Reactor
from service.rules.rulebook import THEN
from storage.facts import LedgerFacts, origin_of
from storage.history import (
    count_fired_before,
    iter_events,
    list_decided,
    list_follow_ups,
    was_asked_again,
    was_clicked,
    was_refused_before,
    was_well,
)
from storage.reactions import Firing, Spending
from storage.records import Button, Chain, Task

# How follow-ups end badly: that frees a place, or gives a share of a budget back.
_BAD_ENDINGS: Final = frozenset({"task.failed", "task.cancelled", "task.lost"})


@dataclass(kw_only=True, slots=True)
class Tally:
    """What one rule would have done."""

    rule: str
    fired: int = 0
    follow_ups: int = 0  # opened, also where the real one was taken back or refused before it was paid
    cost: float = 0.0  # of those of them that have a price, in the gateways' currency
    unpriced: int = 0  # of them: nobody knows what they cost
    waited: int = 0  # fired later than their event
    deferred: Counter[str] = field(default_factory=Counter)  # by reason; they would still wait
    blocked: Counter[str] = field(default_factory=Counter)  # by reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """A firing that there would be and was not, or the other way round."""

    rule: str
    task_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Backtest:
    """What a whole file would have done in a time."""

    since: int  # ms, included
    until: int  # ms, included
    events: int  # that were looked at
    tallies: tuple[Tally, ...]  # in file order, every rule; tasks' own lists first, where there were any
    appear: tuple[Difference, ...]  # firings that there were not
    disappear: tuple[Difference, ...]  # real ones that there would not have been
    wait: tuple[Difference, ...]  # firings that would still wait, and do not


def backtest(db: sqlite3.Connection, reactor: Reactor, *, since: int, until: int) -> Backtest:
    """Replay the events from `since` to `until` (ms, both included); a query that may take seconds."""
    past = _Past(db, since)
    replay = Replay(reactor, past)
    for each in list_follow_ups(db, since - DAY, since):
        replay.recall(each.origin.removeprefix("rule:"), Spending(time=each.time, cost=each.cost))
    listened = frozenset(each.on for each in reactor.rulebook.rules) | {"task.succeeded"}
    events = 0
    for event in iter_events(db, since, listened | _BAD_ENDINGS, until):
        task = event.task
        replay.wait(event.time)
        if event.type in _BAD_ENDINGS and (task.origin == THEN or task.origin.startswith("rule:")):
            replay.see(task)
        if event.chain is not None:
            past.chains[task.root_id] = event.chain
        if event.type in listened:
            events += 1
            replay.follow(event.type, task, event.time, event.seq)
    replay.wait(until)
    fired, waiting = (
        {key for key, firing in replay.firings.items() if firing.outcome == outcome}
        for outcome in ("fired", "deferred")
    )
    really = list_decided(db, since, until, "fired")
    tallies = _count((rule.id for rule in reactor.rulebook.rules), replay.firings.values())
    for tally in tallies:
        _price(tally, replay.opened.get(tally.rule, ()))
    return Backtest(
        since=since,
        until=until,
        events=events,
        tallies=tallies,
        appear=_tell(fired - really),
        disappear=_tell(really - fired - waiting),
        wait=_tell(waiting - list_decided(db, since, until, "deferred")),
    )


class _Past:
    """The ledger as it was (`service.rules.hindsight.past.Past`), as far as rules did not make it what it is."""

    def __init__(self, db: sqlite3.Connection, since: int) -> None:
        self._db = db
        self._since = since
        facts = LedgerFacts(db, since)
        self.then, self.task, self.mode = facts.then, facts.task, facts.mode
        self.chains: dict[str, Chain] = {}  # by root: as they were at their latest settling

    def chain(self, root_id: str) -> Chain:
        return self.chains[root_id]

    def has_click(self, task: Task, button: Button, now: int) -> bool:
        return was_clicked(self._db, task, button, now, self._since)

    def was_refused(self, task: Task, button: Button, now: int) -> bool:
        return was_refused_before(self._db, task, button, now, self._since)

    def is_answered(self, task: Task, now: int) -> bool:
        return was_asked_again(self._db, task, now, self._since) or was_well(self._db, task.id, now)

    def list_spending(self, rule: str, root_id: str) -> list[Spending]:
        return [
            Spending(time=each.time, cost=each.cost)
            for each in list_follow_ups(self._db, 0, self._since, root_id=root_id)
            if each.origin == origin_of(rule)
        ]

    def count_firings(self, rule: str, root_id: str) -> int:
        return count_fired_before(self._db, rule, root_id, self._since)


def _count(rules: Iterable[str], firings: Collection[Firing]) -> tuple[Tally, ...]:
    own = [THEN] if any(firing.rule == THEN for firing in firings) else []
    tallies = {rule: Tally(rule=rule) for rule in (*own, *rules)}
    for firing in firings:
        tally = tallies[firing.rule]
        if firing.outcome == "fired":
            tally.fired += 1
            tally.waited += firing.updated_at > firing.created_at
        else:
            (tally.deferred if firing.outcome == "deferred" else tally.blocked)[firing.reason or "error"] += 1
    return tuple(tallies.values())


def _price(tally: Tally, opened: Collection[Spending]) -> None:
    """Count what the rule would have opened, and price just that."""
    tally.follow_ups = len(opened)
    tally.cost = fsum(each.cost or 0.0 for each in opened)
    tally.unpriced = sum(each.cost is None for each in opened)


def _tell(keys: Iterable[tuple[str, str]]) -> tuple[Difference, ...]:
    return tuple(
        Difference(rule=rule, task_id=task_id) for task_id, rule in sorted((task, rule) for rule, task in keys)
    )
