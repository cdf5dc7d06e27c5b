"""Rules that would trigger themselves without end, found before anything is spent.

For each pair of rules: could a task that the first one opens be one that the second one means? What the child will
be like is known in part (what a click opens, what it inherits); where it is not known, the answer is "it could".
So a loop is never missed, and a rule that is refused wrongly needs only a `max_depth` or a narrower match.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hooks.buttons import action_of_label, synthesise_button
from service.rules.limits import DEPTH_CEILING
from service.rules.match import AnyOf, Clause, Match, NoneOf
from storage.records import Button

# What a follow-up takes over from its parent unchanged (see `storage.records.Task`).
_INHERITED = ("gateway", "state", "prompt", "root_id")
_SOMETHING = "?"  # stands for a value of which only the being there is known


class Looping(Protocol):
    """What is asked of a rule here."""

    @property
    def id(self) -> str: ...
    @property
    def match(self) -> Match: ...
    @property
    def clicks(self) -> tuple[str, ...]: ...
    @property
    def max_depth(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class _Child:
    """What is known of a task before it exists."""

    values: dict[str, tuple[Any, ...]]  # every value that a field can have; a field of unknown value is not there
    tags: tuple[str, ...]  # tags that it surely has, others apart

    def could_match(self, match: Match) -> bool:
        return all(self._could_hold(clause) for clause in match.clauses)

    def must_match(self, match: Match) -> bool:
        return all(self._must_hold(clause) for clause in match.clauses)

    def _could_hold(self, clause: Clause | AnyOf | NoneOf) -> bool:
        if isinstance(clause, AnyOf):
            return any(map(self.could_match, clause.matches))
        if isinstance(clause, NoneOf):
            return not self.must_match(clause.match)
        if clause.field == "tags":  # more tags can make any operator true but `not`
            return clause.operator != "not" or not self.tags or clause.test(self.tags)
        return self._test(clause, any, unknown=True)

    def _must_hold(self, clause: Clause | AnyOf | NoneOf) -> bool:
        if isinstance(clause, AnyOf):
            return any(map(self.must_match, clause.matches))
        if isinstance(clause, NoneOf):
            return not self.could_match(clause.match)
        if clause.field == "tags":
            return clause.operator != "not" and clause.test(self.tags)
        return self._test(clause, all, unknown=False)

    def _test(self, clause: Clause, quantify: Callable[[Iterator[bool]], bool], *, unknown: bool) -> bool:
        if clause.field in self.values:
            return quantify(clause.test(value) for value in self.values[clause.field])
        if clause.field in ("parent_id", "button") and clause.operator == "exists":
            return clause.test(_SOMETHING)
        return unknown


def _expect_children(rule: Looping) -> list[_Child]:
    # Many labels open the same sort of child; a rule without an end of labels is looked at as often as there are sorts.
    sorts = {(action_of_label(label), synthesise_button(label)) for label in rule.clicks}
    return [_expect_child(rule, action, button) for action, button in sorts]


def _expect_child(rule: Looping, action: str | None, button: Button | None) -> _Child:
    values: dict[str, tuple[Any, ...]] = {
        "origin": (f"rule:{rule.id}",),
        "depth": tuple(range(1, DEPTH_CEILING + 1)),
    }
    if action:
        values["action"] = (action,)
    if button:
        values["index"] = (button.index,)
    tags: list[str] = []
    for clause in rule.match.clauses:
        if not isinstance(clause, Clause) or not clause.exact:
            continue
        if clause.field == "tags":
            tags += clause.exact if len(clause.exact) == 1 else ()
        elif clause.field in _INHERITED:
            values[clause.field] = clause.exact
    return _Child(values, tuple(tags))


def find_loops(rules: Sequence[Looping]) -> list[tuple[int, str]]:
    """The loops that nothing bounds: for each the place of its first rule, and the loop in words."""
    open_ended = [place for place, rule in enumerate(rules) if rule.max_depth is None]
    children = {place: _expect_children(rules[place]) for place in open_ended}
    following = {
        place: [
            other for other in open_ended if any(child.could_match(rules[other].match) for child in children[place])
        ]
        for place in open_ended
    }
    told: set[int] = set()
    loops = []
    for place in open_ended:
        if place not in told and (way := _way_back(place, following)):
            told.update(way)
            loops.append((place, _describe([rules[each] for each in way])))
    return loops


def _way_back(start: int, following: dict[int, list[int]]) -> list[int]:
    """The shortest way from a rule to itself, without its end; empty when there is none."""
    came_from: dict[int, int] = {}
    queue = deque([start])
    while queue:
        place = queue.popleft()
        for other in following[place]:
            if other == start:
                way = [place]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return way[::-1]
            if other not in came_from:
                came_from[other] = place
                queue.append(other)
    return []


def _describe(way: Sequence[Looping]) -> str:
    names = " → ".join(rule.id for rule in (*way, way[0]))
    whom = "one of them" if len(way) > 1 else "it"
    return (
        f"a loop without a bound: {names} (what {way[-1].id} opens can be a task that {way[0].id} is for); "
        f"add max_depth: N to {whom}, or narrow its match"
    )
