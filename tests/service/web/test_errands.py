"""Giving a task up, and its seed, against simulated gateways."""

from typing import Any

import pytest
from starlette.responses import Response

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def slow(start_simulated: Any) -> Any:
    """Before a gateway whose work takes a minute."""
    with start_simulated("midjourney-proxy-plus", grid_seconds=60.0) as running:
        yield running


def cancel(ringback: Any, task_id: str) -> Any:
    return ringback.post(f"/v1/tasks/{task_id}/cancel")


def seed(ringback: Any, task_id: str) -> Any:
    return ringback.get(f"/v1/tasks/{task_id}/image-seed")


def test_what_was_not_sent_yet_is_withdrawn(start_ringback: Any) -> None:
    with start_ringback(RINGBACK_GATEWAY_URL="http://127.0.0.1:9") as ringback:
        task = ringback.postponed()
        answer = cancel(ringback, task["id"])
        assert (answer.status_code, answer.json()["status"]) == (200, "CANCEL")
        assert answer.json()["withdrawn"] == 1
        assert (answer.json()["fail_kind"], answer.json()["submission"]) == ("cancelled", "rejected")
        events = ringback.get(f"/v1/tasks/{task['id']}/events").json()["events"]
        assert [event["type"] for event in events] == ["task.cancelled", "chain.settled"]
        again = cancel(ringback, task["id"])
        assert (again.status_code, again.json()["detail"]) == (409, "It has ended: it is CANCEL.")


def test_what_waits_of_a_chain_is_withdrawn_and_the_rest_stays(ringback: Any) -> None:
    grid = ringback.grid()
    ringback.post("/v1/pause")
    try:
        children = [ringback.post(f"/v1/tasks/{grid['id']}/click", {"button": each}).json() for each in ("U1", "U2")]
        answer = ringback.post(f"/v1/tasks/{children[0]['id']}/cancel", {"chain": True})
        assert (answer.status_code, answer.json()["status"], answer.json()["withdrawn"]) == (200, "CANCEL", 2)
    finally:
        ringback.post("/v1/resume")
    assert ringback.task(grid["id"])["status"] == "SUCCESS"
    assert ringback.task(children[1]["id"])["status"] == "CANCEL"
    assert ringback.post(f"/v1/tasks/{grid['id']}/cancel", {"chain": True}).json()["withdrawn"] == 0


def test_what_a_gateway_works_on_is_given_up_there(slow: Any) -> None:
    ringback = slow.ringback
    task = ringback.open()
    ringback.get("/v1/events", task=task["id"], type="task.submitted", wait=10)
    assert cancel(ringback, task["id"]).status_code == 200
    assert slow.wait(task["id"])["status"] == "CANCEL"
    assert slow.books()["counts"]["cancelled"] == 1


def test_what_a_gateway_refuses_is_told_with_its_code(slow: Any) -> None:
    task = slow.ringback.open()
    slow.ringback.get("/v1/events", task=task["id"], type="task.submitted", wait=10)
    answer = seed(slow.ringback, task["id"])
    assert (answer.status_code, answer.json()["gateway_code"]) == (409, 4)
    assert answer.json()["detail"] == "The gateway refused: 关联任务状态错误"


def test_what_a_gateway_cannot_do_is_501(ringback: Any) -> None:
    task = ringback.open()
    ringback.call_back(task["id"], "IN_PROGRESS", progress="1%")
    for answer in (cancel(ringback, task["id"]), seed(ringback, task["id"])):
        assert (answer.status_code, "The gateway cannot do that" in answer.json()["detail"]) == (501, True)


def test_a_seed_is_told(simulated: Any) -> None:
    task = simulated.ask(prompt="x")
    answer = seed(simulated.ringback, task["id"])
    assert answer.status_code == 200
    assert answer.json()["seed"].isdigit()


def test_nobody_is_asked_about_what_has_no_name(ringback: Any) -> None:
    ringback.gateway.answer = lambda _: Response(status_code=500)
    try:
        task = ringback.open()
        ringback.gateway.wait_for(task["id"])
        ringback.get("/v1/events", task=task["id"], type="task.unknown", wait=10)
    finally:
        ringback.gateway.answer = None
    for answer in (cancel(ringback, task["id"]), seed(ringback, task["id"])):
        assert (answer.status_code, answer.json()["detail"]) == (
            409,
            "Its gateway has not named it yet: its submission is unknown.",
        )


def test_a_task_that_is_none_is_404(ringback: Any) -> None:
    assert cancel(ringback, "8999999999999999").status_code == 404
    assert seed(ringback, "8999999999999999").status_code == 404
