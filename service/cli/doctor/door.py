"""The way from outside to our own hooks, walked with a signed callback about a task that does not exist."""

import asyncio
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

from hooks.blanker import Blanker
from hooks.errors import ForbiddenTarget
from hooks.receiver import NOT_KNOWN, NOT_OURS, PREFIX
from hooks.resolver import look_up
from hooks.targets import AllowList, vet
from hooks.token import TokenSigner
from service.cli.doctor.finding import Finding, ill, well
from service.gateways.presets import Gateway

DEADLINE: Final = 15.0  # seconds
LONGEST: Final = 64 * 1024  # bytes of an answer
NOBODY: Final = "8000000000000000"  # a task id of our shape that was never given out
NONCE: Final = "doctors_own"
BODY: Final = b'{"id": "doctor", "status": "SUBMITTED"}'

TUNNEL: Final = (
    "Let the address lead to this service (reverse proxy, port, firewall), or open a tunnel: docs/gateways.md has the"
    " line."
)


async def examine_door(
    http: httpx.AsyncClient, public_url: str | None, secret_keys: Sequence[str], gateways: Sequence[Gateway]
) -> Finding:
    """Call ourselves as a gateway would; nothing is written by that."""
    if public_url is None:
        return well("public_url", "None is set: hookless, gateways are asked in batches.")
    if not secret_keys:
        return ill("public_url", "There are no keys yet to sign a callback with.", "Start `ringback serve` once.")
    if not await _is_public(public_url) and any([await _is_public(gateway.url) for gateway in gateways]):
        detail = f"{public_url} is an address that only this network knows; gateways are outside."
        return ill("public_url", detail, TUNNEL)
    hook = public_url + PREFIX + TokenSigner(secret_keys).mint(NOBODY, NONCE)
    try:
        async with asyncio.timeout(DEADLINE):
            status, said = await _post(http, hook)
    except Exception as error:
        # Whatever stood in the way; httpx may quote the hook.
        why = Blanker(()).hide(str(error) or type(error).__name__)
        return ill("public_url", f"{public_url} cannot be reached from here: {why}.", TUNNEL)
    if (status, said) == (410, NOT_KNOWN):
        return well("public_url", f"A signed callback to {public_url} arrived here.")
    if (status, said) == (401, NOT_OURS):
        detail = f"At {public_url} a Ringback with other secret keys answers."
        remedy = "Let it lead to this one, or give both the same RINGBACK_SECRET_KEYS; restart after a change of keys."
        return ill("public_url", detail, remedy)
    return ill("public_url", f"At {public_url} something else answers: HTTP {status}.", TUNNEL)


async def _post(http: httpx.AsyncClient, hook: str) -> tuple[int, str]:
    """Give the status, and the detail where it is a problem in our words."""
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    async with http.stream("POST", hook, content=BODY, headers=headers) as answer:
        body = bytearray()
        async for chunk in answer.aiter_raw():
            body += chunk
            if len(body) > LONGEST:
                break
    try:
        said = msgspec.json.decode(bytes(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return answer.status_code, ""
    return answer.status_code, str(said.get("detail", "")) if isinstance(said, dict) else ""


async def _is_public(url: str) -> bool:
    """Whether everybody can reach that address; a name that is not known here may be known elsewhere."""
    host = urlsplit(url).hostname or ""
    try:
        vet(host, await asyncio.to_thread(look_up, host, None), AllowList())
    except ForbiddenTarget:
        return False
    return True
