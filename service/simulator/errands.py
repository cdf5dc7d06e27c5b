"""Work that goes on while nobody waits for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Errands:
    """Keeps the running asyncio tasks together, so that they can be ended together."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, errand: Coroutine[Any, Any, None]) -> None:
        """Let it run in the running loop."""
        running = asyncio.create_task(errand)
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    async def stop(self) -> None:
        """Cancel whatever still runs, and wait until it has ended."""
        while running := list(self._running):
            for errand in running:
                errand.cancel()
            await asyncio.gather(*running, return_exceptions=True)
