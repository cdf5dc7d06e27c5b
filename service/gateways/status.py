"""What new-api and its kin say of themselves: whether hooks are passed on."""

import asyncio
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx
import msgspec

STATUS: Final = "/api/status"  # at the root of the host, without a key
DEADLINE: Final = 10.0  # seconds in all
LONGEST: Final = 256 * 1024  # bytes; it also carries notices for the operator's users


class _Data(msgspec.Struct, frozen=True):
    mj_notify_enabled: bool | None = None


class _Status(msgspec.Struct, frozen=True):
    data: _Data


async def ask_status(http: httpx.AsyncClient, gateway_url: str) -> bool | None:
    """Ask a gateway whether it passes hooks on; None when it does not say. Our key stays here: the question is open."""
    url = urlunsplit(urlsplit(gateway_url)._replace(path=STATUS))
    body = bytearray()
    try:
        async with (
            asyncio.timeout(DEADLINE),
            http.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer,
        ):
            async for chunk in answer.aiter_raw():
                body += chunk
                if len(body) > LONGEST:
                    return None
            return msgspec.json.decode(bytes(body), type=_Status).data.mj_notify_enabled if answer.is_success else None
    except Exception:
        # Most gateways have no such call, and whatever else they answer tells as little.
        return None
