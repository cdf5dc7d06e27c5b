"""Writes down what was delivered, many deliveries in one piece of work for the ledger."""

import asyncio

from storage.outcomes import finish_deliveries
from storage.records_of_deliveries import Attempt
from storage.store import Store


class Receipts:
    """While some are being written, others gather, and go together then: none waits for company."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._gathered: list[Attempt] = []
        self._writing: asyncio.Task[None] | None = None  # those that have gathered, or are being written

    async def keep(self, attempt: Attempt) -> None:
        """Give it to the ledger; it is there when this is over. Raises LedgerError when it is not, nor are others."""
        writing = self._writing
        if writing is None or not self._gathered:
            writing = self._writing = asyncio.create_task(self._write(writing), name="receipts")
        self._gathered.append(attempt)
        await asyncio.shield(writing)  # who goes away takes nobody else along

    async def close(self) -> None:
        """Wait for what is being written."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write(self, before: asyncio.Task[None] | None) -> None:
        if before is not None and not before.done():
            await asyncio.wait([before])
        gathered, self._gathered = self._gathered, []
        await self._store.write(finish_deliveries, gathered)
