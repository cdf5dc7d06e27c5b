"""Finds tasks by whatever id a client knows them by; what the ledger lacks, the default gateway is asked for once."""

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from service.gateways.adopter import Adopter
from service.gateways.outcomes import LONGEST_ID
from service.web.facade.answers import INVALID, Refusal
from service.web.facade.inquiry import Inquiry
from service.web.problems import Problem
from storage.directory import find_named
from storage.records import Task
from storage.store import Store

REMEMBERED: Final = 60.0  # seconds that an id counts as unknown, once its gateway did not know it
MOST_REMEMBERED: Final = 10_000  # ids, of at most LONGEST_ID characters
MOST_STRANGERS: Final = 300  # unknown ids in one list: three questions

_OURS: Final = re.compile(r"8[0-9]{15}")  # no gateway's id looks so


class Finder:
    """One for the whole facade: its callers' unknown ids share their questions."""

    def __init__(self, store: Store, adopter: Adopter, gateways: Sequence[str]) -> None:
        self._store = store
        self._gateways = gateways  # the first is asked for what the ledger does not know
        self._missing = Missing()
        self._inquiry = Inquiry(adopter, gateways[0], self._missing.add)

    async def find(self, names: Iterable[str]) -> Mapping[str, Task]:
        """Give the tasks of these names, in the ledger or at the default gateway; what nobody knows is left out.

        Raises Problem when the gateway could not be asked: they may be there, and who is told that they are not gives
        them up. Raises Refusal when it would have to be asked about too many.
        """
        names = [name for name in dict.fromkeys(names) if len(name) <= LONGEST_ID]  # longer ones, nobody knows
        tasks = await self._store.read(find_named, names, self._gateways)
        strangers = [name for name in names if name not in tasks and self._is_worth_asking(name)]
        if len(strangers) > MOST_STRANGERS:
            raise Refusal(f"ids参数错误: more than {MOST_STRANGERS} of them are unknown", INVALID, 400)
        if not strangers:
            return tasks
        failed = await self._inquiry.ask(strangers)
        tasks |= await self._store.read(find_named, strangers, self._gateways)
        for name, why in failed.items():
            if name not in tasks:
                raise Problem(503, f"the gateway told nothing of it: {why}", {"Retry-After": "5"})
        return tasks

    def _is_worth_asking(self, name: str) -> bool:
        return not (_OURS.fullmatch(name) or self._missing.holds(name))


class Missing:
    """Ids that nobody knows, for a while; the oldest are forgotten when there are too many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}  # in the order in which they were learned

    def add(self, names: Iterable[str]) -> None:
        """Remember that these are unknown."""
        now = self._clock()
        for name in names:
            self._until.pop(name, None)
            self._until[name] = now + REMEMBERED
        while self._until and (len(self._until) > MOST_REMEMBERED or next(iter(self._until.values())) <= now):
            del self._until[next(iter(self._until))]

    def holds(self, name: str) -> bool:
        """Whether it was unknown a moment ago."""
        return self._clock() < self._until.get(name, 0.0)
