"""Finds tasks by whatever id a client knows them by; what the ledger lacks, the default gateway is asked for once."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from service.gateways.adopter import Adopter
from service.gateways.client import BATCH
from storage.directory import find_named
from storage.records import Task
from storage.store import Store

REMEMBERED: Final = 60.0  # seconds that an id counts as unknown, once its gateway did not know it
MOST_REMEMBERED: Final = 10_000  # ids

_OURS: Final = re.compile(r"8[0-9]{15}")  # no gateway's id looks so


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks by the names that they were asked for by."""

    tasks: Mapping[str, Task]
    failed: str | None = None  # why the rest could not be looked for


class Finder:
    """One for the whole facade: whoever asks for the same unknown id meanwhile waits for the same answer."""

    def __init__(self, store: Store, adopter: Adopter, gateways: Sequence[str]) -> None:
        self._store = store
        self._adopter = adopter
        self._gateways = gateways  # the first is asked for what the ledger does not know
        self._missing = Missing()
        self._asking: dict[str, asyncio.Task[str | None]] = {}

    async def find(self, names: Sequence[str]) -> Found:
        """Look in the ledger, then at the default gateway, there for the first BATCH unknown names."""
        names = list(dict.fromkeys(names))
        tasks = await self._store.read(find_named, names, self._gateways)
        strangers = [each for each in names if each not in tasks and self._is_worth_asking(each)][:BATCH]
        if not strangers:
            return Found(tasks=tasks)
        self._ask([each for each in strangers if each not in self._asking])
        asking = {self._asking[each] for each in strangers}
        # One caller that leaves does not end what others wait for.
        failures = await asyncio.gather(*(asyncio.shield(each) for each in asking))
        tasks |= await self._store.read(find_named, strangers, self._gateways)
        return Found(tasks=tasks, failed=next(filter(None, failures), None))

    def _is_worth_asking(self, name: str) -> bool:
        return name in self._asking or not (_OURS.fullmatch(name) or self._missing.holds(name))

    def _ask(self, names: Sequence[str]) -> None:
        if names:
            asking = asyncio.create_task(self._adopt(names), name="adopt")
            self._asking.update(dict.fromkeys(names, asking))

    async def _adopt(self, names: Sequence[str]) -> str | None:
        try:
            adoption = await self._adopter.adopt(self._gateways[0], names)
            self._missing.add(adoption.missing)
            return adoption.failed
        finally:
            for name in names:
                del self._asking[name]


class Missing:
    """Ids that nobody knows, for a while; the oldest are forgotten when there are too many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}  # in the order in which they were learned

    def add(self, names: frozenset[str]) -> None:
        """Remember that these are unknown."""
        for name in names:
            self._until.pop(name, None)
            self._until[name] = self._clock() + REMEMBERED
        for name in list(self._until)[: max(0, len(self._until) - MOST_REMEMBERED)]:
            del self._until[name]

    def holds(self, name: str) -> bool:
        """Whether it was unknown a moment ago."""
        return self._clock() < self._until.get(name, 0.0)
