"""How many tasks each rule can open under one root (`service.rules.foresight.worst_case`). Never less than the truth.

Depth by depth, every task that the rules could have opened so far is looked at as the worst sort that it can be
(`service.rules.foresight.prospects`), and taken to go on in every way at once. What the ledger guards is counted on:
one decision about each task, `max_depth`, `attempts`, `per_root` and the fuse. Whom people ask, click and tag besides
is not.

Hundreds of rules open thousands of sorts, most of which the same rules decide about: those are counted together, and
how often all rules decide about them is one long number, with a lane for each rule.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple

from service.rules.fields import ACTIONS
from service.rules.foresight.crowd import Crowd
from service.rules.foresight.prospects import Prospect, expect_children, expect_root, find_added_tags
from service.rules.limits import DEPTH_CEILING, FUSE
from service.rules.rulebook import Rule, Rulebook
from storage.records import CHAIN_SETTLED

_UNKNOWN_ACTION: Final = "?"  # a gateway's own, that no rule names
_ENDS_WELL: Final = "task.succeeded"
_COMES_BACK: Final = "task.lost"  # what is lost may still succeed, after it was asked for again
_LANE: Final = 64  # bits: a whole file cannot write down what would fill them
_LANE_FULL: Final = (1 << _LANE) - 1

_Row = tuple[str, ...]  # by the places of the rules: "1" where the rule could decide


class _Opening(NamedTuple):
    """What one firing of a rule opens."""

    opener: int  # the place of the rule
    number: int


def find_growth(rulebook: Rulebook) -> list[int]:
    """The most tasks that each rule opens under one root, by the places of the rules."""
    rules = rulebook.rules
    added = find_added_tags(rules)
    children = [
        (_Opening(place, number), prospect)
        for place, rule in enumerate(rules)
        for prospect, number in expect_children(rule, added)
    ]
    roots = [expect_root(action) for action in (*ACTIONS, _UNKNOWN_ACTION)]
    firings = _count_firings([*roots, *(prospect for _, prospect in children)], rules)
    opened: dict[int, list[_Opening]] = defaultdict(list)  # by how often all rules decide about it
    for (opening, _), lanes in zip(children, firings[len(roots) :], strict=True):
        opened[lanes].append(opening)
    worst = [0] * len(rules)
    for lanes in set(firings[: len(roots)]):
        worst = list(map(max, worst, _count_opened(lanes, opened, rulebook)))
    return worst


def _count_firings(prospects: Sequence[Prospect], rules: Sequence[Rule]) -> list[int]:
    """How often each rule decides about one task of each sort, those that ask for it again included; in lanes."""
    again = [place for place, rule in enumerate(rules) if rule.asks_again]
    first = _ask(prospects, rules)
    origins = [f"rule:{rules[place].id}" for place in again]
    later = _ask([each.retried(origins) for each in prospects], rules) if again else first
    known: dict[tuple[_Row, _Row], int] = {}
    for rows in zip(first, later, strict=True):
        if rows not in known:
            counts = _count_retried(*rows, again, rules)
            known[rows] = sum(count << place * _LANE for place, count in counts.items())
    return [known[rows] for rows in zip(first, later, strict=True)]


def _ask(prospects: Sequence[Prospect], rules: Sequence[Rule]) -> list[_Row]:
    """For each prospect, which rules could decide about it."""
    crowd = Crowd(prospects)
    columns = [f"{crowd.find_meant(rule):0{len(prospects)}b}" for rule in rules]
    return list(zip(*columns, strict=True))[::-1]  # the first prospect is the last digit


def _count_retried(in_first: _Row, in_later: _Row, again: Sequence[int], rules: Sequence[Rule]) -> dict[int, int]:
    """How often each rule decides about a task and all its retries: about the task itself, and about what is later."""
    first = {place for place, meant in enumerate(in_first) if meant == "1"}
    if first.isdisjoint(again):
        return dict.fromkeys(first, 1)
    later = {place for place, meant in enumerate(in_later) if meant == "1"}
    asking = {place: _count_retries(rules[place], later=place in later) for place in again if place in first | later}
    retries = max((number for place, number in asking.items() if rules[place].attempts), default=0) + sum(
        number for place, number in asking.items() if not rules[place].attempts
    )
    comes_back = any(rules[place].on == _COMES_BACK for place in asking)
    counts = dict(asking)
    for place in (first | later) - asking.keys():
        if rules[place].on == CHAIN_SETTLED or (rules[place].on == _ENDS_WELL and not comes_back):
            counts[place] = 1  # of a task and its retries, one succeeds at most
        else:
            counts[place] = (place in first) + (retries if place in later else 0)
    return counts


def _count_retries(rule: Rule, *, later: bool) -> int:
    """How often a rule asks for one task again; each task is asked for again once, so they are a line."""
    return min(rule.attempts.max if rule.attempts else FUSE, FUSE) if later else 1


def _count_opened(lanes: int, opened: dict[int, list[_Opening]], rulebook: Rulebook) -> list[int]:
    """How many tasks each rule opens at most under one root, about which rules decide as these lanes say."""
    rules, deepest = rulebook.rules, rulebook.limits.max_depth
    bounds = [min(deepest, rule.max_depth or DEPTH_CEILING) for rule in rules]
    fired: Counter[int] = Counter()
    for depth in range(1, min(deepest, DEPTH_CEILING) + 2):
        going = [0] * len(rules)  # firings that open something here
        for place, count in enumerate(_read_lanes(lanes, len(rules))):
            is_too_deep = depth > bounds[place]
            if not is_too_deep:
                going[place] = min(count, FUSE)
            if not is_too_deep or rules[place].asks_again:
                fired[place] += count
        lanes = sum(
            sum(going[opening.opener] * opening.number for opening in openings) * each
            for each, openings in opened.items()
        )
    return [_bound(rule, fired[place]) for place, rule in enumerate(rules)]


def _bound(rule: Rule, fired: int) -> int:
    opened = min(fired, FUSE) * rule.follow_ups_per_task
    return opened if rule.budget is None or rule.budget.per_root is None else min(opened, rule.budget.per_root)


def _read_lanes(lanes: int, number: int) -> list[int]:
    return [lanes >> place * _LANE & _LANE_FULL for place in range(number)]
