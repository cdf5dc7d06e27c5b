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

import msgspec

from hooks.errors import Crowded

# Names that are looked up at once. Whoever gives up leaves a thread behind, for as long as the system goes on asking
# (two name servers, twice, 5 s each): what may be under way at all, three times over. Threads come as they are needed.
THREADS: Final = 192
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


class _LookUp(msgspec.Struct):
    """One that is under way, and how many want to know."""

    answer: Future[Sequence[str]]
    asked_by: int = 0


class Resolver:
    """Looks names up, each one once at a time, whoever asks for it; on one event loop.

    `threads` names are looked up at once, and `waiting` more may wait; one that nobody waits for any more leaves its
    place when it was waiting, else once the system answers. Raises Crowded when there are more.
    """

    def __init__(self, look_up: LookUp = look_up, *, threads: int = THREADS, waiting: int = WAITING) -> None:
        self._look_up = look_up
        self._threads = ThreadPoolExecutor(threads, "name-look-up")
        self._places = threading.BoundedSemaphore(threads + waiting)
        self._under_way: dict[tuple[str, int | None], _LookUp] = {}

    async def __call__(self, host: str, port: int | None) -> Sequence[str]:
        """Give the addresses of a host, none where the name is not known."""
        key = host, port
        look_up = self._under_way.get(key)
        if look_up is None:
            if not self._places.acquire(blocking=False):
                raise Crowded(f"{host} was not looked up: {FULL}")
            look_up = self._under_way[key] = _LookUp(self._threads.submit(self._look_up, host, port))
            look_up.answer.add_done_callback(self._leave)
        look_up.asked_by += 1
        try:
            return await asyncio.shield(asyncio.wrap_future(look_up.answer))
        finally:
            look_up.asked_by -= 1
            is_over = look_up.answer.done() or (not look_up.asked_by and look_up.answer.cancel())
            if is_over and self._under_way.get(key) is look_up:
                del self._under_way[key]

    def close(self) -> None:
        """Begin no look-up any more; those under way end by themselves."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _leave(self, _lookup: Future[Any]) -> None:
        self._places.release()
