"""What the rules say to an event. Pure: the ledger calls it inside its transaction and does what it decides.

The same reactor decides live, for `why`, for `backtest` and for the file's own `tests:`: what they say happens.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from service.rules.actions import ClickAction, DownloadAction
from service.rules.guards import Case, find_objection
from service.rules.match import Match
from service.rules.plan import Price, plan_actions, put_price
from service.rules.rulebook import THEN, Rule, Rulebook
from service.rules.shelf import Shelf
from service.rules.subject import Subject
from storage.errors import LedgerUnavailable
from storage.reactions import LONGEST_WAIT, Action, Click, Decision, Facts, Firing, Reason, Resubmit, Submit
from storage.records import CHAIN_SETTLED, Task

SUCCEEDED: Final = "task.succeeded"  # the event on which a task's own `then` decides
DETAIL_AT_MOST: Final = 500  # characters of a detail


class Reactor:
    """The rules of one file, as the ledger sees them (`storage.reactions.React`).

    A new file is a new Reactor. `price` gives what an action costs at a gateway in a mode, None where nobody knows.
    """

    def __init__(self, rulebook: Rulebook, *, price: Price | None = None) -> None:
        self.rulebook = rulebook
        self._price = price
        self._shelf = Shelf(rulebook.rules)
        self._by_id = {rule.id: rule for rule in rulebook.rules}

    def listens(self, event_type: str) -> bool:
        """Whether any rule, or a task's own `then`, could decide about events of this type."""
        return event_type in self._shelf.events or event_type == SUCCEEDED

    def find(self, rule_id: str) -> Rule | None:
        """The rule of that id; None when the file has none."""
        return self._by_id.get(rule_id)

    def __call__(self, event_type: str, task: Task, facts: Facts) -> Iterator[Decision]:
        """Decide, lazily: the task's own list first, then every rule that fits, in file order.

        That a rule decides once about a task is the ledger's to see to.
        A rule that raises becomes a blocked decision. LedgerUnavailable, which `facts` raise, passes through.
        """
        if event_type == SUCCEEDED and (labels := facts.then(task.id)):
            yield self._decide(make_then(labels), Subject(task), facts)
        if rules := self._shelf.find(event_type, task.action):
            yield from self._ask(rules, make_subject(event_type, task, facts), facts)

    def resume(self, firing: Firing, task: Task, facts: Facts) -> Decision:
        """Decide again about a deferred firing that is due: its guards, not its match."""
        labels = facts.then(task.id) if firing.rule == THEN else ()
        rule = make_then(labels) if labels else self.find(firing.rule)
        if rule is None:
            detail = "the rule is not in the file any more"
            return Decision(
                rule=firing.rule,
                version=firing.version,
                origin=_origin(firing.rule),
                outcome="blocked",
                reason="paused",
                detail=detail,
            )
        decision = self._decide(rule, make_subject(rule.on, task, facts), facts, begun=firing.created_at)
        if decision.next_at is not None and decision.next_at > firing.created_at + LONGEST_WAIT:
            detail = f"{decision.detail}; it has waited as long as a firing may, 7 days"
            return msgspec.structs.replace(decision, outcome="blocked", detail=detail, next_at=None)
        return decision

    def apply(self, rule: str, event_type: str, task: Task, facts: Facts) -> Decision | None:
        """Decide for one rule about an event of the past: its match and its guards; None when it is not meant."""
        found = self.find(rule)
        if found is None or found.on != event_type:
            return None
        return next(self._ask((found,), make_subject(event_type, task, facts), facts), None)

    def make_case(self, rule: Rule, subject: Subject, facts: Facts, *, begun: int | None = None) -> Case:
        """The rule and what it would do, for its guards."""
        origin, task, chain = _origin(rule.id), subject.task, subject.chain
        keeps = chain is not None and any(isinstance(each, DownloadAction) for each in rule.do)
        kept = [facts.task(picture.task_id) for picture in chain.pictures] if keeps and chain is not None else [task]
        actions = plan_actions(rule.do, subject, origin, kept=kept)
        if self._price is not None and any(isinstance(each, Click | Submit | Resubmit) for each in actions):
            mode = facts.mode(task.id)
            actions = tuple(put_price(each, task, mode, self._price) for each in actions)
        return Case(
            rule=rule,
            limits=self.rulebook.limits,
            task=task,
            actions=actions,
            paid=_find_paid(actions, task, facts),
            facts=facts,
            begun=facts.now if begun is None else begun,
        )

    def _ask(self, rules: Sequence[Rule], subject: Subject, facts: Facts) -> Iterator[Decision]:
        for rule in rules:
            try:
                meant = rule.match.matches(subject)
            except Exception as error:  # a rule that raises ends itself: no other one, and no callback
                yield fail(rule, error)
            else:
                if meant:
                    yield self._decide(rule, subject, facts)

    def _decide(self, rule: Rule, subject: Subject, facts: Facts, *, begun: int | None = None) -> Decision:
        try:
            return decide(self.make_case(rule, subject, facts, begun=begun))
        except LedgerUnavailable:
            raise
        except Exception as error:  # as above
            return fail(rule, error)


def decide(case: Case) -> Decision:
    """What comes of a case: its actions, or the first objection to them."""
    objection = find_objection(case)
    decision = Decision(
        rule=case.rule.id, version=case.rule.version, origin=_origin(case.rule.id), actions=case.actions
    )
    if objection is None:
        return decision
    return msgspec.structs.replace(
        decision,
        outcome="blocked" if objection.next_at is None else "deferred",
        reason=objection.reason,
        detail=objection.detail[:DETAIL_AT_MOST],
        next_at=objection.next_at,
        pauses_rule=objection.pauses_rule,
    )


def make_then(labels: Sequence[str]) -> Rule:
    """A task's own list, as the rule that it is."""
    return Rule(id=THEN, on=SUCCEEDED, match=Match(), do=(ClickAction(labels=tuple(labels)),), version="", line=0)


def make_subject(event_type: str, task: Task, facts: Facts) -> Subject:
    """What rules on this event look at."""
    return Subject(task, facts.chain(task.root_id) if event_type == CHAIN_SETTLED else None)


def _find_paid(actions: Sequence[Action], task: Task, facts: Facts) -> tuple[Click | Submit | Resubmit, ...]:
    """Those that would open something new: what stands already is given once more for nothing."""
    return tuple(
        action
        for action in actions
        if isinstance(action, Submit)
        or (isinstance(action, Click) and not facts.has_click(task, action.button))
        or (isinstance(action, Resubmit) and not facts.is_answered(task))
    )


def _origin(rule_id: str) -> str:
    return THEN if rule_id == THEN else f"rule:{rule_id}"


def fail(rule: Rule, error: Exception) -> Decision:
    """What a rule that raised has decided: nothing, and why."""
    reason: Reason = "error"
    detail = f"the rule failed: {type(error).__name__}: {error}"[:DETAIL_AT_MOST]
    return Decision(
        rule=rule.id, version=rule.version, origin=_origin(rule.id), outcome="blocked", reason=reason, detail=detail
    )
