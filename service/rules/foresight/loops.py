"""Rules that would trigger themselves without end, found before anything is spent.

A loop is never missed, since what is not known of a task that a rule opens counts as "it could be meant"; and a rule
that is refused wrongly needs only a bound or a narrower match.

What clicks and submits open lies a hop deeper each time, so `max_depth` ends a loop with one of these in it; in
between, a task may be asked for again, and stays what it was. Asking again and again is what `attempts` end. A
`budget` ends either. A rule on chain.settled decides once under a root, and so closes no loop.
"""

from collections import Counter, deque
from collections.abc import Mapping, Sequence

from service.rules.foresight.crowd import Crowd
from service.rules.foresight.prospects import expect_children, expect_retry, find_added_tags
from service.rules.rulebook import Rule

_Edges = Mapping[int, Mapping[int, int | None]]  # rule → rule that may follow → rule that asks again in between


def find_loops(rules: Sequence[Rule]) -> list[tuple[int, str]]:
    """The loops that nothing bounds: for each the place of its first rule, and the loop in words."""
    deeper = [place for place, rule in enumerate(rules) if not rule.budget and rule.goes_deeper and not rule.max_depth]
    again = [place for place, rule in enumerate(rules) if not rule.budget and rule.asks_again]
    return sorted(
        [(way[0], _describe(rules, way, depth=True)) for way in _find_ways(_follow_deeper(rules, deeper, again))]
        + [(way[0], _describe(rules, way, depth=False)) for way in _find_ways(_follow_again(rules, again))]
    )


def _follow_deeper(rules: Sequence[Rule], deeper: Sequence[int], again: Sequence[int]) -> _Edges:
    """Which of `deeper` may decide about what one of them opens, perhaps after one of `again` has asked again."""
    added = find_added_tags(rules)
    children = [(place, child) for place in deeper for child, _ in expect_children(rules[place], added)]
    opened: Counter[int] = Counter()  # by rule: the bits of what it opens
    for bit, (place, _) in enumerate(children):
        opened[place] |= 1 << bit
    crowd = Crowd([child for _, child in children])
    origins = [f"rule:{rules[place].id}" for place in again]
    retried = Crowd([child.retried(origins) for _, child in children] if again else ())
    askers = [(place, crowd.find_meant(rules[place])) for place in again]
    meant = {place: (crowd.find_meant(rules[place]), retried.find_meant(rules[place])) for place in deeper}
    edges: dict[int, dict[int, int | None]] = {place: {} for place in deeper}
    for place in deeper:
        for other, (at_once, later) in meant.items():
            if opened[place] & at_once:
                edges[place][other] = None
                continue
            asker = next((asker for asker, asked in askers if opened[place] & asked & later), None)
            if asker is not None:
                edges[place][other] = asker
    return edges


def _follow_again(rules: Sequence[Rule], again: Sequence[int]) -> _Edges:
    """Which rules without `attempts` may ask again for what one of them has asked for again."""
    endless = [place for place in again if rules[place].attempts is None]
    crowd = Crowd([expect_retry(rules[place]) for place in endless])
    meant = {place: crowd.find_meant(rules[place]) for place in endless}
    return {place: {other: None for other in endless if meant[other] >> bit & 1} for bit, place in enumerate(endless)}


def _find_ways(edges: _Edges) -> list[list[int]]:
    """A shortest loop through each rule that is in one, with what asks again in between; each rule is told of once."""
    told: set[int] = set()
    ways = []
    for place in edges:
        if place not in told and (way := _way_back(place, edges)):
            told.update(way)
            ways.append(_with_retries(way, edges))
    return ways


def _way_back(start: int, edges: _Edges) -> list[int]:
    """The shortest way from a rule to itself, without its end; empty when there is none."""
    came_from: dict[int, int] = {}
    queue = deque([start])
    while queue:
        place = queue.popleft()
        for other in edges[place]:
            if other == start:
                way = [place]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if other not in came_from:
                came_from[other] = place
                queue.append(other)
    return []


def _with_retries(way: list[int], edges: _Edges) -> list[int]:
    whole = []
    for place, other in zip(way, (*way[1:], way[0]), strict=True):
        retrier = edges[place][other]
        whole += [place] if retrier is None else [place, retrier]
    return whole


def _describe(rules: Sequence[Rule], way: Sequence[int], *, depth: bool) -> str:
    ids = [rules[place].id for place in way]
    whom = "one of them" if len(ids) > 1 else "it"
    bound = f"max_depth: N to {whom}" if depth else f"attempts: {{max: 2}} to {whom}"
    return (
        f"a loop without a bound: {' → '.join((*ids, ids[0]))} (what {ids[-1]} opens can be a task that {ids[0]} is"
        f" for); add {bound}, or narrow its match"
    )
