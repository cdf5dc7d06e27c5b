"""Subscribers that outlive every service: sinks on a loop of their own, in a thread of the test."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any, Self

from tests.sink import Sink


class Subscribers:
    """Several sinks, each with its own address and books. `vices` are those of all of them, by their share."""

    def __init__(self, number: int, *, vices: dict[str, float] | None = None) -> None:
        self.sinks = [Sink(vices=vices, seed=seed) for seed in range(number)]
        self._open = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._open.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    @property
    def attempts(self) -> int:
        """How many POSTs have come in at all of them."""
        return sum(sink.books.attempts for sink in self.sinks)

    def reform(self) -> None:
        """From now on they take everything."""
        for sink in self.sinks:
            sink.vices = {}

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with AsyncExitStack() as stack:
            for sink in self.sinks:
                await stack.enter_async_context(sink)
            self._open.set()
            await self._end.wait()


def check_books(sink: Sink, events: Sequence[dict[str, Any]]) -> None:
    """Each of the events was taken, in the order of its task, with the same bytes whenever it came; and nothing else.

    `events` are those of the ledger, oldest first. A body that has no end, or is a bomb, follows a 200 all the same.
    """
    entries = sink.books.entries
    assert all(attempt.same for entry in entries.values() for attempt in entry.attempts)
    taken = {
        msg_id: min(times)
        for msg_id, entry in entries.items()
        if (times := [attempt.time for attempt in entry.attempts if attempt.answer in ("taken", "bomb", "endless")])
    }
    assert taken.keys() == {event["id"] for event in events}
    orders: dict[str, list[str]] = {}
    for event in events:
        if event["task"] is not None:
            orders.setdefault(event["task"]["id"], []).append(event["id"])
    for order in orders.values():
        assert sorted(order, key=taken.__getitem__) == order
