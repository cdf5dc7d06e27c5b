"""A program that was written for a gateway moves over by one address: its burst, its clicks and its old ids."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.journeys.processes import API_KEY, GATEWAY_KEY, PATIENCE, wait_until

pytestmark = pytest.mark.journey
TASKS = 20


class Program:
    """It knows one address and one key, and that this is a gateway."""

    def __init__(self, url: str, key: str) -> None:
        self.http = httpx.Client(
            base_url=url, headers={"mj-api-secret": key}, timeout=2 * PATIENCE, trust_env=False, verify=False
        )

    def submit(self, endpoint: str, **body: Any) -> dict[str, Any]:
        return dict(self.http.post(f"/mj/submit/{endpoint}", json=body).json())

    def ended(self, task_id: str) -> dict[str, Any]:
        """What it sees once it has seen the end, asking as such programs do."""
        rows: list[dict[str, Any]] = []

        def look() -> bool:
            rows.append(self.http.get(f"/mj/task/{task_id}/fetch").json())
            return rows[-1]["status"] in ("SUCCESS", "FAILURE")

        wait_until(look, f"{task_id} has ended")
        return rows[-1]


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    made: list[Program] = []
    yield made
    for each in made:
        each.http.close()


def test_a_program_moves_over_by_changing_one_address(stage: Any, programs: list[Program]) -> None:
    gateway, service = stage.play(
        "midjourney-proxy", {"slots": 3, "queue": 5, "grid_seconds": 0.1}, dialect="midjourney-proxy-plus"
    )
    programs += [Program(f"http://127.0.0.1:{service.env['PORT']}", API_KEY), Program(gateway.url, GATEWAY_KEY)]
    program, before = programs
    with ThreadPoolExecutor(TASKS) as pool:
        answers = list(pool.map(lambda number: program.submit("imagine", prompt=f"Cat {number}"), range(TASKS)))
        assert {answer["code"] for answer in answers} <= {1, 22}, "whatever the gateway's queue holds, none is refused"
        grids = list(pool.map(lambda answer: program.ended(answer["result"]), answers))
        assert {grid["status"] for grid in grids} == {"SUCCESS"}
        # A rule clicks U1 as well: whoever is first, it is bought once.
        clicked = list(
            pool.map(lambda grid: program.submit("change", action="UPSCALE", index=1, taskId=grid["id"]), grids)
        )
        assert {answer["code"] for answer in clicked} <= {1, 21, 22}
        assert {row["status"] for row in pool.map(lambda answer: program.ended(answer["result"]), clicked)} == {
            "SUCCESS"
        }
    stage.audit(gateway, service, sorted(grid["id"] for grid in grids))
    # What it submitted before it moved goes on under the id that it has.
    old = before.submit("imagine", prompt="from before", state="mine")["result"]
    assert before.ended(old)["status"] == program.ended(old)["status"] == "SUCCESS"
    assert program.ended(old)["state"] == "mine"
    child = program.submit("action", taskId=old, customId=program.ended(old)["buttons"][0]["customId"])
    assert program.ended(child["result"])["action"] == "UPSCALE"
    listed = program.http.post("/mj/task/list-by-condition", json={"ids": [old, child["result"]]}).json()
    assert [row["id"] for row in listed] == [old, child["result"]]
    assert gateway.books()["double_spends"] == []
