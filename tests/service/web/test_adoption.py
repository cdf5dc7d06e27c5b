"""`POST /v1/tasks/adopt`, against a simulated gateway that somebody used before."""

from typing import Any

import httpx
import pytest
from starlette.responses import Response

from service.gateways.adopter import IN_DOUBT

pytestmark = pytest.mark.journey


@pytest.fixture(scope="module")
def used(start_simulated: Any) -> Any:
    with start_simulated("midjourney-proxy-plus") as running:
        yield running


def submit_elsewhere(used: Any, prompt: str, state: str = "") -> str:
    """Somebody else's task, finished, by the id that the gateway gave it."""
    http: httpx.Client = used.ringback.http
    secret = {"mj-api-secret": "gateway-key-0123456789"}
    said = http.post(f"{used.gateway}/mj/submit/imagine", json={"prompt": prompt, "state": state}, headers=secret)
    gateway_id = str(said.json()["result"])
    while True:
        row = http.get(f"{used.gateway}/mj/task/{gateway_id}/fetch", headers=secret).json()
        if row["status"] == "SUCCESS":
            return gateway_id


def adopt(used: Any, **body: Any) -> Any:
    return used.ringback.post("/v1/tasks/adopt", body)


def test_tasks_from_before_are_adopted_once(used: Any) -> None:
    one, two = submit_elsewhere(used, "一只旧猫", state="theirs"), submit_elsewhere(used, "an old dog")
    answer = adopt(used, ids=[one, "1234567890123456", two, one])
    assert answer.status_code == 200
    results = answer.json()["adopted"]
    assert [(each["id"], each["result"]) for each in results] == [
        (one, "adopted"),
        ("1234567890123456", "missing"),
        (two, "adopted"),
    ]
    task = used.ringback.task(results[0]["task_id"])
    assert (task["status"], task["prompt"], task["origin"]) == ("SUCCESS", "一只旧猫", "adopted")
    assert (task["state"], task["gateway_id"]) == ("theirs", one)
    again = adopt(used, ids=[one, results[2]["task_id"]]).json()["adopted"]
    assert [each["result"] for each in again] == ["known", "known"]
    assert again[0]["task_id"] == results[0]["task_id"]


def test_an_adopted_task_can_be_clicked(used: Any) -> None:
    gateway_id = submit_elsewhere(used, "a cat")
    task_id = adopt(used, ids=[gateway_id]).json()["adopted"][0]["task_id"]
    child = used.ringback.post(f"/v1/tasks/{task_id}/click", {"button": "U1"}).json()
    assert used.wait(child["id"])["status"] == "SUCCESS"


def test_all_that_a_gateway_lists_is_adopted(used: Any) -> None:
    here = used.ask(prompt="ours")
    there = {submit_elsewhere(used, f"number {number}") for number in range(3)}
    results = {each["id"]: each["result"] for each in adopt(used, all=True).json()["adopted"]}
    assert {results[each] for each in there} == {"adopted"}
    assert results[here["gateway_id"]] == "known"
    assert {each["result"] for each in adopt(used, all=True).json()["adopted"]} == {"known"}


def test_what_cannot_be_adopted_says_why(ringback: Any) -> None:
    assert "ids: name some, or say `all`" in adopt_at(ringback, {}).json()["detail"]
    both = adopt_at(ringback, {"ids": ["1"], "all": True, "gateway": "midjourney-prox"}).json()
    assert both["errors"] == [
        "gateway: 'midjourney-prox' is not configured (did you mean 'midjourney-proxy'?)",
        "ids: name some, or say `all`",
    ]
    assert adopt_at(ringback, {"ids": ["1"] * 101}).status_code == 422
    assert adopt_at(ringback, {"all": True}).status_code == 501
    ours = ringback.grid()
    ringback.gateway.list_status = 500
    try:
        failed, known = adopt_at(ringback, {"ids": ["1", ours["gateway_id"]]}).json()["adopted"]
        (alone,) = adopt_at(ringback, {"ids": [ours["gateway_id"]]}).json()["adopted"]  # nobody is asked
    finally:
        ringback.gateway.list_status = 200
    assert known == alone == {"id": ours["gateway_id"], "result": "known", "task_id": ours["id"], "detail": None}
    assert (failed["result"], failed["task_id"]) == ("failed", None)
    assert failed["detail"].startswith("HTTP 500")


def adopt_at(ringback: Any, body: dict[str, Any]) -> Any:
    return ringback.post("/v1/tasks/adopt", body)


@pytest.fixture
def doubtful(ringback: Any) -> Any:
    """A task of which nobody knows whether its gateway has it."""
    ringback.gateway.answer = lambda _: Response(status_code=502)
    try:
        task = ringback.open()
        while ringback.task(task["id"])["submission"] != "unknown":
            ringback.get(f"/v1/tasks/{task['id']}", wait=1)
    finally:
        ringback.gateway.answer = None
    yield task
    ringback.gateway.rows.clear()


def test_what_may_be_one_of_ours_is_told_as_failed_until_that_is_known(ringback: Any, doubtful: Any) -> None:
    ringback.gateway.rows[:] = [{"id": "4711", "status": "SUCCESS", "progress": "100%"}]
    (failed,) = adopt_at(ringback, {"ids": ["4711"]}).json()["adopted"]
    assert failed == {"id": "4711", "result": "failed", "task_id": None, "detail": IN_DOUBT}
    ringback.call_back(doubtful["id"], "SUCCESS", id="4711")
    (known,) = adopt_at(ringback, {"ids": ["4711"]}).json()["adopted"]
    assert (known["result"], known["task_id"]) == ("known", doubtful["id"])


def test_a_time_beyond_all_times_is_no_reason_to_fail(ringback: Any) -> None:
    ringback.gateway.rows[:] = [{"id": "4713", "status": "SUCCESS", "state": "x", "submitTime": 10**30}]
    (adopted,) = adopt_at(ringback, {"ids": ["4713"]}).json()["adopted"]
    ringback.gateway.rows.clear()
    assert adopted["result"] == "adopted"
