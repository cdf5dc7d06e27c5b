"""One reading for many streams, which misses nothing that the bell rang for."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from service.web.frames import SIZE, Filters, Frames, read_chunk
from storage.events import append_event
from storage.records import RULE_PAUSED

ALL = Filters()


class Watched:
    """A ledger's own lanes, which count, and can be held at the moment before they look."""

    def __init__(self, ledger: Any) -> None:
        self.looked: list[str] = []
        self.begun = asyncio.Event()
        self.free = asyncio.Event()
        self.free.set()
        self._query = ledger.store.query

    async def read(self, query: Any, *arguments: Any) -> Any:
        return await self._look("read", query, *arguments)

    async def search(self, query: Any, *arguments: Any) -> Any:
        return await self._look("search", query, *arguments)

    async def _look(self, lane: str, query: Any, *arguments: Any) -> Any:
        self.looked.append(lane)
        self.begun.set()
        found = await asyncio.to_thread(self._query, query, *arguments)
        await self.free.wait()
        return found


def happen(ledger: Any, detail: str = "") -> None:
    ledger.do(append_event, None, RULE_PAUSED, "service", {}, {"detail": detail})


def make(ledger: Any) -> tuple[Frames, Watched]:
    watched = Watched(ledger)
    return Frames(watched), watched  # type: ignore[arg-type]


def test_who_asks_for_the_same_at_the_same_moment_is_answered_by_one_look(ledger: Any, run: Callable[..., Any]) -> None:
    async def scenario() -> None:
        frames, watched = make(ledger)
        happen(ledger)
        chunks = await asyncio.gather(*(frames.read(ALL, 0, much=False) for _ in range(50)))
        assert watched.looked == ["read"]
        assert len({id(chunk) for chunk in chunks}) == 1
        assert (chunks[0].next, chunks[0].more, chunks[0].text.count(b"\n\n")) == (1, False, 1)

    run(scenario())


def test_another_place_or_other_filters_are_looked_at_apart(ledger: Any, run: Callable[..., Any]) -> None:
    async def scenario() -> None:
        frames, watched = make(ledger)
        happen(ledger)
        asked = [(ALL, 0), (ALL, 1), (Filters(types=("task.failed",)), 0)]
        first, second, third = await asyncio.gather(*(frames.read(*each, much=True) for each in asked))
        assert watched.looked == ["search"] * 3
        assert first.text.startswith(b"id: 1\nevent: rule.paused\ndata: {")
        assert (second.text, third.text) == (b"", b"")

    run(scenario())


def test_nobody_joins_a_look_that_has_begun(ledger: Any, run: Callable[..., Any]) -> None:
    async def scenario() -> None:
        frames, watched = make(ledger)
        watched.free.clear()
        early = asyncio.create_task(frames.read(ALL, 0, much=False))
        await watched.begun.wait()
        happen(ledger)  # committed, and the bell has rung, while the first still waits for its answer
        late = asyncio.create_task(frames.read(ALL, 0, much=False))
        await asyncio.sleep(0)
        watched.free.set()
        assert (await late).next == 1
        await early
        assert watched.looked == ["read", "read"]

    run(scenario())


def test_who_leaves_takes_the_look_from_nobody(ledger: Any, run: Callable[..., Any]) -> None:
    async def scenario() -> None:
        frames, watched = make(ledger)
        happen(ledger)
        watched.free.clear()
        first, second = (asyncio.create_task(frames.read(ALL, 0, much=False)) for _ in range(2))
        await watched.begun.wait()
        first.cancel()
        watched.free.set()
        assert (await second).next == 1
        assert first.cancelled()

    run(scenario())


def test_a_chunk_of_large_events_is_cut(ledger: Any) -> None:
    for _ in range(8):
        happen(ledger, "x" * (SIZE // 4))
    chunk = ledger.ask(read_chunk, ALL, 0)
    assert (chunk.next, chunk.more) == (4, True)
    assert len(chunk.text) < 2 * SIZE


@pytest.mark.parametrize("much", [False, True])
def test_a_gap_comes_first_and_moves_the_place(ledger: Any, run: Callable[..., Any], much: bool) -> None:
    async def scenario() -> None:
        frames, _ = make(ledger)
        happen(ledger)
        chunk = await frames.read(ALL, 7, much=much)
        assert chunk.text == b'id: 1\nevent: gap\ndata: {"after":7,"next":1,"reason":"restored"}\n\n'
        assert (chunk.next, chunk.more) == (1, False)

    run(scenario())
