"""Names that nobody knows, and who is asked about them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from service.gateways.adopter import Adopter, Adoption
from service.gateways.outcomes import LONGEST_ID
from service.web.facade.answers import Refusal
from service.web.facade.finder import MOST_REMEMBERED, MOST_STRANGERS, REMEMBERED, Finder, Missing
from service.web.facade.inquiry import MOST_WAITING, Inquiry
from service.web.problems import Problem
from storage.errors import LedgerBusy
from storage.store import Store

pytestmark = pytest.mark.fault


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


def test_what_was_forgotten_takes_no_room() -> None:
    clock = Clock()
    missing = Missing(clock)
    missing.add(map(str, range(100)))
    clock.now += REMEMBERED
    missing.add(["new"])
    assert len(missing._until) == 1


class Gateway:
    """A gateway that knows nothing, and tells so once it may."""

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []
        self.questions: asyncio.Queue[Sequence[str]] = asyncio.Queue()
        self.may_answer = asyncio.Event()
        self.failing: str | None = None
        self.withheld: dict[str, str] = {}  # what it knows, and why that is not adopted
        self.breaks: Exception | None = None
        self.most_at_once = 0
        self._at_once = 0

    async def adopt(self, _gateway: str, names: Sequence[str]) -> Adoption:
        self.asked.append(names)
        self.questions.put_nowait(names)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        await self.may_answer.wait()
        self._at_once -= 1
        if self.breaks is not None:
            raise self.breaks
        missing = frozenset() if self.failing else frozenset(names) - self.withheld.keys()
        return Adoption(tasks={}, new=frozenset(), missing=missing, withheld=self.withheld, failed=self.failing)


@pytest.fixture
def finder(tmp_path: Path) -> Any:
    async def scene(test: Any) -> None:
        store = Store(tmp_path / "ringback.db")
        store.start(asyncio.get_running_loop())
        gateway = Gateway()
        try:
            await test(Finder(store, cast(Adopter, gateway), ("g",)), gateway)
        finally:
            await asyncio.to_thread(store.close)

    return lambda test: asyncio.run(asyncio.wait_for(scene(test), 10))


def test_who_asks_meanwhile_waits_for_the_same_answer(finder: Any) -> None:
    async def test(finder: Finder, gateway: Gateway) -> None:
        first = asyncio.create_task(finder.find(["1", "2"]))
        assert await gateway.questions.get() == ["1", "2"]
        second = asyncio.create_task(finder.find(["2", "3"]))
        first.cancel()  # its client has left; the others go on
        gateway.may_answer.set()
        assert await second == {}
        assert gateway.asked == [["1", "2"], ["3"]]
        await finder.find(["1", "2", "3", "8000000000000001"])
        assert len(gateway.asked) == 2

    finder(test)


def test_the_unknown_ids_of_many_callers_are_one_question(finder: Any) -> None:
    async def test(finder: Finder, gateway: Gateway) -> None:
        gateway.may_answer.set()
        await asyncio.gather(*(finder.find([str(number)]) for number in range(50)))
        assert sorted(map(len, gateway.asked)) == [50]

    finder(test)


def test_a_gateway_is_asked_one_question_at_a_time(finder: Any) -> None:
    async def test(finder: Finder, gateway: Gateway) -> None:
        callers = [asyncio.create_task(finder.find(map(str, range(at, at + 60)))) for at in range(0, 300, 60)]
        await gateway.questions.get()
        gateway.may_answer.set()
        await asyncio.gather(*callers)
        assert (gateway.most_at_once, [len(names) for names in gateway.asked]) == (1, [100, 100, 100])

    finder(test)


def test_a_list_of_unknown_ids_is_asked_for_to_its_end(finder: Any) -> None:
    async def test(finder: Finder, gateway: Gateway) -> None:
        gateway.may_answer.set()
        names = [str(number) for number in range(MOST_STRANGERS)]
        await finder.find(names)
        assert [len(each) for each in gateway.asked] == [100, 100, 100]
        with pytest.raises(Refusal) as refused:
            await finder.find([f"x{name}" for name in [*names, "more"]])
        assert (refused.value.code, refused.value.status) == (4, 400)
        assert await finder.find([*names, "8000000000000001", "one more"]) == {}, (
            "what is known to be none is no matter"
        )
        assert len(gateway.asked) == 4

    finder(test)


def test_what_no_gateway_would_name_a_task_is_not_asked_for(finder: Any) -> None:
    async def test(finder: Finder, gateway: Gateway) -> None:
        gateway.may_answer.set()
        assert await finder.find(["x" * (LONGEST_ID + 1)] * 2) == {}
        assert gateway.asked == []
        assert await finder.find(["x" * LONGEST_ID]) == {}
        assert len(gateway.asked) == 1

    finder(test)


def test_what_could_not_be_asked_is_not_called_unknown(finder: Any) -> None:
    async def test(finder: Finder, gateway: Gateway) -> None:
        gateway.may_answer.set()
        gateway.failing = "HTTP 500"
        for _ in range(2):
            with pytest.raises(Problem, match="HTTP 500") as told:
                await finder.find(["1"])
            assert told.value.status == 503
        assert len(gateway.asked) == 2, "and it is asked for again"
        gateway.failing = None
        assert await finder.find(["1"]) == {}

    finder(test)


def test_what_is_withheld_fails_nobody_else_in_its_question(finder: Any) -> None:
    async def test(finder: Finder, gateway: Gateway) -> None:
        gateway.may_answer.set()
        gateway.withheld = {"1": "in doubt"}
        first, second = await asyncio.gather(finder.find(["1"]), finder.find(["2"]), return_exceptions=True)
        assert isinstance(first, Problem) and "in doubt" in str(first)
        assert (second, len(gateway.asked)) == ({}, 1)

    finder(test)


def test_a_ledger_that_cannot_adopt_fails_who_asked_and_nobody_after(finder: Any) -> None:
    async def test(finder: Finder, gateway: Gateway) -> None:
        gateway.may_answer.set()
        gateway.breaks = LedgerBusy()
        with pytest.raises(LedgerBusy):
            await finder.find(["1"])
        gateway.breaks = None
        assert await finder.find(["1"]) == {}

    finder(test)


def test_only_so_many_ids_wait_for_their_question() -> None:
    async def test() -> None:
        gateway, learned = Gateway(), set[str]()
        inquiry = Inquiry(cast(Adopter, gateway), "g", learned.update, gathered=0)
        first = asyncio.create_task(inquiry.ask(["first"]))
        await gateway.questions.get()
        waiting = asyncio.create_task(inquiry.ask([str(number) for number in range(MOST_WAITING)]))
        joining = asyncio.create_task(inquiry.ask(["7"]))  # which waits already
        await asyncio.sleep(0)
        assert set(await inquiry.ask(["another"])) == {"another"}
        gateway.may_answer.set()
        assert (await first, await waiting, await joining) == ({}, {}, {})
        assert learned == {"first", *map(str, range(MOST_WAITING))}
        assert await inquiry.ask(["another"]) == {}

    asyncio.run(asyncio.wait_for(test(), 10))


def test_a_gateway_that_hangs_keeps_no_caller_for_ever() -> None:
    async def test() -> None:
        gateway = Gateway()
        inquiry = Inquiry(cast(Adopter, gateway), "g", lambda _: None, gathered=0, patience=0.05)
        assert list(await inquiry.ask(["1"])) == ["1"]
        assert list(await inquiry.ask(["1"])) == ["1"]
        gateway.may_answer.set()
        while await inquiry.ask(["1"]):
            pass
        assert len(gateway.asked) <= 2, "its question went on"

    asyncio.run(asyncio.wait_for(test(), 10))
