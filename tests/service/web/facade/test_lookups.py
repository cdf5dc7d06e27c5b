"""What is asked about tasks: answered from the ledger, under the id that the client knows."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from starlette.responses import JSONResponse

pytestmark = pytest.mark.journey

OLD = "1320098173412546"  # an id from before the move


def row(gateway_id: str, **fields: Any) -> dict[str, Any]:
    basics = {"id": gateway_id, "action": "IMAGINE", "status": "SUCCESS", "progress": "100%", "prompt": "from before"}
    return basics | {"imageUrl": f"https://cdn.example/{gateway_id}.png", "state": "theirs"} | fields


def page(client: Any, **conditions: Any) -> dict[str, Any]:
    answer = client.http.post("/mj/task/query", json=conditions)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_a_task_is_fetched_without_asking_the_gateway(ringback: Any, client: Any) -> None:
    task = client.accepted("imagine", prompt="Cat", state="mine")
    ringback.succeed(task, startTime=1_741_531_580_190, properties={"finalPrompt": "a cat", "messageId": "12"})
    shown = client.fetch(task)
    assert (shown["id"], shown["status"], shown["progress"], shown["state"]) == (task, "SUCCESS", "100%", "mine")
    assert (shown["startTime"], shown["imageUrl"]) == (1_741_531_580_190, "https://cdn.example/1.png")
    assert shown["properties"]["messageId"] == "12"
    assert [button["label"] for button in shown["buttons"]][:4] == ["U1", "U2", "U3", "U4"]


@pytest.mark.parametrize("path", ["list-by-condition", "list-by-ids"])
def test_a_list_has_what_is_known_and_nothing_of_the_rest(ringback: Any, client: Any, path: str) -> None:
    tasks = [client.accepted("imagine", prompt="Cat") for _ in range(2)]
    by_gateway = ringback.gateway.ids[tasks[1]]
    answer = client.http.post(f"/mj/task/{path}", json={"ids": [int(tasks[0]), "404", by_gateway, tasks[0], None]})
    assert [each["id"] for each in answer.json()] == [tasks[0], by_gateway, tasks[0]]
    assert client.http.post(f"/mj/task/{path}", json={}).json() == []
    assert client.http.post(f"/mj/task/{path}", json={"ids": "x"}).json() == []
    # No 200: from those, clients read an array.
    for many in (["1"] * 1001, [str(number) for number in range(301)]):
        refused = client.http.post(f"/mj/task/{path}", json={"ids": many})
        assert (refused.status_code, refused.json()["code"]) == (400, 4)


def test_lists_and_queue_show_the_latest_and_what_is_at_work(
    start_ringback: Callable[..., Any], make_client: Callable[..., Any]
) -> None:
    with start_ringback() as ringback, make_client(ringback) as client:
        tasks = [client.accepted("imagine", prompt=f"Cat {number}") for number in range(3)]
        ringback.succeed(tasks[1])
        ringback.gateway.answer = lambda _: JSONResponse({"code": 4, "description": "no"})
        refused = ringback.get(f"/v1/tasks/{ringback.open()['id']}", wait=10).json()["id"]
        assert [each["id"] for each in client.http.get("/mj/task/list").json()] == [refused, *reversed(tasks)]
        assert [each["id"] for each in client.http.get("/mj/task/queue").json()] == [tasks[0], tasks[2]]


def test_a_page_is_found_by_its_conditions(start_ringback: Callable[..., Any], make_client: Callable[..., Any]) -> None:
    with start_ringback() as ringback, make_client(ringback) as client:
        tasks = [client.accepted("imagine", prompt=f"Cat {number}", state=f"s{number}") for number in range(5)]
        ringback.succeed(tasks[0], action="IMAGINE")
        ringback.call_back(tasks[1], "FAILURE", failReason="任务超时")

        def ids(**conditions: Any) -> list[str]:
            return [each["id"] for each in page(client, **conditions)["content"]]

        assert ids() == list(reversed(tasks))
        assert ids(sort="id,asc") == tasks
        assert ids(pageSize=2, pageNumber=1) == [tasks[2], tasks[1]]
        assert ids(status="SUCCESS") == [tasks[0]]
        assert ids(statusSet=["SUCCESS", "FAILURE"]) == [tasks[1], tasks[0]]
        assert ids(state="s3") == [tasks[3]]
        assert ids(prompt="cat 4") == [tasks[4]]
        assert ids(failReason="超时") == [tasks[1]]
        assert ids(action="IMAGINE", id=tasks[2]) == [tasks[2]]
        assert ids(action="BLEND") == []
        assert ids(ids=[tasks[0], ringback.gateway.ids[tasks[4]], "404"]) == [tasks[4], tasks[0]]
        assert ids(ids=["404"]) == []
        whole = page(client, pageSize=2, pageNumber=2)
        assert {name: value for name, value in whole.items() if name != "content"} == {
            **{"number": 2, "size": 2, "numberOfElements": 1, "totalElements": 5, "totalPages": 3},
            **{"first": False, "last": True, "empty": False},
        }
        assert page(client, pageNumber=99)["empty"]
        for odd in ({"pageSize": -1}, {"pageNumber": -1}, {"pageNumber": 10**17}):
            assert page(client, **odd)["code"] == 4


def test_an_unknown_id_is_asked_for_once_and_adopted(
    start_ringback: Callable[..., Any], make_client: Callable[..., Any]
) -> None:
    with start_ringback() as ringback, make_client(ringback) as client:
        ringback.gateway.rows = [row(OLD, buttons=[{"customId": "MJ::JOB::upsample::1::y", "label": "U1"}]), row("7")]
        shown = client.fetch(OLD)
        assert (shown["id"], shown["state"], shown["prompt"]) == (OLD, "theirs", "from before")
        assert shown["imageUrl"] == f"https://cdn.example/{OLD}.png"
        ringback.gateway.rows = []  # and never again
        assert client.fetch(OLD) == shown
        adopted = ringback.get("/v1/tasks").json()["tasks"]
        assert [(each["gateway_id"], each["origin"]) for each in adopted] == [(OLD, "adopted")]
        # It is clicked under the id that the client has for it.
        child = client.accepted("action", taskId=OLD, customId="MJ::JOB::upsample::1::y")
        assert ringback.gateway.wait_for(child)["taskId"] == OLD
        assert client.fetch(child)["state"] == ""


def test_an_id_that_nobody_knows_is_refused_and_remembered(
    start_ringback: Callable[..., Any], make_client: Callable[..., Any]
) -> None:
    with start_ringback() as ringback, make_client(ringback) as client:
        for _ in range(2):
            answer = client.http.get("/mj/task/404/fetch")
            assert (answer.status_code, answer.json()["code"]) == (400, 4)
            assert answer.json()["description"] == "task_no_found"
            ringback.gateway.rows = [row("404")]  # too late: it was asked for a moment ago
        # What looks like an id of ours is no gateway's.
        ringback.gateway.rows = [row("8999999999999999")]
        assert client.http.get("/mj/task/8999999999999999/fetch").status_code == 400


def test_a_gateway_that_cannot_be_asked_proves_nothing(
    start_ringback: Callable[..., Any], make_client: Callable[..., Any]
) -> None:
    with start_ringback() as ringback, make_client(ringback) as client:
        ringback.gateway.list_status = 500
        answer = client.http.get(f"/mj/task/{OLD}/fetch")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["error"]["message"] == answer.json()["description"]
        known = client.accepted("imagine", prompt="Cat")
        listed = client.http.post("/mj/task/list-by-condition", json={"ids": [known, OLD]})
        clicked = client.http.post("/mj/submit/change", json={"taskId": OLD, "action": "UPSCALE", "index": 1})
        cancelled, seed = client.http.post(f"/mj/task/{OLD}/cancel"), client.http.get(f"/mj/task/{OLD}/image-seed")
        assert [each.status_code for each in (listed, clicked, cancelled, seed)] == [503] * 4
        assert len(client.http.post("/mj/task/list-by-condition", json={"ids": [known]}).json()) == 1
        ringback.gateway.list_status, ringback.gateway.rows = 200, [row(OLD)]
        assert client.fetch(OLD)["status"] == "SUCCESS"


def test_a_row_with_a_state_of_ours_is_that_task(
    start_ringback: Callable[..., Any], make_client: Callable[..., Any]
) -> None:
    with start_ringback() as ringback, make_client(ringback) as client:
        ringback.gateway.answer = lambda _: JSONResponse({"code": 5, "description": "do_request_failed"}, 400)
        task = client.submit("imagine", prompt="Cat")["result"]
        ringback.gateway.rows = [row(OLD, state=task)]
        assert client.fetch(OLD)["state"] == ""
        assert ringback.task(task)["gateway_id"] == OLD
        assert len(ringback.get("/v1/tasks").json()["tasks"]) == 1


def test_a_task_that_waits_is_cancelled_here(
    start_ringback: Callable[..., Any], make_client: Callable[..., Any]
) -> None:
    with start_ringback() as ringback, make_client(ringback) as client:
        ringback.gateway.answer = lambda _: JSONResponse({"code": 23, "description": "队列已满，请稍后尝试"})
        task = client.submit("imagine", prompt="Cat")["result"]
        said = client.http.post(f"/mj/task/{task}/cancel").json()
        assert (said["code"], said["result"]) == (1, task)
        assert client.fetch(task)["status"] == "CANCEL"
        assert client.http.post(f"/mj/task/{task}/cancel").json()["code"] == 9
        assert client.http.post("/mj/task/404/cancel").json()["code"] == 3


def test_a_seed_is_that_of_a_finished_picture(ringback: Any, client: Any) -> None:
    task = client.accepted("imagine", prompt="Cat")
    early, unknown = (client.http.get(f"/mj/task/{each}/image-seed") for each in (task, "405"))
    assert (early.status_code, early.json()["code"]) == (400, 4)
    assert (unknown.status_code, unknown.json()["code"]) == (404, 3)
    ringback.succeed(task)
    assert client.http.get(f"/mj/task/{task}/image-seed").json()["code"] == 9, "this gateway has no such call"


def test_a_picture_is_found_by_key_or_by_the_link_that_was_handed_out(ringback: Any, client: Any) -> None:
    task, other = (client.accepted("imagine", prompt="Cat") for _ in range(2))
    assert "pictureUrl" not in client.fetch(task)["properties"]
    assert client.http.get(f"/mj/image/{task}").status_code == 404
    ringback.succeed(task)
    ringback.succeed(other)
    led = client.http.get(f"/mj/image/{task}")
    assert (led.status_code, led.headers["location"]) == (302, "https://cdn.example/1.png")
    link = client.fetch(task)["properties"]["pictureUrl"]
    assert link.startswith(f"{ringback.url}/mj/image/{task}?expires=")
    with ringback.stranger() as stranger:
        assert stranger.get(link).headers["location"] == "https://cdn.example/1.png"
        assert stranger.head(link).status_code == 302
        assert stranger.get(link.replace("/mj/", "/mj-fast/mj/")).status_code == 302
        for wrong in (link.replace(task, other), link.replace("expires=1", "expires=2"), f"/mj/image/{task}"):
            assert stranger.get(wrong).status_code == 401
        # It opens the picture, and nothing else.
        assert stranger.get(link.replace("/image/", "/task/").replace("?", "/fetch?")).status_code == 401


def test_many_who_ask_for_the_same_unknown_id_ask_once(
    start_ringback: Callable[..., Any], make_client: Callable[..., Any]
) -> None:
    with start_ringback() as ringback, make_client(ringback) as client:
        ringback.gateway.rows = [row(OLD)]
        found: list[str] = []
        callers = [threading.Thread(target=lambda: found.append(client.fetch(OLD)["id"])) for _ in range(8)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(10)
        assert found == [OLD] * 8
        assert len(ringback.get("/v1/tasks").json()["tasks"]) == 1
