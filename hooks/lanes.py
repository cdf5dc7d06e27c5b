"""Lanes take turns: none, however much waits in it and however slow it is, keeps the others waiting. Pure.

A lane is what goes to one address, host or subscription. What is known of one is kept in memory alone: after a
restart, each is given another chance.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import count
from typing import Final, Generic, TypeVar

KEPT: Final = 1000  # lanes that are remembered though nothing waits in them: there may be as many as hosts


class Lane:
    """How it goes with one. Times are milliseconds by the store's clock, rests are seconds."""

    def __init__(self) -> None:
        self.held: set[int] = set()  # what is under way
        self.turn = 0  # its latest one, among those of all lanes
        self.failures = 0  # in a row
        self._rested_from = 0
        self._rest = 0.0

    def rests_until(self, now: int) -> int:
        """When it may go on; a clock that stepped back makes no rest longer."""
        return self._rested_from + int(self._rest * 1000) if self._rested_from <= now else now

    def rest(self, now: int, seconds: float) -> None:
        """Leave it alone for so long from now on, at least."""
        if now + seconds * 1000 > self.rests_until(now):
            self._rested_from, self._rest = now, seconds

    def fail(self, now: int, rests: Sequence[float]) -> None:
        """Leave it alone for the first, second, … of `rests` after as many failures in a row, at last for the last.

        Those that fail while it rests already were under way with the one before, and count as one with it.
        """
        if self.rests_until(now) <= now:
            self.rest(now, rests[min(self.failures, len(rests) - 1)])
            self.failures += 1

    def start_anew(self) -> None:
        """It is another one now: what it did is forgotten, but for what is under way."""
        self.failures, self._rested_from, self._rest = 0, 0, 0.0

    def succeed(self) -> None:
        """The next failure is the first one again; a rest that has begun is kept."""
        self.failures = 0


L = TypeVar("L", bound=Lane)


class Lanes(Generic[L]):
    """All that are heard of, by name; a new one is what `make` gives."""

    def __init__(self, make: Callable[[], L]) -> None:
        self._lanes: defaultdict[str, L] = defaultdict(make)
        self._turns = count(1)

    def __getitem__(self, name: str) -> L:
        return self._lanes[name]

    def begin(self, name: str, number: int) -> L:
        """Something of this lane is under way, under a number of its own."""
        lane = self._lanes[name]
        lane.turn = next(self._turns)
        lane.held.add(number)
        return lane

    def end(self, name: str, number: int) -> None:
        """It is under way no more."""
        self._lanes[name].held.discard(number)

    def line_up(self, waiting: Iterable[tuple[str, Sequence[int], int]], now: int) -> list[int]:
        """Give the numbers that may begin, the fairest first; `waiting` are lanes, their numbers, and how many each
        may hold: those of lanes that hold little come first, and of those the ones whose latest turn is long ago.
        """
        line = []
        for name, numbers, most in waiting:
            lane = self._lanes[name]
            if lane.rests_until(now) <= now:
                places = range(len(lane.held), most)
                line += [(place, lane.turn, number) for place, number in zip(places, numbers, strict=False)]
        return [number for _, _, number in sorted(line)]

    def forget_others(self, names: Collection[str], now: int) -> None:
        """Forget those in which nothing waits or is under way, once they have rested, when there are more than KEPT."""
        if len(self._lanes) <= KEPT:
            return
        for name in self._lanes.keys() - set(names):
            lane = self._lanes[name]
            if not lane.held and lane.rests_until(now) <= now:
                del self._lanes[name]
