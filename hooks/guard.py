"""The guard before every call to a URL that somebody else chose: resolve once, vet each address, connect to those.

Nothing below this transport ever sees a name, so there is no second look-up that could answer differently.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import httpx

from hooks.errors import ForbiddenTarget
from hooks.resolver import Resolver
from hooks.targets import LONGEST_HOST, AllowList, vet

NO_ADDRESS: Final = "no address was found for that name"

Resolve = Callable[[str, int | None], Awaitable[Sequence[str]]]


class GuardedTransport(httpx.AsyncBaseTransport):
    """Passes each request on to `inner` with a vetted address in the place of the host.

    The `Host` header, the name in the TLS handshake and the name that the certificate must have stay the host's.
    `inner` must not keep connections: it knows them by address, and two hosts can share one. Raises ForbiddenTarget
    before anything is sent, and httpx.ConnectError where there is no address. Looking up a name takes as long as the
    system likes: set a total deadline around each request. `resolve` gives the addresses of a host, and a
    `hooks.resolver.Resolver` is made where there is none.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, *, allowed: AllowList, resolve: Resolve | None = None) -> None:
        self._inner = inner
        self._allowed = allowed
        self._resolver = Resolver()
        self._resolve = resolve or self._resolver

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the first vetted address that lets itself be connected to."""
        host = read_host(request.url)
        addresses = vet(host, await self._resolve(host, request.url.port), self._allowed)
        failure: httpx.TransportError = httpx.ConnectError(NO_ADDRESS)
        for address in addresses:
            try:
                return await self._inner.handle_async_request(_aim(request, host, str(address)))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing was sent: the next may do
                failure = error
        raise failure

    async def aclose(self) -> None:
        """Close the inner transport, and look nothing up any more."""
        self._resolver.close()
        await self._inner.aclose()


def read_host(url: httpx.URL) -> str:
    """The host of a URL, as it stands in DNS. Raises ForbiddenTarget for a URL that is never called."""
    host = url.raw_host.decode("ascii")
    if url.scheme not in ("http", "https") or not host:
        raise ForbiddenTarget("only a URL that begins with https:// or http:// and a host is called")
    if url.userinfo:
        raise ForbiddenTarget("a URL with a user name or a password in it is not called")
    if len(host) > LONGEST_HOST:
        raise ForbiddenTarget(f"a host name has {LONGEST_HOST} characters at most")
    return host


def _aim(request: httpx.Request, host: str, address: str) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host},
    )
