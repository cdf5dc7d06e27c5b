"""What the limits of a gateway's configuration leave: tasks at once, and submissions in a minute."""

from typing import Final

from service.gateways.presets import Gateway
from service.gateways.rate import MINUTE, Rate
from storage.queue import count_places, list_sent_since
from storage.store import Store

FULL_PAUSE: Final = 1.0  # seconds between two looks whether a place has become free
LOST_AFTER: Final = 7200.0  # seconds without news, after which a task takes no place any more


class Quota:
    """One gateway's; `lost_after` is seconds."""

    def __init__(self, store: Store, gateway: Gateway, *, lost_after: float) -> None:
        self._store = store
        self._gateway = gateway
        self._lost_after = int(lost_after * 1000)
        self._rate: Rate | None = None  # from the first look on, where there is a limit

    async def count_free(self, most: int, now: int) -> tuple[int, float]:
        """How many of at most so many more may be sent, and the seconds until another look when that is none."""
        gateway, free = self._gateway, most
        if free and gateway.in_flight is not None:
            since = now - self._lost_after
            free = min(free, gateway.in_flight - await self._store.read(count_places, gateway.name, since=since))
        if free > 0 and gateway.per_minute is not None:
            if self._rate is None:
                sent = await self._store.read(list_sent_since, gateway.name, now - MINUTE, now)
                self._rate = Rate(gateway.per_minute, sent)
            free = min(free, self._rate.free(now))
            if not free:
                return 0, self._rate.pause(now)
        return max(0, free), FULL_PAUSE

    def note(self, sent_at: int) -> None:
        """A POST begins (ms)."""
        if self._rate is not None:
            self._rate.note(sent_at)
