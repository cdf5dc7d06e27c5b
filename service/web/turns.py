"""Who brings megabytes along takes turns, so that memory stays bounded; small calls pass by."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from starlette.requests import Request

from service.web.calls import MAX_BODY
from service.web.problems import Problem

PLACES: Final = 3  # large bodies at once: each takes some five times its size until its pictures are in the ledger
TURN_WITHIN: Final = 60.0  # seconds that a large body waits for its turn


class Turns:
    """Places for `places` large bodies. Who waits is not read from, so that the bytes wait at the sender's end."""

    def __init__(self, *, places: int = PLACES, within: float = TURN_WITHIN) -> None:
        self._places = asyncio.Semaphore(places)
        self._within = within

    @asynccontextmanager
    async def take(self, request: Request) -> AsyncIterator[None]:
        """Hold a place where the body is large, from before its first byte until its pictures are in the ledger.

        Raises a 503 when no place became free in time.
        """
        if not is_large(request):
            yield
            return
        try:
            async with asyncio.timeout(self._within):
                await self._places.acquire()
        except TimeoutError:
            raise Problem(503, "Too many calls bring pictures along at once.", {"Retry-After": "5"}) from None
        try:
            yield
        finally:
            self._places.release()


def is_large(request: Request) -> bool:
    """Whether a request says that it has more than MAX_BODY bytes, or does not say how many it has."""
    if "transfer-encoding" in request.headers:
        return True
    declared = request.headers.get("content-length", "")
    return declared.isdigit() and int(declared) > MAX_BODY
