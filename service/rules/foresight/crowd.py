"""Many prospects that a rule is asked about at once, since every rule is asked about what every rule opens.

Most of them look alike to one clause, which sees a single field: those are asked about once. Who is meant is a number
whose bits stand for the prospects, by their places.
"""

from collections.abc import Sequence
from typing import Any

from service.rules.foresight.prospects import Prospect
from service.rules.match import AnyOf, Clause, Match, NoneOf
from service.rules.rulebook import Rule
from storage.records import CHAIN_SETTLED


class Crowd:
    """Prospects, each in its place."""

    def __init__(self, prospects: Sequence[Prospect]) -> None:
        self._prospects = prospects
        self._everyone = (1 << len(prospects)) - 1
        self._roots = sum(1 << place for place, each in enumerate(prospects) if each.is_root)
        self._alike: dict[str, list[tuple[Prospect, int]]] = {}  # by field: one of those alike, and their bits

    def find_meant(self, rule: Rule) -> int:
        """The bits of those that the rule could ever decide about."""
        meant = self._match(rule.match, surely=False)
        return meant & self._roots if rule.on == CHAIN_SETTLED else meant

    def _match(self, match: Match, *, surely: bool) -> int:
        """Those that could match; those that could do nothing else when it has to be sure."""
        found = self._everyone
        for clause in match.clauses:
            if not found:
                break
            found &= self._hold(clause, surely=surely)
        return found

    def _hold(self, clause: Clause | AnyOf | NoneOf, *, surely: bool) -> int:
        found = 0
        if isinstance(clause, AnyOf):
            for match in clause.matches:
                found |= self._match(match, surely=surely)
            return found
        if isinstance(clause, NoneOf):
            return self._everyone & ~self._match(clause.match, surely=not surely)
        for prospect, bits in self._sort_by(clause.field):
            if prospect.must_hold(clause) if surely else prospect.could_hold(clause):
                found |= bits
        return found

    def _sort_by(self, field: str) -> list[tuple[Prospect, int]]:
        if field not in self._alike:
            places: dict[Any, list[int]] = {}
            for place, prospect in enumerate(self._prospects):
                places.setdefault(prospect.look_at(field), []).append(place)
            self._alike[field] = [
                (self._prospects[alike[0]], sum(1 << place for place in alike)) for alike in places.values()
            ]
        return self._alike[field]
