"""Who may go next, where only so many deliveries are under way at once. Pure; times are milliseconds.

A subscriber who is slow or dead never holds more places than its own, and one of whom nobody knows whether it answers
holds a single one. Some places are kept for those of whom nothing is in doubt.
"""

from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import Final

from hooks.lanes import Lane, Lanes
from hooks.pace import Pace
from storage.outbox import Parcel, Turn
from storage.records_of_deliveries import Delivery

DOUBTFUL: Final = 3, 4  # so many of the places are for retries, and for who may be slow or silent; at least one


class Endpoint(Lane):
    """How it goes with a subscription, or with a host that single tasks are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.known_since = 0  # the change of its subscription after which all of this was learned
        self.answers = False  # whether it did at the latest attempt; before the first one nobody knows
        self.is_slow = False  # whether one waited for its latest answer
        self.retried = False  # whether its latest turn was a retry
        self.pace = Pace()

    @property
    def is_quick(self) -> bool:
        """Whether nothing is in doubt about it."""
        return self.answers and not self.is_slow


class Places:
    """So many at once."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._lanes = Lanes(Endpoint)
        self._held: set[int] = set()
        self._doubtful: set[int] = set()

    @property
    def held(self) -> tuple[int, ...]:
        """Ids of the deliveries that are under way."""
        return tuple(self._held)

    @property
    def are_full(self) -> bool:
        """Whether nothing more may begin."""
        return len(self._held) >= self._number

    def __getitem__(self, lane: str) -> Endpoint:
        return self._lanes[lane]

    def choose(self, turns: Sequence[Turn], now: int) -> list[int]:
        """Which deliveries may begin, the fairest first. `turns` are all that there are."""
        self._lanes.forget_others([turn.lane for turn in turns], now)
        part, whole = DOUBTFUL
        doubtful, room = set[int](), max(1, self._number * part // whole) - len(self._doubtful)
        for turn in turns:
            lane = self._lanes[turn.lane]
            if lane.known_since != turn.changed_at:
                lane.start_anew()
                lane.known_since, lane.answers, lane.is_slow = turn.changed_at, False, False
            doubtful.update(turn.again if lane.is_quick else (*turn.first, *turn.again))
        waiting = ((turn.lane, self._arrange(turn), self._find_limit(turn, now)) for turn in turns)
        chosen = []
        for number in self._lanes.line_up(waiting, now):
            if number in doubtful:
                room -= 1
            if number not in doubtful or room >= 0:
                chosen.append(number)
        return chosen[: self._number - len(self._held)]

    def find_pause(self, turns: Sequence[Turn], now: int) -> float | None:
        """Seconds until one of a lane with room may begin; None where all wait for a place."""
        times = []
        for turn in turns:
            lane = self._lanes[turn.lane]
            due = now if turn.first or turn.again else turn.next_at
            if due is not None and len(lane.held) < _count_places(lane, turn):
                paced = now if turn.rate is None else lane.pace.next_at(now, turn.rate)
                times.append(max(due, paced, lane.rests_until(now)))
        return min(((each - now) / 1000 for each in times if each > now), default=None)

    def take(self, parcel: Parcel, now: int) -> None:
        """One begins."""
        delivery, rate = parcel.delivery, parcel.subscription.rate
        lane = self._lanes.begin(delivery.lane, delivery.id)
        lane.retried = delivery.tries > 1
        if rate is not None:
            lane.pace.take(now, rate)
        if lane.retried or not lane.is_quick:
            self._doubtful.add(delivery.id)
        self._held.add(delivery.id)

    def leave(self, delivery: Delivery) -> None:
        """One is under way no more."""
        self._held.discard(delivery.id)
        self._doubtful.discard(delivery.id)
        self._lanes.end(delivery.lane, delivery.id)

    def _arrange(self, turn: Turn) -> list[int]:
        """First attempts and retries by turns, so that neither kind of one lane keeps the other waiting."""
        kinds = (turn.first, turn.again) if self._lanes[turn.lane].retried else (turn.again, turn.first)
        return [number for number in chain.from_iterable(zip_longest(*kinds)) if number is not None]

    def _find_limit(self, turn: Turn, now: int) -> int:
        """How many a lane may hold now."""
        lane = self._lanes[turn.lane]
        most = _count_places(lane, turn)
        return most if turn.rate is None else min(most, len(lane.held) + lane.pace.count(now, turn.rate))


def _count_places(lane: Endpoint, turn: Turn) -> int:
    return turn.concurrency if lane.answers else 1
