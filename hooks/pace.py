"""So many in a second at most, evenly. Pure; times are milliseconds."""

from math import ceil, floor
from typing import Final

LONGEST_PAUSE: Final = 3_600_000  # ms; a lower rate is none that anybody can want
LATENESS: Final = 50  # ms by which one may be late and still be followed at once: nobody wakes to the millisecond


class Pace:
    """When the next one may go, at a rate that may change."""

    def __init__(self) -> None:
        self._next = 0.0

    def count(self, now: int, rate: float) -> int:
        """How many may go now."""
        return max(0, floor((now - self._find_next(now, rate)) / _pause(rate)) + 1)

    def next_at(self, now: int, rate: float) -> int:
        """When the next one may go; a clock that stepped back makes it no later than after the usual pause."""
        return ceil(self._find_next(now, rate))

    def take(self, now: int, rate: float) -> None:
        """One goes."""
        self._next = self._find_next(now, rate) + _pause(rate)

    def _find_next(self, now: int, rate: float) -> float:
        return min(max(self._next, now - LATENESS), now + _pause(rate))


def _pause(rate: float) -> float:
    """Milliseconds between two."""
    return min(1000 / rate, LONGEST_PAUSE)
