"""Names that nobody knows, and who is asked about them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from service.gateways.adopter import Adopter, Adoption
from service.web.facade.finder import MOST_REMEMBERED, REMEMBERED, Finder, Missing
from storage.store import Store


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_nobody_knows_is_forgotten_in_time() -> None:
    clock = Clock()
    missing = Missing(clock)
    missing.add(frozenset({"1"}))
    assert missing.holds("1")
    assert not missing.holds("2")
    clock.now += REMEMBERED
    assert not missing.holds("1")


def test_the_memory_of_what_nobody_knows_is_bounded() -> None:
    missing = Missing(Clock())
    missing.add(frozenset({"first"}))
    missing.add(frozenset(map(str, range(MOST_REMEMBERED))))
    assert not missing.holds("first")
    assert missing.holds("0")


class Nobody:
    """A gateway that knows nothing, once it was asked."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.questions: asyncio.Queue[Sequence[str]] = asyncio.Queue()
        self.may_answer = asyncio.Event()

    async def adopt(self, gateway: str, names: Sequence[str]) -> Adoption:
        self.asked.append(names)
        self.questions.put_nowait(names)
        await self.may_answer.wait()
        return Adoption(tasks={}, new=frozenset(), missing=frozenset(names), failed=None)


@pytest.fixture
def finder(tmp_path: Path) -> Any:
    async def scene(test: Any) -> None:
        store = Store(tmp_path / "ringback.db")
        store.start(asyncio.get_running_loop())
        nobody = Nobody()
        try:
            await test(Finder(store, cast(Adopter, nobody), ("g",)), nobody)
        finally:
            await asyncio.to_thread(store.close)

    return lambda test: asyncio.run(asyncio.wait_for(scene(test), 10))


def test_who_asks_meanwhile_waits_for_the_same_answer(finder: Any) -> None:
    async def test(finder: Finder, nobody: Nobody) -> None:
        first = asyncio.create_task(finder.find(["1", "2"]))
        assert await nobody.questions.get() == ["1", "2"]
        second = asyncio.create_task(finder.find(["2", "3"]))
        assert await nobody.questions.get() == ["3"]
        first.cancel()  # its client has left; the others go on
        nobody.may_answer.set()
        assert (await second).tasks == {}
        await finder.find(["1", "2", "3", "8000000000000001"])
        assert len(nobody.asked) == 2

    finder(test)


def test_only_so_many_are_asked_about_at_once(finder: Any) -> None:
    async def test(finder: Finder, nobody: Nobody) -> None:
        nobody.may_answer.set()
        names = [str(number) for number in range(250)]
        await finder.find(names)
        await finder.find(names)
        assert [len(each) for each in nobody.asked] == [100, 100]

    finder(test)
