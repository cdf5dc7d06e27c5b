"""`POST /hooks/{token}`: a gateway's callback, acknowledged only after its commit.

A bare ASGI application: this is the one hot route, and a framework's routing and request objects would cost it a
fifth of its speed (`docs/decisions/`).
"""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
import structlog

from hooks.blanker import Blanker
from hooks.errors import BadToken, ExpiredToken, NotATask
from hooks.token import HookAddress
from hooks.wire import parse_progress
from storage.errors import LedgerBusy, LedgerUnavailable, NoSuchSubmission
from storage.ledger import Recorded
from storage.records import Progress, Source

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

PREFIX: Final = "/hooks/"
MAX_BODY: Final = 1024 * 1024  # bytes; a task with every field filled is a few KB
RETRY_AFTER: Final = b"1"  # seconds

NOT_OURS: Final = "This is not a hook of this service."
NOT_KNOWN: Final = "The ledger does not know this hook any more."

_JSON: Final = (b"content-type", b"application/json")
_PROBLEM: Final = (b"content-type", b"application/problem+json")
_OK: Final = b'{"ok":true}'

log = structlog.get_logger("ringback.hooks")


class Receiver:
    """Answers callbacks: 200 after the commit; 401, 405, 410, 413, 422 and 503 with nothing written.

    `read_token` gives the address or raises BadToken or ExpiredToken; `blanker` knows the secrets that a gateway could
    quote; `record` resolves after the commit.
    """

    def __init__(
        self,
        *,
        read_token: Callable[[str], HookAddress],
        blanker: Blanker,
        record: Callable[[str, str, Progress, Source], Awaitable[Recorded]],
    ) -> None:
        self._read_token = read_token
        self._blanker = blanker
        self._record = record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            return await _refuse(send, 405, "A hook takes a POST.", (b"allow", b"POST"))
        try:
            # As it was sent: no character of ours needs an escape, so what is spelled with one is not ours.
            address = self._read_token(scope["raw_path"].decode("latin-1")[len(PREFIX) :])
        except ExpiredToken:
            return await _refuse(send, 410, "This hook has expired.")
        except BadToken:
            return await _refuse(send, 401, NOT_OURS)
        try:
            body = await _read_body(scope, receive)
        except _HungUp:
            return None
        if body is None:
            return await _refuse(send, 413, f"A callback may have {MAX_BODY} bytes.", (b"connection", b"close"))
        try:
            progress = parse_progress(body, self._blanker)
        except NotATask as error:
            log.info("callback refused", task=address.task_id, why=str(error))
            return await _refuse(send, 422, str(error))
        try:
            recorded = await self._record(address.task_id, address.nonce, progress, "callback")
        except NoSuchSubmission:
            return await _refuse(send, 410, NOT_KNOWN)
        except (LedgerBusy, LedgerUnavailable) as error:
            log.warning("callback not recorded", task=address.task_id, why=str(error))
            return await _refuse(send, 503, "It was not recorded; send it again.", (b"retry-after", RETRY_AFTER))
        log.debug(
            "callback",
            task=address.task_id,
            gateway_id=progress.gateway_id,
            status=progress.status,
            progress=progress.progress,
            recorded=recorded,
        )
        if recorded in ("foreign", "contradiction"):
            log.warning("callback without effect", task=address.task_id, gateway_id=progress.gateway_id, why=recorded)
        return await _answer(send, 200, _OK, (_JSON,))


class _HungUp(Exception):
    """The caller left before the body was whole."""


async def _read_body(scope: Scope, receive: Receive) -> bytes | None:
    """Give the whole body, or None as soon as it is too long. Raises _HungUp."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value) > MAX_BODY:
            return None
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _HungUp
        body += message.get("body", b"")
        if len(body) > MAX_BODY:
            return None
        if not message.get("more_body", False):
            return bytes(body)


async def _refuse(send: Send, status: int, detail: str, *headers: tuple[bytes, bytes]) -> None:
    body = msgspec.json.encode(
        {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    )
    await _answer(send, status, body, (_PROBLEM, *headers))


async def _answer(send: Send, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
