"""Deferred firings in memory, taken up as `storage.deferrals` takes up those of the ledger. Pure."""

from collections import Counter
from heapq import heappop, heappush
from itertools import count

import msgspec

from storage.reactions import ROOM_FOR, Firing
from storage.records import Task


class Waiting:
    """Firings that wait, each with its task."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, int, Firing, Task]] = []  # when, in which order, and which of its entries
        self._pushes = count()
        self._latest: dict[int, Firing] = {}  # by id: an entry of one that is another by now counts no more

    def put(self, firing: Firing, task: Task) -> None:
        """Let a firing wait until its time."""
        self._latest[firing.id] = firing
        self._push(firing.next_at or 0, firing, task)

    def take(self, until: int) -> tuple[int, Firing, Task] | None:
        """The next one that is due by then, with when it was; it waits no more. None when none is."""
        while self._heap and self._heap[0][0] <= until:
            due, _, _, firing, task = heappop(self._heap)
            if self._latest.get(firing.id) is firing:
                del self._latest[firing.id]
                return due, firing, task
        return None

    def put_off(self, first: Firing, now: int) -> list[Firing]:
        """Put off what is due of a rule and waits for a budget with the first of them; gives what they are now."""
        due, moved = [], []
        while self._heap and self._heap[0][0] <= now:
            due.append(heappop(self._heap))
        for entry in due:
            firing, task = entry[3:]
            if self._latest.get(firing.id) is not firing:
                continue
            if firing.rule == first.rule and firing.reason == "budget":
                moved.append(msgspec.structs.replace(firing, next_at=first.next_at, detail=first.detail))
                self.put(moved[-1], task)
            else:
                heappush(self._heap, entry)
        return moved

    def hasten(self, now: int) -> None:
        """A share of a budget has come back: the oldest of each rule that wait for one are due."""
        waiting = {
            firing.id: (firing, task)
            for _, _, _, firing, task in self._heap
            if firing.reason == "budget" and self._latest.get(firing.id) is firing
        }
        woken = Counter[str]()
        for _, (firing, task) in sorted(waiting.items()):
            if woken[firing.rule] < ROOM_FOR:
                woken[firing.rule] += 1
                self._push(now, firing, task)

    def _push(self, due: int, firing: Firing, task: Task) -> None:
        heappush(self._heap, (due, firing.id, next(self._pushes), firing, task))
