"""HTTP in, HTTP out: bodies, modes, and answers that are never completed."""

import json

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from service.simulator.answers import JSON, Answer


class BrokenResponse(Response):
    """Begins an answer and leaves it: the server can only close the connection."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"application/json"), (b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


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


async def until_gone(request: Request) -> None:
    """Wait until the client has closed the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
