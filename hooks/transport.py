"""httpx's face over aiohttp's connections, behind the guard: what calls the URLs that somebody else chose.

Importing aiohttp takes a while: import this module where a client is built.
"""

import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from hooks.guard import NO_ADDRESS, Call, Guard, calls, read_host

# Seconds that an idle connection is kept: most servers close theirs after 5, and who closes first is not surprised.
KEPT_FOR: Final = 4.0
MOST_KEPT: Final = 128  # open sockets; when there are more, connections are not kept: files are few (`ulimit -n`)


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends requests over kept connections, each of them made by the guard.

    At most `limit` requests are under way at once, and more wait. A request on a kept connection that breaks before an
    answer is sent once more: its server may just have closed it. So a POST can arrive twice.

    Raises ForbiddenTarget and NotFetched (`hooks.guard`), and of httpx's errors: ConnectError and ConnectTimeout before
    anything was sent, caused by the `ssl.SSLError` where there is one; then ReadTimeout and RemoteProtocolError. None
    of them quotes the URL.
    """

    def __init__(self, guard: Guard, *, certificates: ssl.SSLContext, limit: int) -> None:
        self._guard = guard
        self._certificates = certificates
        self._limit = limit
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; its answer's body is still to be read."""
        call = Call(host=read_host(request.url))
        token = calls.set(call)
        try:
            with _told_in_words_of_httpx():
                try:
                    response = await self._send(request)
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                    if call.connected or isinstance(error, aiohttp.ClientConnectorError):
                        raise
                    response = await self._send(request)
        finally:
            calls.reset(token)
        headers = [(name, value) for name, value in response.raw_headers if not _is_unreadable(name, value, request)]
        return httpx.Response(response.status, headers=headers, stream=_Body(response), request=request)

    async def _send(self, request: httpx.Request) -> aiohttp.ClientResponse:
        timeout = request.extensions["timeout"]
        if self._guard.open > MOST_KEPT:
            request.headers["Connection"] = "close"
        if self._session is None:
            self._session = self._open()  # not before: it belongs to the running loop
        return await self._session.request(
            request.method,
            # Encoded already, and not to be rewritten: a signature may be about these very characters.
            URL(str(request.url), encoded=True),
            headers=[(name.decode("ascii"), value.decode()) for name, value in request.headers.raw],
            data=await request.aread() or None,
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(
                connect=timeout["pool"], sock_connect=timeout["connect"], sock_read=timeout["read"]
            ),
        )

    def _open(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=_Names(self._guard),
            socket_factory=self._guard.open_socket,
            use_dns_cache=False,
            ssl=self._certificates,
            limit=self._limit,
            keepalive_timeout=KEPT_FOR,
        )
        return aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, trust_env=False
        )

    async def aclose(self) -> None:
        """Close the connections, and look nothing up any more."""
        self._guard.close()
        if self._session is not None:
            await self._session.close()


def _is_unreadable(name: bytes, value: bytes, request: httpx.Request) -> bool:
    """Whether this is a `Location` that httpx cannot read: it looks at it though nobody wants to follow."""
    if name.lower() != b"location":
        return False
    try:
        return not request.url.join(value.decode("ascii")).host
    except (httpx.InvalidURL, ValueError):
        return True


class _Names(AbstractResolver):
    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=str(address), port=port, family=family, proto=socket.IPPROTO_TCP, flags=0)
            for address in await self._guard.find(host, port)
        ]

    async def close(self) -> None:
        pass  # the guard is the transport's to close


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _told_in_words_of_httpx():
            async for piece in self._response.content.iter_any():
                yield piece

    async def aclose(self) -> None:
        self._response.close()  # whose end was read has given its connection back already


@contextmanager
def _told_in_words_of_httpx() -> Iterator[None]:
    try:
        yield
    except aiohttp.ClientConnectorDNSError as error:
        raise httpx.ConnectError(NO_ADDRESS) from error
    except aiohttp.ClientConnectorCertificateError as error:
        raise httpx.ConnectError(f"its certificate is not accepted: {error.certificate_error}") from error
    except aiohttp.ClientConnectorError as error:
        raise httpx.ConnectError(_tell(error.os_error)) from error
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx.ConnectTimeout("no connection came about in time") from error
    except TimeoutError as error:
        raise httpx.ReadTimeout("the answer did not come in time") from error
    except aiohttp.ClientError as error:
        raise httpx.RemoteProtocolError("the answer broke off, or is no HTTP") from error


def _tell(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return f"TLS: {(error.reason or 'UNKNOWN').replace('_', ' ').lower()}"
    return os.strerror(error.errno) if error.errno else str(error)  # asyncio's own text repeats the address
