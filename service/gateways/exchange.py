"""One HTTP exchange with a gateway: bounded in time and size, and our key is in nothing that comes back."""

import asyncio
import json
import re
from typing import Final, NamedTuple

import httpx

from service.gateways.presets import Gateway
from storage.records import JSON

SHORTEST_SECRET: Final = 8  # characters; a shorter key stands in ids and texts by chance
HIDDEN: Final = "…".encode()


class Heard(NamedTuple):
    """An answer, read to its end, without our key."""

    status: int
    body: bytes


class TooLong(Exception):
    """The answer does not end."""


class Exchange:
    """Asks one gateway with one kind of client.

    `deadline` is seconds in all, from the first connection to the last byte; `longest` is bytes of an answer.
    """

    def __init__(self, gateway: Gateway, client: httpx.AsyncClient, *, deadline: float, longest: int) -> None:
        self._gateway = gateway
        self._client = client
        self._deadline = deadline
        self._longest = longest
        self._key = _find_key(gateway.key)

    def prepare(self, method: str, path: str, body: JSON | None) -> httpx.Request:
        """Put a request together; nothing leaves. Raises ValueError for a body that is no JSON in UTF-8."""
        url = f"{self._gateway.url}/mj{path}"
        return self._client.build_request(method, url, json=body, headers=self._gateway.headers())

    async def send(self, request: httpx.Request) -> Heard:
        """Send it and read the answer. Raises httpx.HTTPError, TimeoutError, TooLong, and what nobody expects."""
        async with asyncio.timeout(self._deadline):
            response = await self._client.send(request, stream=True)
            try:
                body = bytearray()
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > self._longest:
                        raise TooLong(f"the answer is longer than {self._longest} bytes")
            finally:
                await response.aclose()
        return Heard(response.status_code, self._key.sub(HIDDEN, bytes(body)))

    def explain(self, error: Exception) -> str:
        """Say what went wrong, without our key."""
        said = str(error) or type(error).__name__
        return self._key.sub(HIDDEN, said.encode(errors="replace")).decode()


def _find_key(key: str) -> re.Pattern[bytes]:
    """What finds a key in an answer that quotes it, however its JSON is written (PHP escapes slashes)."""
    if len(key) < SHORTEST_SECRET:
        return re.compile(rb"(?!)")
    quoted = json.dumps(key)[1:-1]
    spellings = {key, quoted, quoted.replace("/", r"\/")}
    return re.compile(b"|".join(re.escape(each.encode()) for each in spellings))
