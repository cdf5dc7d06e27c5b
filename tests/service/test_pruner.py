"""Old deliveries are cleared away a slice at a time, with a breath between two."""

import asyncio
from typing import Any

import pytest

from service.pruner import BREATH, PAUSE, Pruner
from storage.deliveries import list_attempts, list_deliveries
from storage.openings import open_task
from storage.outbox import claim_deliveries
from storage.outcomes import RETENTION, finish_deliveries
from storage.queue import claim_due
from storage.records import NewTask
from storage.records_of_deliveries import Attempt, Delivery
from storage.store import Store
from storage.submissions import acknowledge
from storage.subscriptions import open_for_task
from tests.conftest import Clock


async def deliver(store: Store) -> Delivery:
    """A delivery that is done."""
    task = await store.write(open_task, NewTask(gateway="g", action="IMAGINE", prompt="x", origin="api"))
    await store.write(
        open_for_task,
        root_id=task.id,
        host="shop.example:443",
        sealed="…",
        events=("task.*",),
        format="standard",
        origin="task",
    )
    (claim,) = await store.write(claim_due, gateway="g", limit=10)
    await store.write(acknowledge, claim.submission.id, f"g-{task.id}", "submit", {"code": 1})
    (planned,) = await store.read(list_deliveries, task=task.id)
    (claimed,) = await store.write(claim_deliveries, [planned.id])
    attempt = Attempt(
        delivery_id=claimed.id, number=1, time=0, took=1, status=204, error=None, detail=None, answer=None
    )
    await store.write(finish_deliveries, [attempt])
    return claimed


def test_what_was_done_long_ago_is_removed_and_what_is_newer_stays(
    run: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.pruner.SLICE", 2)

    async def scenario() -> None:
        clock = Clock()
        store = Store(tmp_path / "ringback.db", clock=clock)
        store.start(asyncio.get_running_loop())
        old = [await deliver(store) for _ in range(3)]
        clock.now += RETENTION / 1000 + 1
        new = await deliver(store)
        pruner = Pruner(store)
        assert [await pruner.prune() for _ in range(3)] == [BREATH, PAUSE, PAUSE]
        assert [each.id for each in await store.read(list_deliveries)] == [new.id]
        assert await store.read(list_attempts, old[0].id) == []
        assert len(await store.read(list_attempts, new.id)) == 1
        store.close()

    run(scenario())
