"""One HTTP exchange with a gateway, bounded in time and size."""

import asyncio
import zlib
from typing import Final, NamedTuple

import httpx
import msgspec

from hooks.blanker import Blanker
from service.gateways.actions import Mode
from service.gateways.presets import Gateway
from storage.records import JSON

LONGEST_REASON: Final = 500  # characters of what is said of an error; some quote what came
GZIP: Final = 16 + zlib.MAX_WBITS


class Heard(NamedTuple):
    """An answer, read to its end, as it came."""

    status: int
    body: bytes
    date: str | None = None  # by the gateway's clock, as HTTP writes it


class TooLong(Exception):
    """The answer does not end."""


class BadPacking(Exception):
    """The answer cannot be unpacked."""


class Exchange:
    """Asks one gateway with one kind of client.

    `deadline` is seconds in all, from the first connection to the last byte; `longest` is bytes of an answer;
    `blanker` knows the gateway's key.
    """

    def __init__(
        self, gateway: Gateway, client: httpx.AsyncClient, *, deadline: float, longest: int, blanker: Blanker
    ) -> None:
        self._gateway = gateway
        self._client = client
        self._deadline = deadline
        self._longest = longest
        self._blanker = blanker

    def prepare(self, method: str, path: str, body: JSON | None, mode: Mode | None = None) -> httpx.Request:
        """Put a request together; nothing leaves. Raises ValueError for a body that is no JSON in UTF-8."""
        url = self._gateway.address(path, mode)
        headers = {**self._gateway.headers(), "Accept-Encoding": "gzip"}
        if body is None:
            return self._client.build_request(method, url, headers=headers)
        content = msgspec.json.encode(body)  # several times as fast as json: it keeps the interpreter to itself
        return self._client.build_request(
            method, url, content=content, headers={**headers, "Content-Type": "application/json"}
        )

    async def send(self, request: httpx.Request) -> Heard:
        """Send it and read the answer. Raises httpx.HTTPError, TimeoutError, TooLong, BadPacking, and what nobody
        expects.
        """
        async with asyncio.timeout(self._deadline):
            response = await self._client.send(request, stream=True)
            try:
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    self._limit(body)
            finally:
                await response.aclose()
        plain = self._unpack(bytes(body), response.headers.get("content-encoding", ""))
        return Heard(response.status_code, plain, response.headers.get("date"))

    def explain(self, error: Exception) -> str:
        """Say what went wrong, without our key and our hooks, in UTF-8."""
        while isinstance(error, ExceptionGroup):  # as connecting to several addresses at once raises it
            error = error.exceptions[0]
        said = str(error) or type(error).__name__
        return self._blanker.hide(said.encode(errors="replace").decode())[:LONGEST_REASON]

    def _unpack(self, body: bytes, packing: str) -> bytes:
        """Unpack as far as is allowed. httpx unpacks whole chunks, each a thousandfold, and again for each layer."""
        if not body or packing.lower() in ("", "identity"):
            return body
        if packing.lower() not in ("gzip", "x-gzip"):
            raise BadPacking(f"the answer is packed as {packing!r}, which was not asked for")
        unpacker = zlib.decompressobj(GZIP)
        try:
            plain = unpacker.decompress(body, self._longest + 1)
        except zlib.error as error:
            raise BadPacking(f"the answer is packed badly: {error}") from error
        self._limit(plain)
        if not unpacker.eof:
            raise BadPacking("the packed answer is cut short")
        return plain

    def _limit(self, body: bytes | bytearray) -> None:
        if len(body) > self._longest:
            raise TooLong(f"the answer is longer than {self._longest} bytes")
