"""Names are looked up on threads of their own, and only so many may wait for one."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hooks.clients import target_client
from hooks.courier import IN_FLIGHT
from hooks.downloads import fetch_picture
from hooks.errors import Crowded, NotFetched
from hooks.resolver import FULL, Resolver, look_up
from hooks.targets import AllowList

pytestmark = pytest.mark.fault

PATIENCE = 10.0  # seconds until a test gives up waiting
Run = Callable[..., Any]


class Hanging:
    """A look-up that answers when it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._go = threading.Event()

    def __call__(self, host: str, *_: Any, **__: Any) -> Any:
        self.asked.append(host)
        assert self._go.wait(PATIENCE)
        return ()

    def let_go(self) -> None:
        self._go.set()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    look_up = Hanging()
    yield look_up
    look_up.let_go()


@pytest.mark.parametrize("host", ["a..b", "a" * 64 + ".example", "\ud800"])
def test_a_name_that_cannot_be_looked_up_has_no_address(host: str) -> None:
    assert look_up(host, 80) == ()


def test_an_address_is_its_own_answer(run: Run) -> None:
    async def scenario() -> None:
        resolver = Resolver()
        assert await resolver("127.0.0.1", 80) == ("127.0.0.1",)
        assert await resolver("::1", None) == ("::1",)
        resolver.close()

    run(scenario())


def test_names_that_hang_take_no_thread_of_the_house(
    run: Run, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        async with target_client(AllowList()) as client:
            urls = [f"https://{number}.slow.example/a.png" for number in range(40)]  # more than the loop has threads
            fetches = [asyncio.create_task(fetch_picture(url, client)) for url in urls]
            try:
                await asyncio.sleep(0)
                assert await asyncio.to_thread(int, "8") == 8
                assert not any(fetch.done() for fetch in fetches)
            finally:
                hanging.let_go()
            ends = await asyncio.gather(*fetches, return_exceptions=True)
            assert {type(end) for end in ends} == {NotFetched}

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    run(scenario())


def test_only_so_many_names_may_wait(run: Run, hanging: Hanging) -> None:
    async def scenario() -> None:
        resolver = Resolver(hanging, threads=2, waiting=1)
        under_way = [asyncio.create_task(resolver(f"{number}.example", 80)) for number in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Crowded, match=f"^one.more.example was not looked up: {FULL}$"):
            await resolver("one.more.example", 80)
        hanging.let_go()
        assert await asyncio.gather(*under_way) == [(), (), ()]
        assert await resolver("one.more.example", 80) == ()
        resolver.close()

    run(scenario())


def test_a_name_is_looked_up_once_however_many_ask(run: Run, hanging: Hanging) -> None:
    async def scenario() -> None:
        resolver = Resolver(hanging, threads=2, waiting=0)
        asking = [asyncio.create_task(resolver("dead.example", 80)) for _ in range(10)]
        await asyncio.sleep(0)
        asking[0].cancel()
        other = asyncio.create_task(resolver("other.example", 80))
        await asyncio.sleep(0)
        hanging.let_go()
        assert await asyncio.gather(*asking[1:], other) == [()] * 10
        assert sorted(hanging.asked) == ["dead.example", "other.example"]
        assert await resolver("dead.example", 80) == ()
        assert len(hanging.asked) == 3
        resolver.close()

    run(scenario())


def test_as_many_dead_names_as_can_be_called_at_once_keep_no_other_waiting(run: Run, hanging: Hanging) -> None:
    def look_up(host: str, port: int | None) -> Any:
        return hanging(host, port) if host.startswith("dead") else ("192.0.2.1",)

    async def scenario() -> None:
        resolver = Resolver(look_up)
        dead = [asyncio.create_task(resolver(f"dead{number}.example", 80)) for number in range(IN_FLIGHT)]
        await asyncio.sleep(0)
        for task in dead:  # their time is over; the system goes on looking
            task.cancel()
        again = [asyncio.create_task(resolver(f"dead{number}x.example", 80)) for number in range(IN_FLIGHT)]
        async with asyncio.timeout(PATIENCE):
            assert await resolver("well.example", 80) == ("192.0.2.1",)
        hanging.let_go()
        await asyncio.gather(*again)
        resolver.close()

    run(scenario())


def test_who_gives_up_waiting_leaves_the_place(run: Run, hanging: Hanging) -> None:
    async def scenario() -> None:
        resolver = Resolver(hanging, threads=1, waiting=1)
        first, second = (asyncio.create_task(resolver(name, None)) for name in ("first.example", "second.example"))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        third = asyncio.create_task(resolver("third.example", None))
        await asyncio.sleep(0)
        hanging.let_go()
        assert await asyncio.gather(first, third) == [(), ()]
        assert hanging.asked == ["first.example", "third.example"]
        resolver.close()

    run(scenario())
