"""What the rules say to an event. Pure: the ledger calls it inside its transaction and does what it decides."""

from collections.abc import Sequence

from hooks.buttons import choose_button
from hooks.errors import CannotClick
from service.rules.rulebook import THEN, Rule, Rulebook
from storage.records import BlockReason, Button, Decision, Facts, Task

SUCCEEDED = "task.succeeded"  # the event on which a task's own `then` decides
DETAIL_AT_MOST = 500  # characters of a detail


class _TooDeep(Exception):
    """A rule that fits, and may not reach that far."""


class Reactor:
    """The rules of one file, as the ledger sees them (`storage.records.React`).

    A new file is a new Reactor.
    """

    def __init__(self, rulebook: Rulebook) -> None:
        self._max_depth = rulebook.limits.max_depth
        self._rules: dict[str, list[Rule]] = {}
        for rule in rulebook.rules:
            self._rules.setdefault(rule.on, []).append(rule)

    def listens(self, event_type: str) -> bool:
        """Whether any rule, or a task's own `then`, could decide about events of this type."""
        return event_type in self._rules or event_type == SUCCEEDED

    def __call__(self, event_type: str, task: Task, facts: Facts) -> tuple[Decision, ...]:
        """Decide: the task's own list first, then every rule that fits, in file order.

        That a rule decides once about a task is the ledger's to see to.
        A rule that raises becomes a blocked decision. What `facts` raises is the ledger's and passes through.
        """
        decisions = []
        if event_type == SUCCEEDED and (labels := facts.then(task.id)):
            decisions.append(self._decide(task, labels, rule=THEN, version="", origin=THEN))
        decisions += [decision for rule in self._rules.get(event_type, ()) if (decision := self._ask(rule, task))]
        return tuple(decisions)

    def _ask(self, rule: Rule, task: Task) -> Decision | None:
        origin = f"rule:{rule.id}"
        try:
            if not rule.match.matches(task):
                return None
        except Exception as error:  # a rule that raises must not lose the callback
            return Decision(rule=rule.id, version=rule.version, origin=origin, reason="error", detail=_told(error))
        return self._decide(
            task, rule.clicks, rule=rule.id, version=rule.version, origin=origin, max_depth=rule.max_depth
        )

    def _decide(
        self,
        task: Task,
        labels: Sequence[str],
        *,
        rule: str,
        version: str,
        origin: str,
        max_depth: int | None = None,
    ) -> Decision:
        clicks: tuple[Button, ...] = ()
        reason: BlockReason | None = None
        detail = None
        try:
            self._guard_depth(task, max_depth)
            # Two names of one button are one click.
            clicks = tuple(dict.fromkeys(choose_button(task, label) for label in labels))
        except _TooDeep as error:
            reason, detail = "depth", str(error)
        except CannotClick as error:
            reason, detail = "error", str(error)[:DETAIL_AT_MOST]
        except Exception as error:  # as above
            reason, detail = "error", _told(error)
        return Decision(rule=rule, version=version, origin=origin, clicks=clicks, reason=reason, detail=detail)

    def _guard_depth(self, task: Task, own: int | None) -> None:
        depth = task.depth + 1
        if depth > self._max_depth:
            raise _TooDeep(f"a follow-up would be {depth} hops deep; limits.max_depth is {self._max_depth}")
        if own is not None and depth > own:
            raise _TooDeep(f"a follow-up would be {depth} hops deep; the rule's max_depth is {own}")


def _told(error: Exception) -> str:
    return f"the rule failed: {type(error).__name__}: {error}"[:DETAIL_AT_MOST]
