"""Tells workers and streams, after a commit, that there is something to do."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal

Topic = Literal["events", "submissions"]


class Bell:
    """Wakes who listens. It carries no news: whoever wakes reads the ledger.

    Belongs to one event loop; other threads go through `loop.call_soon_threadsafe`.
    """

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Event]] = {}

    def ring(self, topics: Iterable[str]) -> None:
        """Wake everyone who listens to one of the topics."""
        for topic in topics:
            for rung in self._listeners.get(topic, ()):
                rung.set()

    @contextmanager
    def listen(self, *topics: Topic) -> Iterator["Listener"]:
        """Give a listener that misses nothing between its waits."""
        listener = Listener()
        for topic in topics:
            self._listeners.setdefault(topic, set()).add(listener.rung)
        try:
            yield listener
        finally:
            for topic in topics:
                self._listeners[topic].discard(listener.rung)


class Listener:
    """One who waits for the bell."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()

    async def wait(self, seconds: float | None) -> bool:
        """Wait until the bell rang since the last call, or the time is up; True when it rang."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.rung.wait()
        rang = self.rung.is_set()
        self.rung.clear()
        return rang
