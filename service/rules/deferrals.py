"""Deferred firings: each is looked at again when it is due."""

from typing import Final

from storage.deferrals import resume_due
from storage.store import Store

LONGEST_NAP: Final = 60.0  # seconds: a clock that was set forward is noticed within this time


class Deferrals:
    """Lets the ledger take up what waits."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def take_up(self) -> float | None:
        """A worker's step: what is due now; gives the seconds until the next one is, None without any."""
        due = await self._store.write(resume_due)
        return None if due is None else min(LONGEST_NAP, max(0.0, (due - self._store.now()) / 1000))
