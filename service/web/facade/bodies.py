"""A request's body as the fields that a gateway would read, made harmless first."""

import asyncio
from typing import Any, Final

import msgspec
from starlette.requests import Request

from hooks.blanker import Blanker
from hooks.body import read_json
from hooks.errors import NotATask
from service.web.calls import MAX_BODY, read_bytes
from service.web.facade.answers import INVALID, Refusal
from storage.records import JSON

QUICK: Final = 64 * 1024  # bytes; decoding more would hold up everybody else
MOST_VALUES: Final = 100_000  # in a body of more than that; a list of tasks has a thousand
NOT_JSON: Final = "参数错误: the body is not a JSON object"
TOO_MANY: Final = f"参数错误: the body has more than {MOST_VALUES} values"

_blanker: Final = Blanker()  # hooks of ours are taken out whoever sends them


async def read_fields(request: Request, longest: int = MAX_BODY) -> JSON:
    """The JSON object in a body of at most so many bytes. Raises Refusal; Problem for its size, its type and delay."""
    return await _understand(await read_bytes(request, longest))


async def _understand(body: bytes) -> JSON:
    try:
        said = read_json(body, _blanker) if len(body) <= QUICK else await asyncio.to_thread(_decode, body)
    except (NotATask, ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise Refusal(NOT_JSON, INVALID, 400)
    return said


def _decode(body: bytes) -> Any:
    """What a body of some length holds. Decoding takes no break, so what would take seconds is refused before."""
    if sum(map(body.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise Refusal(TOO_MANY, INVALID, 400)
    if len(body) <= MAX_BODY:
        return read_json(body, _blanker)
    said = msgspec.json.decode(body)
    if not isinstance(said, dict):
        raise NotATask
    # A text of this length is good for a picture only, of which nothing but the bytes is kept: searching it for hooks
    # would take longer than all else.
    pictures = {name: value for name, value in said.items() if _has_long_text(value)}
    rest = {name: value for name, value in said.items() if name not in pictures}
    return read_json(msgspec.json.encode(rest), _blanker) | pictures


def _has_long_text(value: Any) -> bool:
    texts = value if isinstance(value, list) else [value]
    return any(isinstance(text, str) and len(text) > QUICK for text in texts)
