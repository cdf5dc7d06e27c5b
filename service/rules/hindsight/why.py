"""Why a rule did or did not act on a task: every clause, then every guard, then what was stored.

The reactor that decides makes the case and asks the same guards, so an explanation cannot disagree with what happens.
"""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache, partial
from typing import Final

from service.rules.guards import Check, check_guards
from service.rules.match import ClauseResult
from service.rules.reactor import Reactor, decide, fail, make_subject, make_then
from service.rules.rulebook import Rule
from service.rules.subject import Subject
from storage.errors import LedgerUnavailable
from storage.facts import LedgerFacts
from storage.firings import list_firings
from storage.history import PastEvent, find_latest_of_each, read_event
from storage.reactions import Decision, Facts, Firing
from storage.records import Task
from storage.tasks import read_task

MOST_FIRINGS: Final = 1000  # about one task; there are fewer rules


@dataclass(frozen=True, kw_only=True, slots=True)
class Occasion:
    """The `on` line: which event the rule waits for, and which ones the task has had."""

    line: int  # of the rule
    expected: str
    found: tuple[str, ...]  # types, each once, in their order
    ok: bool
    seq: int | None = None  # of the event that was looked at; None where there is none, and the task is as it is now
    time: int | None = None  # ms: when that was


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """One rule and one task."""

    rule: str
    version: str
    occasion: Occasion
    clauses: tuple[ClauseResult, ...]
    checks: tuple[Check, ...]  # of the guards, as of now; none where the rule does not mean the task
    decision: Decision | None  # what it would decide now, if it had not before; None where it does not mean the task
    firing: Firing | None  # what it did decide

    @property
    def missed(self) -> int:
        """How many lines keep the rule from meaning the task; 0 when it does."""
        return (not self.occasion.ok) + sum(not clause.ok for clause in self.clauses)


def inquire(db: sqlite3.Connection, reactor: Reactor, task_id: str, *, now: int) -> list[Explanation]:
    """Explain every rule, and the task's own list where it has one, for a task of the ledger; a query.

    The nearest miss comes first. A rule sees what it saw when it decided, and otherwise the task as it was at its
    latest event of the type that the rule is on. Raises NoSuchTask.
    """
    task, latest = read_task(db, task_id), find_latest_of_each(db, task_id)
    facts = LedgerFacts(db, now)
    firings = {firing.rule: firing for firing in list_firings(db, task=task_id, limit=MOST_FIRINGS)}
    labels = facts.then(task_id)
    rules = (*((make_then(labels),) if labels else ()), *reactor.rulebook.rules)
    read = cache(partial(read_event, db, task_id))

    def find_event(rule: Rule) -> PastEvent | None:
        firing = firings.get(rule.id)
        if firing is not None and read(firing.seq).type == rule.on:  # the rule may be on another one by now
            return read(firing.seq)
        return read(latest[rule.on]) if rule.on in latest else None

    explained = [
        explain(reactor, rule, task, facts, event=find_event(rule), events=tuple(latest), firing=firings.get(rule.id))
        for rule in rules
    ]
    return sorted(explained, key=lambda each: each.missed)


def explain(
    reactor: Reactor,
    rule: Rule,
    task: Task,
    facts: Facts,
    *,
    events: Collection[str],
    event: PastEvent | None = None,
    firing: Firing | None = None,
) -> Explanation:
    """Why the rule acts on the task, or does not.

    `events` are the types that the task has had, in their order; `event` is the one to look at, and without it the task
    is taken as it is.
    """
    occasion = Occasion(
        line=rule.line,
        expected=rule.on,
        found=tuple(events),
        ok=rule.on in events,
        seq=None if event is None else event.seq,
        time=None if event is None else event.time,
    )
    subject = make_subject(rule.on, task, facts) if event is None else Subject(event.task, event.chain)
    clauses: tuple[ClauseResult, ...] = ()
    checks: tuple[Check, ...] = ()
    decision = None
    try:
        clauses = rule.match.explain(subject)
        if occasion.ok and all(clause.ok for clause in clauses):
            case = reactor.make_case(rule, subject, facts)
            checks, decision = tuple(check_guards(case)), decide(case)
    except LedgerUnavailable:
        raise
    except Exception as error:  # the rule raised, as it would where it decides
        decision = fail(rule, error)
    return Explanation(
        rule=rule.id,
        version=rule.version,
        occasion=occasion,
        clauses=clauses,
        checks=checks,
        decision=decision,
        firing=firing,
    )
