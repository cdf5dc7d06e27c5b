"""HTTP in, HTTP out: bodies, modes, and answers that are never completed."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.simulator.answers import JSON, Answer


class Dated:
    """The app around it, whose answers carry a `Date` by the given clock, in seconds since the epoch.

    The server should be told to add none of its own.
    """

    def __init__(self, app: ASGIApp, *, clock: Callable[[], float]) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._clock(), usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", []), (b"date", date)]}
            await send(message)

        await self._app(scope, receive, send_dated)


class BrokenResponse(Response):
    """Promises a body, and gives the first half of it, or nothing: the server can only close the connection."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        promised = str(len(self.body) or 100).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", promised)]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})


class ForsakenResponse(Response):
    """An answer that is whole, on a connection that looks kept and is closed after a while.

    The server is never told that the answer is complete. So it holds back whatever comes on that connection, and
    closes it unread when this response returns.
    """

    def __init__(self, answer: Response, *, seconds: float) -> None:
        super().__init__(answer.body, status_code=answer.status_code, media_type=answer.media_type)
        self.raw_headers = answer.raw_headers
        self._seconds = seconds

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body), "more_body": True})
        with suppress(asyncio.CancelledError):  # the server shuts down
            await asyncio.sleep(self._seconds)


async def read_body(request: Request) -> JSON | None:
    """The JSON object of a request, or None where it has none."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def read_mode(request: Request) -> str | None:
    """The mode that the path asks for: "fast" for /mj-fast/mj/… and for /fast/mj/…, None for /mj/…."""
    return request.url.path.partition("/mj/")[0].strip("/").removeprefix("mj-") or None


def rendered(answer: Answer) -> Response:
    """An answer of the dialect as a response."""
    if isinstance(answer.body, dict):
        return JSONResponse(answer.body, status_code=answer.status)
    return PlainTextResponse(answer.body or "", status_code=answer.status)


async def until_gone(request: Request) -> Response:
    """Wait until the client has closed the connection. The answer is for one whom a shutdown sends away."""
    try:
        while (await request.receive())["type"] != "http.disconnect":
            pass
    except asyncio.CancelledError:
        pass
    return Response(status_code=503)
