"""Clears away deliveries that are long done, with their attempts: a little at a time, and then nothing for an hour."""

from typing import Final

from storage.outcomes import RETENTION, prune_deliveries
from storage.store import Store

SLICE: Final = 500  # deliveries that are removed in one transaction
BREATH: Final = 0.05  # seconds between two slices: callbacks go first
PAUSE: Final = 3600.0  # seconds until there may be more


class Pruner:
    """A worker."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def prune(self) -> float:
        """Remove some; gives the seconds until the next step."""
        removed = await self._store.write(prune_deliveries, self._store.now() - RETENTION, limit=SLICE)
        return BREATH if removed == SLICE else PAUSE
