"""Tells workers and streams, after a commit, that there is something to do."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

Topic = str  # "events": of any task; "submissions", "deliveries" …: one may be due; or a task's id: an event of it

EVENTS: Final = "events"
PAUSE: Final = 0.025  # seconds between two rings of EVENTS: each wakes every stream, and under load there are hundreds


class Bell:
    """Wakes who listens. It carries no news: whoever wakes reads the ledger.

    Belongs to one event loop; other threads go through `loop.call_soon_threadsafe`.
    """

    def __init__(self) -> None:
        self._listeners: dict[Topic, set[asyncio.Event]] = {}
        self._pause: asyncio.TimerHandle | None = None  # while EVENTS was rung a moment ago
        self._owed = False  # EVENTS was rung during the pause

    def ring(self, topics: Iterable[Topic]) -> None:
        """Wake everyone who listens to one of the topics; for EVENTS, a moment later when it was rung just now."""
        for topic in topics:
            if topic != EVENTS:
                self._wake(topic)
            elif self._pause is not None:
                self._owed = True
            elif topic in self._listeners:
                self._ring_events()

    def wake_all(self) -> None:
        """Wake everyone, whatever they listen to, at once."""
        for topic in self._listeners:
            self._wake(topic)

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
                listeners = self._listeners[topic]
                listeners.discard(listener.rung)
                if not listeners:
                    del self._listeners[topic]  # there are as many topics as tasks

    def _ring_events(self) -> None:
        self._owed = False
        self._wake(EVENTS)
        self._pause = asyncio.get_running_loop().call_later(PAUSE, self._end_pause)

    def _end_pause(self) -> None:
        self._pause = None
        if self._owed:
            self._ring_events()

    def _wake(self, topic: Topic) -> None:
        for rung in self._listeners.get(topic, ()):
            rung.set()


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
