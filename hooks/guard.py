"""The guard before every call to a URL that somebody else chose: resolve once, vet each address, connect to those.

It stands where connections are made (`hooks.transport`): it looks names up, and it opens the sockets. So there is no
second look-up that could answer differently, and no socket without its word, whatever the host looked like.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakSet

import httpx

from hooks.errors import ForbiddenTarget, HookError
from hooks.resolver import Resolver
from hooks.targets import LONGEST_HOST, Address, AllowList, require_usual_spelling, vet

NO_ADDRESS: Final = "no address was found for that name"
CHECK_TIMEOUT: Final = 3.0  # seconds that a name may take when somebody subscribes

Resolve = Callable[[str, int | None], Awaitable[Sequence[str]]]


@dataclass(kw_only=True, slots=True)
class Call:
    """A request on its way: what the guard needs to know where only an address is left of it."""

    host: str
    connected: bool = False  # whether a socket was opened for it; else it went over a kept connection


calls: Final[ContextVar[Call]] = ContextVar("calls")  # the transport sets it; without it no socket is opened


class Guard:
    """Who finds the addresses and opens the sockets. `resolve` stands in for the system's look-up."""

    def __init__(self, *, allowed: AllowList, resolve: Resolve | None = None) -> None:
        self._allowed = allowed
        self._resolver = Resolver()
        self._resolve = resolve or self._resolver
        self._sockets: WeakSet[socket.socket] = WeakSet()

    @property
    def open(self) -> int:
        """How many sockets there are."""
        return len(self._sockets)

    async def find(self, host: str, port: int) -> tuple[Address, ...]:
        """Every address of a host, when all of them may be called. Raises ForbiddenTarget, and OSError where is none.

        It takes as long as the system likes: set a total deadline around each request.
        """
        addresses = vet(host, await self._resolve(host, port), self._allowed)
        if not addresses:
            raise OSError(NO_ADDRESS)
        return addresses

    def open_socket(self, place: tuple[Any, ...]) -> socket.socket:
        """A socket for a place as `socket.getaddrinfo` gives it. Raises ForbiddenTarget.

        Here every address comes by, also one that stood in the URL itself and was never looked up.
        """
        family, kind, protocol, _, (address, *_) = place
        call = calls.get()
        vet(call.host, [address], self._allowed)
        call.connected = True
        opened = socket.socket(family, kind, protocol)
        self._sockets.add(opened)
        return opened

    def close(self) -> None:
        """Look nothing up any more."""
        self._resolver.close()


def read_host(url: httpx.URL) -> str:
    """The host of a URL, as it stands in DNS. Raises ForbiddenTarget for a URL that is never called."""
    host = url.raw_host.decode("ascii")
    try:
        _ = url.host  # httpx decodes it now and then, and fails at what looks like an IDN and is none
    except ValueError:
        raise ForbiddenTarget("that is no name that a host can have") from None
    if url.scheme not in ("http", "https") or not host:
        raise ForbiddenTarget("only a URL that begins with https:// or http:// and a host is called")
    if url.userinfo:
        raise ForbiddenTarget("a URL with a user name or a password in it is not called")
    if len(host) > LONGEST_HOST:
        raise ForbiddenTarget(f"a host name has {LONGEST_HOST} characters at most")
    if url.port is not None and not 0 < url.port < 65536:
        raise ForbiddenTarget("a port is between 1 and 65535")
    require_usual_spelling(host)
    return host


async def check_target(url: str, allowed: AllowList, resolve: Resolve) -> None:
    """Raise ForbiddenTarget if that URL cannot be called, as far as can be told now.

    For the moment at which somebody hands it in. A name that has no address now, or none within a few seconds, passes:
    it is vetted whenever a connection is made.
    """
    try:
        target = httpx.URL(url)
    except (httpx.InvalidURL, ValueError, TypeError):
        raise ForbiddenTarget("that is not a URL that can be called") from None
    host = read_host(target)
    answers: Iterable[str] = ()
    try:
        async with asyncio.timeout(CHECK_TIMEOUT):
            answers = await resolve(host, target.port)
    except (TimeoutError, HookError):
        return
    vet(host, answers, allowed)
