"""Fetching a picture from a URL that somebody else chose, through the guard, bounded in time and size.

No error quotes more of a URL than its host: the rest may hold a token.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import httpx

from hooks.errors import NotFetched
from hooks.pictures import LARGEST, Picture, know_picture, read_picture

FETCH_DEADLINE: Final = 30.0  # seconds in all, from looking up the name to the last byte
REDIRECTS: Final = 3  # that are followed to a file; a picture that a person hands in has none
PIECE: Final = 1024 * 1024  # bytes

_URL: Final = re.compile(r"\s*[A-Za-z][A-Za-z0-9+.-]{0,20}://")


def is_url(text: str) -> bool:
    """Whether this names a place, of any scheme, and is not a picture itself."""
    return _URL.match(text) is not None


async def take_picture(text: str, client: httpx.AsyncClient, *, deadline: float = FETCH_DEADLINE) -> Picture:
    """The picture that a person handed in: fetched from a URL, else read from a data URL or base64.

    `client` is a `hooks.clients.target_client`. Raises NotAPicture, NotFetched and ForbiddenTarget.
    """
    if is_url(text):
        return await fetch_picture(text.strip(), client, deadline=deadline)
    return await asyncio.to_thread(read_picture, text)  # megabytes of base64 would hold up the loop


async def fetch_picture(url: str, client: httpx.AsyncClient, *, deadline: float = FETCH_DEADLINE) -> Picture:
    """The picture at a URL; `deadline` is seconds in all.

    `client` is a `hooks.clients.target_client`. Raises NotAPicture, NotFetched and ForbiddenTarget.
    """
    content = bytearray()
    async with _open(url, client, deadline=deadline) as response:
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > LARGEST:
                break  # the rest does not matter: this is refused
    return know_picture(bytes(content))


async def fetch_file(
    url: str,
    client: httpx.AsyncClient,
    write: Callable[[bytes], Awaitable[object]],
    *,
    largest: int,
    deadline: float,
) -> None:
    """Hand what is at a URL to `write`, about a mebibyte at a time; `largest` bytes and `deadline` seconds in all.

    It follows a few redirects, each of them behind the guard. `client` is a `hooks.clients.target_client`. Raises
    NotFetched and ForbiddenTarget: then what was written is worth nothing.
    """
    piece, total = bytearray(), 0
    async with _open(url, client, deadline=deadline, redirects=REDIRECTS) as response:
        announced = response.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > largest:
            raise _too_large(largest)
        async for chunk in response.aiter_raw():
            piece += chunk
            total += len(chunk)
            if total > largest:
                raise _too_large(largest)
            if len(piece) >= PIECE:
                await write(bytes(piece))
                piece.clear()
        await write(bytes(piece))


def _too_large(largest: int) -> NotFetched:
    return NotFetched(f"it has more than {largest // 1024**2} MiB", status=413)


@asynccontextmanager
async def _open(
    url: str, client: httpx.AsyncClient, *, deadline: float, redirects: int = 0
) -> AsyncIterator[httpx.Response]:
    """An answer of 200 whose body is still to be read, as it comes. Raises NotFetched, then and while it is read."""
    try:
        request = client.build_request("GET", url)
    except (httpx.InvalidURL, ValueError):
        raise NotFetched("that is not a URL") from None
    host = request.url.raw_host.decode("ascii")
    try:
        async with asyncio.timeout(deadline):
            response = await client.send(request, stream=True)
            while redirects and response.next_request is not None:
                await response.aclose()
                request, redirects = response.next_request, redirects - 1
                host = request.url.raw_host.decode("ascii")
                response = await client.send(request, stream=True)
            try:
                _check(response, host)
                yield response
            finally:
                await response.aclose()
    except (TimeoutError, httpx.TimeoutException):
        raise NotFetched(f"{host} did not give the picture in time") from None
    except httpx.ConnectError as error:
        raise NotFetched(f"{host} could not be reached: {error}") from None
    except httpx.HTTPError:
        raise NotFetched(f"{host} broke off, or does not speak HTTP") from None


def _check(response: httpx.Response, host: str) -> None:
    """Raise NotFetched unless what follows is the picture."""
    status = response.status_code
    if response.has_redirect_location:
        raise NotFetched(f"{host} sends us on to another address (HTTP {status}); give that one", status=status)
    if status != 200:
        reason = httpx.codes.get_reason_phrase(status)
        raise NotFetched(f"{host} answers HTTP {status} {reason}".rstrip(), status=status)
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        # Unpacking could make gigabytes of it, and we did ask for the picture as it is.
        raise NotFetched(f"{host} packs what it was asked to send as it is")
