"""Who brings megabytes along takes turns; small calls pass by."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.requests import Request

import service.app
from service.web import calls
from service.web.calls import MAX_BODY
from service.web.problems import Problem
from service.web.turns import Turns, is_large

pytestmark = pytest.mark.fault

PATIENCE = 10.0  # seconds until a test gives up waiting


def make_request(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": raw})


LARGE = make_request(content_length=str(MAX_BODY + 1))
SMALL = make_request(content_length=str(MAX_BODY))


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(scenario, PATIENCE))


@pytest.mark.parametrize(
    ("request_", "large"),
    [
        (LARGE, True),
        (SMALL, False),
        (make_request(), False),  # no body at all
        (make_request(transfer_encoding="chunked"), True),  # it does not say
    ],
)
def test_what_is_large_says_its_length_or_hides_it(request_: Request, large: bool) -> None:
    assert is_large(request_) is large


def test_large_ones_wait_for_their_turn_and_small_ones_do_not() -> None:
    async def scenario() -> None:
        turns, entered = Turns(places=2), []

        async def enter(name: str, leave: asyncio.Event) -> None:
            async with turns.take(LARGE):
                entered.append(name)
                await leave.wait()

        first, rest = asyncio.Event(), asyncio.Event()
        inside = [asyncio.create_task(enter(*each)) for each in (("a", first), ("b", rest), ("c", rest))]
        await asyncio.sleep(0)
        async with turns.take(SMALL):
            assert entered == ["a", "b"]
        first.set()
        await inside[0]
        rest.set()
        await asyncio.gather(*inside)
        assert entered == ["a", "b", "c"]

    run(scenario())


def test_who_waits_too_long_is_told_to_come_again() -> None:
    async def scenario() -> None:
        turns = Turns(places=1, within=0)
        async with turns.take(LARGE):
            with pytest.raises(Problem, match="Too many calls bring pictures") as told:
                async with turns.take(LARGE):
                    raise AssertionError
        assert (told.value.status, told.value.headers) == (503, {"Retry-After": "5"})
        async with turns.take(LARGE):
            pass

    run(scenario())


def begin(ringback: Any, path: str, length: int) -> socket.socket:
    """Begin a POST, and come back when the service waits for its body: it has its turn then."""
    address = urlsplit(ringback.url)
    connection = socket.create_connection((address.hostname, address.port), PATIENCE)
    key = ringback.http.headers["authorization"]
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Type: application/json\r\n"
    connection.sendall(f"{head}Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n".encode())
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
    return connection


@pytest.mark.journey
@pytest.mark.parametrize("path", ["/v1/tasks", "/v1/tasks/{id}/click", "/v1/tasks/{id}/modal"])
def test_a_large_body_has_its_turn_while_it_comes(
    start_ringback: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr(service.app, "Turns", partial(Turns, places=1, within=0.05))
    with start_ringback() as ringback:
        path = path.format(id=ringback.open()["id"])
        body = b" " * MAX_BODY + b"{"  # no JSON
        with begin(ringback, path, len(body)) as connection:
            large = {"prompt": "x", "images": ["x" * MAX_BODY]}
            assert ringback.post("/v1/tasks", large).status_code == 503
            ringback.open()
            connection.sendall(body)
            assert connection.recv(100).startswith(b"HTTP/1.1 422 ")
        assert ringback.post("/v1/tasks", large).status_code == 422, "its turn has come; that was no picture"


@pytest.mark.journey
def test_a_body_that_does_not_come_is_not_waited_for(ringback: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "READ_WITHIN", 0.05)
    with begin(ringback, "/v1/tasks", 100) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 408 ")
