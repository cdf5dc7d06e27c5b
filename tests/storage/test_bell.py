"""The bell wakes who listens, and forgets nothing between two waits."""

import asyncio

from storage.bell import Bell


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
