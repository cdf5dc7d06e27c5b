"""What a gateway says of its hooks, asked at start and every hour; and the count of questions."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from hooks.clients import fetch_client
from service.gateways.health import HORIZON
from service.gateways.status import LONGEST, ask_status
from service.gateways.watch import REMEMBERED, STATUS_EVERY, Calls, HookWatch
from storage.errors import LedgerUnavailable
from storage.ledger import record
from storage.queue import claim_due
from storage.records import Progress
from storage.submissions import acknowledge

STATUS = "/api/status"


def says(value: Any) -> Response:
    return JSONResponse({"success": True, "data": {"mj_notify_enabled": value, "version": "v1"}})


@pytest.mark.parametrize(
    ("answer", "declared"),
    [
        (says(True), True),
        (says(False), False),
        (says("yes"), None),
        (JSONResponse({"data": {}}), None),
        (JSONResponse([]), None),
        (JSONResponse({"data": {"mj_notify_enabled": True}}, 500), None),
        (Response("<html>"), None),
        (Response(status_code=404), None),
        (Response(b" " * LONGEST + b'{"data": {"mj_notify_enabled": true}}'), None),
    ],
)
def test_the_root_of_its_host_is_asked_without_our_key(
    run: Any, gateway: Any, url: str, key: str, answer: Response, declared: bool | None
) -> None:
    gateway.answers[STATUS] = answer

    async def scenario() -> None:
        async with fetch_client() as http:
            assert await ask_status(http, f"{url}/mj-fast") is declared

    run(scenario())
    assert gateway.paths == [STATUS]
    assert key not in str(gateway.asked)


def test_one_that_cannot_be_reached_says_nothing(run: Any, unused_url: str) -> None:
    async def scenario() -> None:
        async with fetch_client() as http:
            assert await ask_status(http, unused_url) is None

    run(scenario())


def test_it_is_asked_at_start_and_every_hour_and_silence_leaves_what_it_said(
    run: Any, open_house: Callable[..., Any], connect: Any, gateway: Any, url: str
) -> None:
    async def scenario() -> None:
        async with open_house() as house, connect(url) as client, httpx.AsyncClient() as http:
            watch = HookWatch(house.store, client, calls=Calls(), http=http, reachable=True)
            gateway.answers[STATUS] = says(False)
            await watch.watch()
            assert (await watch.judge()).state == "missing"
            house.clock.now += STATUS_EVERY - 1
            await watch.watch()
            assert len(gateway.paths) == 1
            gateway.answers[STATUS] = Response(status_code=502)
            house.clock.now += 1
            await watch.watch()
            assert len(gateway.paths) == 2
            assert (await watch.judge()).declared is False
            house.clock.now -= 10 * HORIZON  # a clock that steps back puts nothing off
            gateway.answers[STATUS] = says(True)
            await watch.watch()
            assert (await watch.judge()).declared is True

    run(scenario())


def test_without_a_public_url_nobody_asks(
    run: Any, open_house: Callable[..., Any], connect: Any, gateway: Any, url: str
) -> None:
    async def scenario() -> None:
        async with open_house() as house, connect(url) as client, httpx.AsyncClient() as http:
            watch = HookWatch(house.store, client, calls=Calls(), http=http, reachable=False)
            await watch.watch()
            assert gateway.paths == []
            assert (await watch.judge()).state == "off"

    run(scenario())


def test_every_free_question_is_counted_once_also_when_the_ledger_could_not_be_written(
    run: Any, open_house: Callable[..., Any], connect: Any, gateway: Any, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.answers["/mj/task/list-by-condition"] = JSONResponse([])

    async def scenario() -> None:
        async with open_house() as house, connect(url) as client, httpx.AsyncClient() as http:
            watch = HookWatch(house.store, client, calls=Calls(), http=http, reachable=True)
            await client.ask(["1", "2"])
            assert (await watch.count_polls()).made == 1
            await client.ask(["1"])
            with monkeypatch.context() as patch:
                patch.setattr(house.store, "write", unwritable)
                with pytest.raises(LedgerUnavailable):
                    await watch.count_polls()
            await client.ask(["1"])
            assert (await watch.count_polls()).made == 3

    run(scenario())


def test_calls_that_come_after_the_asking_show_that_hooks_arrive(
    run: Any, open_house: Callable[..., Any], connect: Any, url: str
) -> None:
    async def scenario() -> None:
        async with open_house() as house, connect(url) as client, httpx.AsyncClient() as http:
            calls = Calls()
            watch = HookWatch(house.store, client, calls=calls, http=http, reachable=True)
            for number in range(5):
                task = await house.open()
                await house.store.write(claim_due, gateway="g", limit=1)
                submission = (await house.submission(task)).id
                await house.store.write(acknowledge, submission, str(number), "submit", {})
                await house.store.write(record, task.id, None, Progress(status="SUCCESS", progress=100), "fetch")
            assert (await watch.judge()).state == "missing"
            calls.note(task.id)
            assert (await watch.judge()).state == "patchy"

    run(scenario())


def test_calls_are_not_remembered_without_end() -> None:
    calls = Calls()
    for number in range(REMEMBERED + 1):
        calls.note(str(number))
    assert ("0" in calls, "1" in calls, str(REMEMBERED) in calls) == (False, True, True)


async def unwritable(*_: Any) -> None:
    raise LedgerUnavailable("the disk is full")
