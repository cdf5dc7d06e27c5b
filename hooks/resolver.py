"""Looks up the names of hosts that somebody else chose, on threads that nothing else waits for.

The event loop's own look-up shares its threads with everything that the service does: a few names whose servers do not
answer would hold up every paid POST.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from hooks.errors import NotFetched

THREADS: Final = 8  # names that are looked up at once
WAITING: Final = 64  # more that may wait for a thread
FULL: Final = "too many other names are being looked up; try again in a minute"

LookUp = Callable[[str, int | None], Sequence[str]]


def look_up(host: str, port: int | None) -> tuple[str, ...]:
    """Every address of a host, the system's favourite first; none where the name is not known.

    It takes as long as the system likes.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError):  # a label that is empty or too long is a UnicodeError
        return ()
    return tuple(dict.fromkeys(str(address[0]) for *_, address in answers))


class Resolver:
    """Looks names up; a caller that gives up leaves its place when it was waiting, else once the system answers.

    `threads` look-ups are under way at once, and `waiting` more may wait. Raises NotFetched when there are more.
    """

    def __init__(self, look_up: LookUp = look_up, *, threads: int = THREADS, waiting: int = WAITING) -> None:
        self._look_up = look_up
        self._threads = ThreadPoolExecutor(threads, "name-look-up")
        self._places = threading.BoundedSemaphore(threads + waiting)

    async def __call__(self, host: str, port: int | None) -> Sequence[str]:
        """Give the addresses of a host, none where the name is not known."""
        if not self._places.acquire(blocking=False):
            raise NotFetched(f"{host} was not looked up: {FULL}")
        lookup = self._threads.submit(self._look_up, host, port)
        lookup.add_done_callback(self._leave)
        return await asyncio.wrap_future(lookup)

    def close(self) -> None:
        """Begin no look-up any more; those under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _leave(self, _lookup: Future[Any]) -> None:
        self._places.release()
