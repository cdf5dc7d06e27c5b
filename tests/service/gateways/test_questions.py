"""What a gateway is asked besides tasks by their ids: to give one up, a seed, all that it has."""

import json
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.gateways.questions import Unanswered

CANCEL, SEED = "/mj/task/7/cancel", "/mj/task/7/image-seed"
QUERY, LATEST = "/mj/task/query", "/mj/task/list"


def said(code: int, description: str = "", result: Any = None, status: int = 200) -> JSONResponse:
    return JSONResponse({"code": code, "description": description, "result": result}, status)


NO_CALL = Unanswered(why="it has no such call", kind="unsupported")
UNFINISHED = Unanswered(why="关联任务状态错误", kind="refused", code=4)


@pytest.mark.parametrize(
    ("answer", "cancelled"),
    [
        (said(1, "成功", "7"), None),
        (Response(), None),
        (Response(status_code=204), None),
        (said(4, "关联任务状态错误"), UNFINISHED),
        (said(4, "关联任务状态错误", status=400), UNFINISHED),
        (said(3, "关联任务不存在", status=404), Unanswered(why="关联任务不存在", kind="refused", code=3)),
        (Response(status_code=404), NO_CALL),
        (Response(status_code=405), NO_CALL),
        (Response(status_code=401), Unanswered(why="HTTP 401")),
        (Response("Bad Gateway", status_code=502), Unanswered(why="HTTP 502: Bad Gateway")),
        (said(1, "成功", "7", status=500), Unanswered(why="HTTP 500: 成功")),
        (Response("<html>", status_code=200), Unanswered(why="HTTP 200: <html>")),
    ],
)
def test_every_answer_to_cancelling_is_understood(
    run: Any, connect: Any, gateway: Any, url: str, answer: Response, cancelled: Unanswered | None
) -> None:
    gateway.answers[CANCEL] = answer

    async def scenario() -> None:
        async with connect(url) as client:
            assert await client.cancel("7") == cancelled

    run(scenario())
    assert gateway.asked[0][:2] == ("POST", CANCEL)


@pytest.mark.parametrize(
    ("answer", "seed"),
    [
        (said(1, "成功", "1234567890123456789"), "1234567890123456789"),
        (said(1, "成功", 4294967296), "4294967296"),
        (said(1, "no seed yet"), Unanswered(why="no seed yet")),
        (said(1), Unanswered(why="it named no seed")),
        (said(4, "关联任务状态错误", status=400), UNFINISHED),
        (Response(status_code=404), NO_CALL),
        (Response(), Unanswered(why="HTTP 200")),
    ],
)
def test_every_answer_about_a_seed_is_understood(
    run: Any, connect: Any, gateway: Any, url: str, answer: Response, seed: str | Unanswered
) -> None:
    gateway.answers[SEED] = answer

    async def scenario() -> None:
        async with connect(url) as client:
            assert await client.read_seed("7") == seed

    run(scenario())


def test_nobody_who_hangs_up_is_an_exception(run: Any, connect: Any) -> None:
    async def scenario() -> None:
        async with connect("http://127.0.0.1:9") as client:
            for answer in (await client.cancel("7"), await client.read_seed("7"), await client.list_all()):
                assert isinstance(answer, Unanswered)
                assert answer.kind == "failed"

    run(scenario())


def row(gateway_id: int) -> dict[str, Any]:
    return {"id": str(gateway_id), "status": "SUCCESS"}


@pytest.mark.parametrize("size", [100, 20])
def test_all_tasks_are_listed_however_short_a_gateways_pages_are(
    run: Any, connect: Any, gateway: Any, url: str, size: int
) -> None:
    async def page(request: Request) -> Response:
        number = json.loads(await request.body())["pageNumber"]
        return JSONResponse({"content": [row(each) for each in range(250)][number * size : (number + 1) * size]})

    gateway.answers[QUERY] = page

    async def scenario() -> None:
        async with connect(url) as client:
            listed = await client.list_all()
            assert sorted(int(each.progress.gateway_id) for each in listed) == list(range(250))

    run(scenario())


def test_a_gateway_that_knows_one_page_alone_is_asked_twice(run: Any, connect: Any, gateway: Any, url: str) -> None:
    gateway.answers[QUERY] = JSONResponse({"content": [row(1), row(2)]})

    async def scenario() -> None:
        async with connect(url) as client:
            assert len(await client.list_all()) == 2

    run(scenario())
    assert gateway.paths == [QUERY, QUERY]


def test_without_pages_the_latest_tasks_are_all_that_is_listed(run: Any, connect: Any, gateway: Any, url: str) -> None:
    gateway.answers[LATEST] = JSONResponse([row(1)])

    async def scenario() -> None:
        async with connect(url) as client:
            assert len(await client.list_all()) == 1
            gateway.answers.clear()
            assert await client.list_all() == Unanswered(why="it has no /task/list", kind="unsupported")

    run(scenario())
