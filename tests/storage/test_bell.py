"""The bell wakes who listens, and forgets nothing between two waits."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from storage.bell import PAUSE, Bell


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop whose time stands still while there is something to do, and otherwise jumps to the next timer."""

    def __init__(self) -> None:
        self.now = 1000.0
        loop = self

        class Selector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
            def select(self, timeout: float | None = None) -> Any:
                loop.now += timeout or 0.0
                return super().select(0)

        super().__init__(Selector())

    def time(self) -> float:
        return self.now


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a scenario by the time of such a loop."""

    def run_one(scenario: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            return runner.run(scenario)

    return run_one


def test_a_ring_before_the_wait_is_not_missed_and_counts_once() -> None:
    async def main() -> list[bool]:
        bell = Bell()
        with bell.listen("events") as listener:
            bell.ring({"events"})
            bell.ring({"events", "submissions"})
            return [await listener.wait(5), await listener.wait(0)]

    assert asyncio.run(main()) == [True, False]


def test_everyone_who_listens_wakes_and_nobody_else() -> None:
    async def main() -> list[bool]:
        bell = Bell()
        with (
            bell.listen("events") as one,
            bell.listen("events", "submissions") as both,
            bell.listen("submissions") as other,
        ):
            waits = [asyncio.create_task(each.wait(5)) for each in (one, both)]
            await asyncio.sleep(0)
            bell.ring(["events"])
            return [*await asyncio.gather(*waits), await other.wait(0)]

    assert asyncio.run(main()) == [True, True, False]


def test_who_left_is_forgotten_and_ringing_for_nobody_is_fine() -> None:
    async def main() -> bool:
        bell = Bell()
        with bell.listen("events") as listener:
            pass
        bell.ring({"events", "submissions", "of the future"})
        return await listener.wait(0)

    assert asyncio.run(main()) is False


def test_an_event_of_a_task_wakes_who_listens_to_that_task_alone() -> None:
    async def main() -> list[bool]:
        bell = Bell()
        with bell.listen("8000000000000001") as one, bell.listen("8000000000000002") as other:
            bell.ring({"events", "8000000000000001"})
            return [await one.wait(0), await other.wait(0)]

    assert asyncio.run(main()) == [True, False]


def test_who_listens_to_all_events_wakes_at_once_and_then_only_now_and_then(run: Callable[..., Any]) -> None:
    async def main() -> list[float]:
        bell, clock = Bell(), asyncio.get_running_loop().time
        began, woken = clock(), []

        async def listen() -> None:
            with bell.listen("events") as listener:
                while await listener.wait(1):
                    woken.append(round((clock() - began) / PAUSE, 3))

        listening = asyncio.create_task(listen())
        for _ in range(25):
            await asyncio.sleep(PAUSE / 10)
            bell.ring({"events"})
        await listening
        return woken

    assert run(main()) == [0.1, 1.1, 2.1, 3.1]  # the last of 25 rings, at 2.5, is heard at 3.1


def test_a_pause_of_all_events_makes_no_other_topic_wait(run: Callable[..., Any]) -> None:
    async def main() -> list[bool]:
        bell = Bell()
        with bell.listen("events") as events, bell.listen("submissions", "8000000000000001") as other:
            heard = []
            for topic in ("submissions", "8000000000000001"):
                bell.ring({"events", topic})
                heard += [await events.wait(0), await other.wait(0)]
            return heard

    assert run(main()) == [True, True, False, True]


def test_after_a_pause_the_first_ring_is_heard_at_once_again(run: Callable[..., Any]) -> None:
    async def main() -> list[bool]:
        bell = Bell()
        with bell.listen("events") as listener:
            heard = []
            for _ in range(2):
                bell.ring({"events"})
                heard.append(await listener.wait(0))
                await asyncio.sleep(PAUSE * 1.01)
            return heard

    assert run(main()) == [True, True]


def test_everyone_can_be_woken_whatever_they_listen_to(run: Callable[..., Any]) -> None:
    async def main() -> list[bool]:
        bell = Bell()
        with bell.listen("events") as events, bell.listen("8000000000000001") as task:
            bell.ring({"events"})
            await events.wait(0)
            bell.wake_all()  # also in a pause
            return [await events.wait(0), await task.wait(0)]

    assert run(main()) == [True, True]


def test_the_bell_keeps_no_trace_of_tasks_to_which_nobody_listens_any_more() -> None:
    async def main() -> None:
        bell = Bell()
        with bell.listen("8000000000000001"), bell.listen("8000000000000001", "events"):
            pass
        bell.ring({"events", "8000000000000001"})
        assert bell._listeners == {}

    asyncio.run(main())
