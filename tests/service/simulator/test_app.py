"""The app as a whole."""

import asyncio

import httpx

from service.simulator.app import create_simulator
from service.simulator.options import SimulatorOptions


async def live_and_leave() -> tuple[int, int]:
    """How many asyncio tasks run beside us while the app lives, and after it has left."""
    app = create_simulator(SimulatorOptions(grid_seconds=600, vices={"delay": 600.0}))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as client:
            body = {"prompt": "猫", "notifyHook": "http://hook.test/"}
            answer = await client.post("/mj/submit/imagine", json=body)
            task_id = answer.json()["result"]
            while (await client.get(f"/mj/task/{task_id}/fetch")).json()["status"] != "SUBMITTED":
                pass
        alive = len(asyncio.all_tasks()) - 1
    return alive, len(asyncio.all_tasks()) - 1


def test_all_work_ends_with_the_lifespan() -> None:
    # The task at work, and its callback on its way.
    assert asyncio.run(live_and_leave()) == (2, 0)
