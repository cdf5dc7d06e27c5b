"""The rules of a file, checked and frozen."""

from dataclasses import dataclass, field

from service.rules.actions import PAID, ClickAction, ResubmitAction, SubmitAction, WrittenAction
from service.rules.limits import Attempts, Budget, Limits, QuietHours
from service.rules.match import Match
from storage.records import CONTRADICTED, EVENT_TYPES, JSON, NEWS_OF_DELIVERIES, RULE_PAUSED

# A contradiction is evidence without effect; a pause is news about rules, and may tell of no task.
EVENTS = tuple(each for each in EVENT_TYPES if each not in {CONTRADICTED, RULE_PAUSED, *NEWS_OF_DELIVERIES})
THEN = "then"  # the rule id under which a task's own `then` list decides
VERSION_DIGITS = 12


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule: on this event, for these tasks, do this."""

    id: str
    on: str  # an event's type
    match: Match = field(repr=False)
    do: tuple[WrittenAction, ...]
    max_depth: int | None = None  # hops from the root; None leaves it to the limits
    attempts: Attempts | None = None  # of `resubmit`
    budget: Budget | None = None
    quiet_hours: QuietHours | None = None  # its own: nothing is done then, paid or not
    dry_run: bool = False  # it decides, and nothing is done
    version: str  # changes when the rule's text does; the id is not part of it
    line: int  # in the file
    text: JSON = field(default_factory=dict, repr=False, compare=False)  # as it is written; secrets stay ${NAME}

    @property
    def follow_ups_per_task(self) -> int:
        """The most tasks that one firing can open."""
        return count_follow_ups(self.do)

    @property
    def has_paid_actions(self) -> bool:
        """Whether it opens tasks."""
        return any(isinstance(action, PAID) for action in self.do)

    @property
    def goes_deeper(self) -> bool:
        """Whether it opens tasks that lie one hop deeper than the task that it decides about."""
        return any(isinstance(action, ClickAction | SubmitAction) for action in self.do)

    @property
    def asks_again(self) -> bool:
        """Whether it asks for a task once more."""
        return any(isinstance(action, ResubmitAction) for action in self.do)


def count_follow_ups(actions: tuple[WrittenAction, ...]) -> int:
    """The most tasks that these actions can open."""
    clicks = sum(len(action.labels) for action in actions if isinstance(action, ClickAction))
    return clicks + sum(isinstance(action, SubmitAction | ResubmitAction) for action in actions)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rulebook:
    """The rules in file order, and the limits that hold for all of them."""

    rules: tuple[Rule, ...] = ()
    limits: Limits = field(default_factory=Limits)
