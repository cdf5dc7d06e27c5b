"""Events as they happen, over Server-Sent Events. Replay and live are one loop over the ledger, by cursor."""

import asyncio
from contextlib import suppress
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.web.desk import Desk
from service.web.representations import show_event
from storage.bell import EVENTS, Topic
from storage.errors import LedgerUnavailable
from storage.events import list_events

HEARTBEAT: Final = 15.0  # seconds between comments on a quiet stream
SEND_TIMEOUT: Final = 30.0  # seconds; a client that reads nothing for so long is dropped, and can resume
RETRY: Final = 1000  # milliseconds before a browser comes back
PAGE: Final = 100  # events read at once; memory per client stays constant


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are wanted."""

    types: tuple[str, ...] = ()
    task: str | None = None
    root: str | None = None
    tag: str | None = None

    @property
    def topic(self) -> Topic:
        """What to listen to while there is nothing to tell."""
        return self.task or EVENTS

    def as_query(self) -> dict[str, Any]:
        """As arguments of `storage.events.list_events`."""
        return msgspec.structs.asdict(self)


class EventStream(Response):
    """A response that lasts: every event after a `seq`, those that are there first, then each as it comes.

    A comment goes out after `heartbeat` seconds without an event; a client that reads nothing for `send_timeout`
    seconds is dropped.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        desk: Desk,
        filters: Filters,
        *,
        after: int,
        heartbeat: float = HEARTBEAT,
        send_timeout: float = SEND_TIMEOUT,
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._desk = desk
        self._filters = filters
        self._after = after
        self._heartbeat = heartbeat
        self._send_timeout = send_timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the client leaves, reads no more, or the service says goodbye."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] == "HEAD":  # of a response that lasts, this is all
            return await send({"type": "http.response.body", "body": b""})
        writing = asyncio.create_task(self._write(send))
        leaving = asyncio.create_task(_wait_for_disconnect(receive))
        try:
            await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, leaving):
                task.cancel()
            # A client that left or hangs is the end of its stream, and nothing else.
            with suppress(TimeoutError, OSError, ClientDisconnect, asyncio.CancelledError):
                await writing

    async def _write(self, send: Send) -> None:
        await self._send(send, f": ringback\nretry: {RETRY}\n\n")
        with suppress(LedgerUnavailable):  # it closes, which is a goodbye too
            await self._follow(send)
        await self._send(send, "event: goodbye\ndata: {}\n\n")
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _follow(self, send: Send) -> None:
        store, goodbye, clock = self._desk.store, self._desk.goodbye, asyncio.get_running_loop().time
        spoke = clock()
        look = store.search  # what lies behind may be much
        with store.bell.listen(self._filters.topic) as listener:
            while not goodbye.said:
                events, self._after = await look(list_events, after=self._after, limit=PAGE, **self._filters.as_query())
                if events:
                    await self._send(send, "".join(_frame(each.seq, each.type, show_event(each)) for each in events))
                    spoke = clock()
                elif clock() - spoke >= self._heartbeat:  # also while much happens that the filters hide
                    await self._send(send, ": still here\n\n")
                    spoke = clock()
                if len(events) < PAGE:
                    await listener.wait(max(0.0, spoke + self._heartbeat - clock()))
                    look = store.read  # what has come since is little

    async def _send(self, send: Send, text: str) -> None:
        async with asyncio.timeout(self._send_timeout):
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


def _frame(seq: int, event_type: str, data: Any) -> str:
    return f"id: {seq}\nevent: {event_type}\ndata: {msgspec.json.encode(data).decode()}\n\n"


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
