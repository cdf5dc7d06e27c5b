"""The most that each rule can open under one submission, told when a file is checked. Never less than the truth.

Depth by depth, every task that the rules could have opened so far is looked at as the worst sort that it can be
(`service.rules.prospects`), and taken to go on in every way at once. What the ledger guards is counted on: one
decision about each task, `max_depth`, `attempts`, `per_root` and the fuse. Whom people ask, click and tag besides is
not.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from service.rules.actions import ClickAction, DownloadAction, NotifyAction, SubmitAction, TagAction, WrittenAction
from service.rules.fields import ACTIONS
from service.rules.limits import DEPTH_CEILING, FUSE
from service.rules.prospects import Prospect, expect_children, expect_root
from service.rules.rulebook import Rule, Rulebook
from service.rules.wording import count
from storage.records import CHAIN_SETTLED

_UNKNOWN_ACTION = "?"  # a gateway's own, that no rule names
_ENDS_WELL = "task.succeeded"
_COMES_BACK = "task.lost"  # what is lost may still succeed, after it was asked for again


@dataclass(frozen=True, kw_only=True, slots=True)
class WorstCase:
    """How many tasks a rule can open."""

    per_task: int  # by deciding once
    per_submission: int  # under one root, at all its depths

    def __str__(self) -> str:
        if not self.per_task:
            return "opens nothing"
        return f"up to {count(self.per_task, 'follow-up')} per task, {self.per_submission} per submission"


def find_worst_cases(rulebook: Rulebook) -> dict[str, WorstCase]:
    """The worst case of each rule, by its id."""
    rules = rulebook.rules
    sorts = [
        _Sort(prospect, rules, place, number)
        for place, rule in enumerate(rules)
        for prospect, number in expect_children(rule)
    ]
    worst: Counter[int] = Counter()
    for action in (*ACTIONS, _UNKNOWN_ACTION):
        worst |= _open_under(_Sort(expect_root(action), rules), sorts, rulebook)
    return {
        rule.id: WorstCase(per_task=rule.follow_ups_per_task, per_submission=worst[place])
        for place, rule in enumerate(rules)
    }


def tell_worst_cases(rulebook: Rulebook) -> list[str]:
    """A line for each rule: when it decides, what it does, and what that comes to at worst."""
    worst = find_worst_cases(rulebook)
    return [f"{rule.id}: on {rule.on}, {_tell_actions(rule.do)}: {worst[rule.id]}" for rule in rulebook.rules]


class _Sort:
    """A sort of task: how often each rule decides about one of its kind, those that ask for it again included."""

    def __init__(self, prospect: Prospect, rules: Sequence[Rule], opener: int | None = None, number: int = 1) -> None:
        self.opener = opener  # the rule that opens it, None for what a person submits
        self.number = number  # how many of it one firing opens
        first = {place for place, rule in enumerate(rules) if prospect.could_be_meant(rule)}
        self.firings = dict.fromkeys(first, 1)
        again = [place for place, rule in enumerate(rules) if rule.asks_again]
        if first.isdisjoint(again):
            return
        retried = prospect.retried([f"rule:{rules[place].id}" for place in again])
        later = {place for place, rule in enumerate(rules) if retried.could_be_meant(rule)}
        asking = {
            place: _count_retries(rules[place], later=place in later) for place in again if place in first | later
        }
        retries = max((number for place, number in asking.items() if rules[place].attempts), default=0) + sum(
            number for place, number in asking.items() if not rules[place].attempts
        )
        comes_back = any(rules[place].on == _COMES_BACK for place in asking)
        for place in first | later:
            if place in asking:
                self.firings[place] = asking[place]
            elif rules[place].on == CHAIN_SETTLED or (rules[place].on == _ENDS_WELL and not comes_back):
                self.firings[place] = 1  # of a task and its retries, one succeeds at most
            else:
                self.firings[place] = (place in first) + (retries if place in later else 0)


def _count_retries(rule: Rule, *, later: bool) -> int:
    """How often a rule asks for one task again; each task is asked for again once, so they are a line."""
    return min(rule.attempts.max if rule.attempts else FUSE, FUSE) if later else 1


def _open_under(root: _Sort, sorts: Sequence[_Sort], rulebook: Rulebook) -> Counter[int]:
    """How many tasks each rule (by its place) opens at most under a root of this sort."""
    rules = rulebook.rules
    opened: Counter[int] = Counter()
    fired: Counter[int] = Counter()
    tasks = [(root, 1)]
    for depth in range(1, min(rulebook.limits.max_depth, DEPTH_CEILING) + 2):
        here: Counter[int] = Counter()
        for sort, number in tasks:
            for place, firings in sort.firings.items():
                here[place] += number * firings
        too_deep = {place for place, rule in enumerate(rules) if depth > _bound(rule, rulebook)}
        for place in here:
            if place not in too_deep or rules[place].asks_again:
                fired[place] += here[place]
        tasks = [
            (sort, min(here[sort.opener], FUSE) * sort.number)
            for sort in sorts
            if sort.opener is not None and here[sort.opener] and sort.opener not in too_deep
        ]
    for place, firings in fired.items():
        rule = rules[place]
        opened[place] = min(firings, FUSE) * rule.follow_ups_per_task
        if rule.budget and rule.budget.per_root is not None:
            opened[place] = min(opened[place], rule.budget.per_root)
    return opened


def _bound(rule: Rule, rulebook: Rulebook) -> int:
    return min(rulebook.limits.max_depth, rule.max_depth or DEPTH_CEILING)


def _tell_actions(actions: Sequence[WrittenAction]) -> str:
    return ", ".join(map(_tell_action, actions))


def _tell_action(action: WrittenAction) -> str:
    match action:
        case ClickAction():
            return f"click {', '.join(action.labels)}"
        case SubmitAction():
            return "submit"
        case TagAction():
            return f"tag {', '.join((*action.tags, *action.root_tags))}"
        case NotifyAction():
            return "notify"
        case DownloadAction():
            return "download"
    return "resubmit"
