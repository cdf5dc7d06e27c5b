"""A request's body as the fields that a gateway would read, made harmless first."""

import asyncio
from typing import Final

from starlette.requests import Request

from hooks.blanker import Blanker
from hooks.body import read_json
from hooks.errors import NotATask
from service.web.calls import read_bytes
from service.web.facade.answers import INVALID, Refusal
from storage.records import JSON

QUICK: Final = 64 * 1024  # bytes; decoding more would hold up everybody else
NOT_JSON: Final = "参数错误: the body is not a JSON object"

_blanker: Final = Blanker()  # hooks of ours are taken out whoever sends them


async def read_fields(request: Request, longest: int) -> JSON:
    """The JSON object in a body of at most so many bytes. Raises Refusal; Problem for its size and its type."""
    body = await read_bytes(request, longest)
    try:
        said = read_json(body, _blanker) if len(body) <= QUICK else await asyncio.to_thread(read_json, body, _blanker)
    except NotATask:
        said = None
    if not isinstance(said, dict):
        raise Refusal(NOT_JSON, INVALID, 400)
    return said
