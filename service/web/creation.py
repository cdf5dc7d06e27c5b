"""What every call that creates has in common: it creates once for each Idempotency-Key."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.envelope import show_task
from hooks.seal import Sealer
from service.web.calls import MAX_BODY
from service.web.problems import Problem
from storage.idempotency import answer_once, recall_answer
from storage.store import Store
from storage.transaction import Transaction

MAX_KEY: Final = 255  # characters of an Idempotency-Key

# What is done in the transaction: gives 202 and the new thing, or 200 and the one that is there already.
Opening = Callable[[Transaction], tuple[int, Any]]

_encoder = msgspec.json.Encoder(order="deterministic")


async def create_once(
    store: Store,
    request: Request,
    wanted: msgspec.Struct,
    prepare: Callable[[], Awaitable[Opening]],
    *,
    show: Callable[[Any], Any] = show_task,
    sealer: Sealer | None = None,
) -> Response:
    """Answer a call that creates, or give the answer that its Idempotency-Key got the first time.

    `wanted` is its body; `prepare` looks at everything outside of the transaction, such as pictures to fetch. Who comes
    again under a key is not looked at once more. `show` gives what is answered about what was made; where a secret is
    in it, the remembered answer is kept under the seal of `sealer`.
    """
    key = request.headers.get("idempotency-key")
    if key is None:
        return _answer(await store.write(_open, await prepare(), show))
    if not 0 < len(key) <= MAX_KEY:
        raise Problem(422, f"An Idempotency-Key has 1 to {MAX_KEY} characters.")
    key = f"{request.state.client}:{key}"  # clients do not see each other's keys
    fingerprint = await _take_fingerprint(request, wanted)
    remembered = await store.read(recall_answer, key, fingerprint)
    if remembered is None:
        remembered = await store.write(_open_once, key, fingerprint, await prepare(), show, sealer)
    return _answer(_unseal(remembered, sealer))


def _answer(opened: tuple[int, str]) -> Response:
    status, body = opened
    return Response(body, status_code=status, media_type="application/json")


def _open(tx: Transaction, opening: Opening, show: Callable[[Any], Any]) -> tuple[int, str]:
    status, made = opening(tx)
    return status, msgspec.json.encode(show(made)).decode()


def _open_once(
    tx: Transaction,
    key: str,
    fingerprint: str,
    opening: Opening,
    show: Callable[[Any], Any],
    sealer: Sealer | None,
) -> tuple[int, str]:
    def make() -> tuple[int, str]:
        status, body = _open(tx, opening, show)
        return status, body if sealer is None else sealer.seal(body)

    return answer_once(tx, key, fingerprint, make)


def _unseal(remembered: tuple[int, str], sealer: Sealer | None) -> tuple[int, str]:
    status, text = remembered
    return status, text if sealer is None else sealer.open(text)


async def _take_fingerprint(request: Request, wanted: Any) -> str:
    """What stands for the request: its address and its content."""
    address = f"{request.method} {request.url.path}\n".encode()

    def take() -> str:
        return hashlib.sha256(address + _encoder.encode(wanted)).hexdigest()

    declared = request.headers.get("content-length", "")
    is_long = not declared.isdigit() or int(declared) > MAX_BODY  # megabytes would hold up the loop
    return await asyncio.to_thread(take) if is_long else take()
