"""What was delivered is written down together, and nobody's trouble is another one's."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hooks.receipts import Receipts
from storage.errors import LedgerUnavailable
from storage.records_of_deliveries import Attempt
from storage.store import Store


def attempt(number: int) -> Attempt:
    return Attempt(delivery_id=number, number=1, time=0, took=1, status=204, error=None, detail=None, answer=None)


class Written:
    """What the ledger was given, piece by piece; the piece that holds `broken` fails."""

    def __init__(self) -> None:
        self.pieces: list[list[int]] = []
        self.broken: int | None = None
        self.go_on = threading.Event()
        self.go_on.set()

    def __call__(self, tx: Any, attempts: Sequence[Attempt]) -> None:
        self.go_on.wait(10)
        self.pieces.append([each.delivery_id for each in attempts])
        if self.broken in self.pieces[-1]:
            raise LedgerUnavailable("the disk is full")


@pytest.fixture
def open_receipts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    @asynccontextmanager
    async def open_some() -> AsyncIterator[tuple[Receipts, Written]]:
        written = Written()
        monkeypatch.setattr("hooks.receipts.finish_deliveries", written)
        store = Store(tmp_path / "ringback.db")
        store.start(asyncio.get_running_loop())
        try:
            yield Receipts(store), written
        finally:
            store.close()

    return open_some


def test_those_that_come_together_are_written_together_and_all_of_them_once(run: Any, open_receipts: Any) -> None:
    async def scenario() -> None:
        async with open_receipts() as (receipts, written):
            await asyncio.gather(*(receipts.keep(attempt(number)) for number in range(5)))
            assert written.pieces == [[0, 1, 2, 3, 4]]
            first = asyncio.create_task(receipts.keep(attempt(5)))
            await asyncio.sleep(0)  # it is on its way
            await asyncio.sleep(0)
            await asyncio.gather(first, *(receipts.keep(attempt(number)) for number in range(6, 9)))
            assert written.pieces[1:] == [[5], [6, 7, 8]]

    run(scenario())


def test_while_some_are_being_written_others_gather(run: Any, open_receipts: Any) -> None:
    async def scenario() -> None:
        async with open_receipts() as (receipts, written):
            written.go_on.clear()
            kept = []
            for number in range(4):
                kept.append(asyncio.create_task(receipts.keep(attempt(number))))
                for _ in range(5):
                    await asyncio.sleep(0)
            written.go_on.set()
            await asyncio.gather(*kept)
            assert written.pieces == [[0], [1, 2, 3]]

    run(scenario())


def test_whoever_was_written_with_one_that_failed_hears_of_it_and_the_next_ones_do_not(
    run: Any, open_receipts: Any
) -> None:
    async def scenario() -> None:
        async with open_receipts() as (receipts, written):
            written.broken = 1
            told = await asyncio.gather(
                *(receipts.keep(attempt(number)) for number in range(3)), return_exceptions=True
            )
            assert [type(each) for each in told] == [LedgerUnavailable] * 3
            await receipts.keep(attempt(3))
            assert written.pieces == [[0, 1, 2], [3]]

    run(scenario())


def test_who_goes_away_takes_nobody_along_and_is_written_all_the_same(run: Any, open_receipts: Any) -> None:
    async def scenario() -> None:
        async with open_receipts() as (receipts, written):
            one, other = (asyncio.create_task(receipts.keep(attempt(number))) for number in range(2))
            await asyncio.sleep(0)
            one.cancel()
            await other
            assert one.cancelled()
            assert written.pieces == [[0, 1]]
            last = asyncio.create_task(receipts.keep(attempt(2)))
            await asyncio.sleep(0)
            last.cancel()
            await receipts.close()
            assert written.pieces[1:] == [[2]]

    run(scenario())
