"""Submits: through the ledger, to a gateway that answers as it likes, and back to the client under our id."""

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from hooks.seal import Sealer
from storage.tasks import read_task
from tests.service.conftest import SECRET_KEY

pytestmark = pytest.mark.journey

OURS = 16  # digits of an id of ours


@pytest.fixture(autouse=True)
def obliging(ringback: Any) -> Iterator[None]:
    """A gateway that accepts again after each test."""
    yield
    ringback.gateway.answer = None


@contextmanager
def answering(ringback: Any, **body: Any) -> Iterator[None]:
    status = body.pop("http_status", 200)
    ringback.gateway.answer = lambda _: JSONResponse(body, status)
    yield
    ringback.gateway.answer = None


def grid(ringback: Any, client: Any, **fields: Any) -> str:
    """A finished grid, made through the facade."""
    task_id: str = client.accepted("imagine", prompt="一只猫 --ar 16:9", **fields)
    ringback.succeed(task_id)
    return task_id


def kept_hook(ringback: Any, task_id: str) -> Any:
    """The URL that is told about a task, from under its seal."""
    rows = ringback.service.store.query(
        lambda db: db.execute("SELECT sealed FROM subscriptions WHERE task_id = ?", (task_id,)).fetchall()
    )
    assert len(rows) <= 1
    return json.loads(Sealer([SECRET_KEY]).open(rows[0][0]))["url"] if rows else None


def test_a_submit_carries_our_hook_and_gives_the_client_its_own_state_back(ringback: Any, client: Any) -> None:
    body = {"base64Array": [], "notifyHook": "https://c.example/hook", "prompt": "Cat --ar 16:9", "state": "mine"}
    said = client.submit("imagine", **body, accountFilter={"remark": "x"}, noStorage=True)
    assert (said["code"], said["description"], len(said["result"])) == (1, "提交成功", OURS)
    sent = ringback.gateway.wait_for(said["result"])
    assert (sent["prompt"], sent["state"]) == ("Cat --ar 16:9", said["result"])
    assert sent["notifyHook"].startswith(ringback.url)
    assert (sent["accountFilter"], sent["noStorage"]) == ({"remark": "x"}, True)
    assert "base64Array" not in sent
    row = client.fetch(said["result"])
    assert (row["state"], row["prompt"], row["status"]) == ("mine", "Cat --ar 16:9", "NOT_START")
    task = ringback.task(said["result"])
    assert (task["origin"], task["params"]) == ("facade", {"ar": "16:9"})
    assert kept_hook(ringback, task["id"]) == "https://c.example/hook"


@pytest.mark.parametrize(
    ("body", "code", "description"),
    [
        ({"code": 22, "description": "排队中，前面还有3个任务", "result": "5"}, 22, "排队中，前面还有3个任务"),
        ({"code": 24, "description": "可能包含敏感词", "properties": {"bannedWord": "x"}}, 24, "可能包含敏感词"),
        ({"code": 3, "description": "账号错误"}, 3, "账号错误"),
        ({"code": 4, "description": "prompt_is_required ", "http_status": 400}, 4, "prompt_is_required"),
        ({"error": {"message": "余额不足", "type": "new_api_error"}, "http_status": 403}, 9, "提交失败: 余额不足"),
        ({"code": 5, "description": "do_request_failed", "http_status": 400}, 22, "排队中，前面还有0个任务"),
    ],
)
def test_what_the_gateway_says_is_told_under_our_id(
    ringback: Any, client: Any, body: dict[str, Any], code: int, description: str
) -> None:
    with answering(ringback, **body):
        said = client.submit("imagine", prompt="Cat")
    assert (said["code"], said["description"]) == (code, description)
    assert said["properties"].get("bannedWord") == body.get("properties", {}).get("bannedWord")
    if code == 22:
        assert len(said["result"]) == OURS
    else:
        assert said["result"] is None


def test_a_full_gateway_is_a_queue_of_ours(start_ringback: Callable[..., Any], make_client: Any) -> None:
    with start_ringback() as ringback, make_client(ringback) as client:
        ringback.gateway.answer = lambda _: JSONResponse({"code": 23, "description": "队列已满，请稍后尝试"})
        first = client.submit("imagine", prompt="a")
        assert (first["code"], first["properties"]) == (22, {"numberOfQueues": 0})
        ringback.gateway.answer = None
        assert ringback.gateway.wait_for(first["result"])["prompt"] == "a"


def test_a_gateway_that_hangs_is_waited_for_so_long_and_then_the_task_goes_on(
    start_ringback: Callable[..., Any], make_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.web.facade.submits.ANSWER_WITHIN", 0.1)
    gate = threading.Event()
    with start_ringback() as ringback, make_client(ringback) as client:

        def hang(body: dict[str, Any]) -> Response:
            gate.wait(10)
            return JSONResponse({"code": 1, "result": ringback.gateway.ids[body["state"]]})

        ringback.gateway.answer = hang
        said = client.submit("imagine", prompt="Cat")
        assert (said["code"], said["description"]) == (22, "排队中，前面还有0个任务")
        assert client.fetch(said["result"])["status"] == "NOT_START"
        assert ringback.call_back(said["result"], "IN_PROGRESS", progress="31%").status_code == 200
        assert client.fetch(said["result"])["progress"] == "31%"
        gate.set()
        ringback.succeed(said["result"])
        assert client.fetch(said["result"])["status"] == "SUCCESS"


def test_a_large_submit_has_had_its_turn_before_the_gateway_answers(
    start_ringback: Callable[..., Any], make_client: Any, monkeypatch: pytest.MonkeyPatch, png: str
) -> None:
    monkeypatch.setattr("service.web.turns.Turns.__init__.__kwdefaults__", {"places": 1, "within": 20.0})
    large = (
        f"{png.partition(',')[0]},{base64.b64encode(base64.b64decode(png.partition(',')[2]) + bytes(2**20)).decode()}"
    )
    gate = threading.Event()
    with start_ringback() as ringback, make_client(ringback) as client:

        def hang(body: dict[str, Any]) -> Response:
            gate.wait(10)
            return JSONResponse({"code": 1, "result": ringback.gateway.ids[body["state"]]})

        ringback.gateway.answer = hang
        answers: list[dict[str, Any]] = []
        caller = threading.Thread(target=lambda: answers.append(client.submit("describe", base64=large)))
        caller.start()
        with ringback.gateway._came:
            ringback.gateway._came.wait_for(lambda: ringback.gateway.submitted, 10)
        began = time.monotonic()
        said = client.submit("describe", base64="A" * 2 * 2**20)
        assert (said["description"][:10], answers) == ("base64格式错误", [])
        assert time.monotonic() - began < 10  # and not the 20 s of the first one's wait
        gate.set()
        caller.join(10)
        assert answers[0]["code"] == 1


def test_a_stop_keeps_no_client_waiting(start_ringback: Callable[..., Any], make_client: Any) -> None:
    gate = threading.Event()
    with start_ringback() as ringback, make_client(ringback) as client:

        def hang(body: dict[str, Any]) -> Response:
            gate.wait(10)
            return JSONResponse({"code": 1, "result": "1"})

        ringback.gateway.answer = hang
        answers: list[dict[str, Any]] = []
        caller = threading.Thread(target=lambda: answers.append(client.submit("imagine", prompt="Cat")))
        caller.start()
        with ringback.gateway._came:
            ringback.gateway._came.wait_for(lambda: ringback.gateway.submitted, 10)
        began = time.monotonic()
        ringback.stop()
        caller.join(10)
        assert answers[0]["code"] == 22
        assert time.monotonic() - began < 10  # and not the 20 s of a gateway's patience
        gate.set()


def test_a_click_names_the_task_by_our_id_and_may_have_a_state_and_a_hook_of_its_own(
    ringback: Any, client: Any
) -> None:
    root = grid(ringback, client, state="root")
    child = client.accepted(
        "action", taskId=root, customId="MJ::JOB::reroll::0::x::SOLO", state="child", enableRemix=True
    )
    sent = ringback.gateway.wait_for(child)
    assert (sent["taskId"], sent["customId"]) == (ringback.gateway.ids[root], "MJ::JOB::reroll::0::x::SOLO")
    assert (sent["enableRemix"], sent["state"]) == (True, child)
    assert (client.fetch(child)["state"], kept_hook(ringback, child)) == ("child", None)
    other = client.accepted("simple-change", content=f"{root} R", notifyHook="https://c.example/2")
    assert (client.fetch(other)["state"], kept_hook(ringback, other)) == ("", "https://c.example/2")


def test_a_picture_of_a_grid_is_bought_once_however_it_is_asked_for(ringback: Any, client: Any) -> None:
    root = grid(ringback, client)
    first = client.accepted("change", taskId=root, action="UPSCALE", index=1)
    for endpoint, body in (
        ("action", {"customId": "MJ::JOB::upsample::1::x"}),
        ("change", {"action": "UPSCALE", "index": 1}),
    ):
        said = client.submit(endpoint, taskId=root, **body)
        assert (said["code"], said["description"], said["result"]) == (21, "任务已存在", first)
        assert said["properties"] == {"status": "NOT_START", "imageUrl": ""}
    assert client.submit("simple-change", content=f"{root} U1")["result"] == first
    assert sum(body.get("taskId") == ringback.gateway.ids[root] for body in ringback.gateway.submitted.values()) == 1


def test_a_gateway_that_did_it_before_names_that_task(ringback: Any, client: Any) -> None:
    root = grid(ringback, client)
    existing = {"status": "SUCCESS", "imageUrl": "https://cdn.example/u1.png"}
    with answering(ringback, code=21, description="任务已存在", result="1741531578009999", properties=existing):
        said = client.submit("action", taskId=root, customId="MJ::JOB::upsample::1::x")
    assert (said["code"], said["description"], said["properties"]) == (21, "任务已存在", existing)
    assert ringback.task(said["result"])["gateway_id"] == "1741531578009999"


def test_a_bookmark_is_answered_with_its_parents_id(ringback: Any, client: Any) -> None:
    root = grid(ringback, client)
    with answering(ringback, code=1, description="成功", result=ringback.gateway.ids[root]):
        said = client.submit("action", taskId=root, customId="MJ::BOOKMARK::x")
    assert (said["code"], said["result"]) == (1, root)


def test_a_window_is_answered_at_its_own_task(ringback: Any, client: Any, png: str) -> None:
    root = grid(ringback, client)
    with answering(ringback, code=21, description="Waiting for window confirm", result="1741531578005555"):
        opened = client.submit("action", taskId=root, customId="MJ::Inpaint::1::x::SOLO", notifyHook="https://c/1")
    assert (opened["code"], opened["properties"]) == (21, {"remix": True})
    window = opened["result"]
    assert client.fetch(window)["status"] == "MODAL"
    with answering(ringback, code=4, description="prompt不能为空"):
        refused = client.submit("modal", taskId=window, maskBase64="", prompt="")
    assert (refused["code"], refused["description"]) == (4, "prompt不能为空")
    assert client.fetch(window)["status"] == "MODAL", "and may be answered again"
    said = client.submit("modal", taskId=window, prompt="a hat", maskBase64=png, notifyHook="https://c/2")
    assert (said["code"], said["result"], kept_hook(ringback, window)) == (1, window, "https://c/2")
    sent = ringback.gateway.submitted[window]
    assert (sent["taskId"], sent["prompt"], sent["maskBase64"]) == ("1741531578005555", "a hat", png)
    again = client.submit("modal", taskId=window, prompt="x")
    assert (again["code"], again["description"]) == (4, "关联任务状态错误")


def test_what_cannot_be_clicked_is_refused_in_a_gateways_words(ringback: Any, client: Any) -> None:
    sent = len(ringback.gateway.submitted)
    unknown = client.submit("action", taskId="404", customId="MJ::JOB::upsample::1::x")
    assert (unknown["code"], unknown["description"]) == (3, "关联任务不存在或已失效")
    assert client.submit("modal", taskId="404")["code"] == 3
    working = client.accepted("imagine", prompt="Cat")
    unfinished = client.submit("change", taskId=working, action="UPSCALE", index=1)
    assert (unfinished["code"], unfinished["description"]) == (4, "关联任务状态错误")
    assert client.submit("video", prompt="on", action="extend", taskId=working, index=0)["code"] == 4
    ringback.succeed(working)
    assert client.submit("action", taskId=working, customId="MJ::Fly")["description"] == "未知的 Action 类型"
    assert client.submit("modal", taskId=working)["description"] == "关联任务状态错误"
    assert len(ringback.gateway.submitted) == sent + 1


def test_pictures_are_looked_at_before_anything_is_sent(ringback: Any, client: Any, png: str) -> None:
    sent = len(ringback.gateway.submitted)
    # As a reseller's page prints it: no picture.
    printed = client.submit("blend", base64Array=["data:image/png;base64,xxx1", "data:image/png;base64,xxx2"])
    assert (printed["code"], printed["description"][:10]) == (4, "base64格式错误")
    assert client.submit("describe", link="http://127.0.0.1:1/x.png")["code"] == 4, "an address behind our guard"
    assert len(ringback.gateway.submitted) == sent
    blended = client.accepted("blend", base64Array=[png, png.partition(",")[2]], dimensions="PORTRAIT")
    body = ringback.gateway.wait_for(blended)
    assert (body["base64Array"], body["dimensions"]) == ([png, png], "PORTRAIT")


def test_a_task_of_a_gateway_that_is_gone_is_not_clicked(
    start_ringback: Callable[..., Any], make_client: Any, tmp_path: Any
) -> None:
    database = str(tmp_path / "moved.db")
    with start_ringback(RINGBACK_DATABASE=database) as ringback, make_client(ringback) as client:
        task = grid(ringback, client)
    with (
        start_ringback(RINGBACK_DATABASE=database, RINGBACK_GATEWAY="new-api") as ringback,
        make_client(ringback) as client,
    ):
        said = client.submit("change", taskId=task, action="UPSCALE", index=1)
        assert (said["code"], said["description"]) == (4, "该任务所属渠道已被禁用")
        assert ringback.service.store.query(read_task, task).gateway == "midjourney-proxy"
