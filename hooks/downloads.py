"""Fetching a picture from a URL that somebody else chose, through the guard, bounded in time and size.

No error quotes more of a URL than its host: the rest may hold a token.
"""

import asyncio
import re
from typing import Final

import httpx

from hooks.errors import NotFetched
from hooks.pictures import LARGEST, Picture, know_picture, read_picture

FETCH_DEADLINE: Final = 30.0  # seconds in all, from looking up the name to the last byte

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
    try:
        request = client.build_request("GET", url)
    except (httpx.InvalidURL, ValueError):
        raise NotFetched("that is not a URL") from None
    host = request.url.raw_host.decode("ascii")
    try:
        async with asyncio.timeout(deadline):
            response = await client.send(request, stream=True)
            try:
                content = await _read(response, host)
            finally:
                await response.aclose()
    except (TimeoutError, httpx.TimeoutException):
        raise NotFetched(f"{host} did not give the picture in time") from None
    except httpx.ConnectError as error:
        raise NotFetched(f"{host} could not be reached: {error}") from None
    except httpx.HTTPError:
        raise NotFetched(f"{host} broke off, or does not speak HTTP") from None
    return know_picture(content)


async def _read(response: httpx.Response, host: str) -> bytes:
    """The body of a 200, as it came, up to a little more than LARGEST. Raises NotFetched."""
    status = response.status_code
    if response.has_redirect_location:
        raise NotFetched(f"{host} sends us on to another address (HTTP {status}); give that one")
    if status != 200:
        raise NotFetched(f"{host} answers HTTP {status} {httpx.codes.get_reason_phrase(status)}".rstrip())
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        # Unpacking could make gigabytes of it, and we did ask for the picture as it is.
        raise NotFetched(f"{host} packs what it was asked to send as it is")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > LARGEST:
            break  # the rest does not matter: this is refused
    return bytes(content)
