"""Events as they happen, over Server-Sent Events. Replay and live are one loop over the ledger, by cursor."""

import asyncio
from contextlib import suppress
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.web.desk import Desk
from service.web.frames import Filters, Frames, make_frame
from storage.errors import LedgerUnavailable

HEARTBEAT: Final = 15.0  # seconds between comments on a quiet stream
RETRY: Final = 1000  # milliseconds before a browser comes back
HELLO: Final = f": ringback\nretry: {RETRY}\n\n".encode()
STILL_HERE: Final = b": still here\n\n"
GOODBYE: Final = make_frame("goodbye", {})


class EventStream(Response):
    """A response that lasts: every event after a `seq`, those that are there first, then each as it comes.

    Where what was asked for is not there any more, a `gap` says so, and the stream goes on from what there is. A
    comment goes out after `heartbeat` seconds without an event. A client that stops reading is dropped by
    `service.web.connection`, and can resume.
    """

    media_type = "text/event-stream"
    heartbeat = HEARTBEAT

    def __init__(self, desk: Desk, frames: Frames, filters: Filters, *, after: int) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._desk = desk
        self._frames = frames
        self._filters = filters
        self._after = after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the client leaves, or the service says goodbye."""
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
            # A client that left is the end of its stream, and nothing else.
            with suppress(OSError, ClientDisconnect, asyncio.CancelledError):
                await writing

    async def _write(self, send: Send) -> None:
        await _tell(send, HELLO)
        with suppress(LedgerUnavailable):  # it closes, which is a goodbye too
            await self._follow(send)
        await _tell(send, GOODBYE)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _follow(self, send: Send) -> None:
        goodbye, clock = self._desk.goodbye, asyncio.get_running_loop().time
        spoke = clock()
        much = True  # may lie behind; what comes while we listen is little
        with self._desk.store.bell.listen(self._filters.topic) as listener:
            while not goodbye.said:
                chunk = await self._frames.read(self._filters, self._after, much=much)
                self._after = chunk.next
                if chunk.text:
                    await _tell(send, chunk.text)
                    spoke = clock()
                elif clock() - spoke >= self.heartbeat:  # also while much happens that the filters hide
                    await _tell(send, STILL_HERE)
                    spoke = clock()
                if not chunk.more:
                    await listener.wait(max(0.0, spoke + self.heartbeat - clock()))
                    much = False


async def _tell(send: Send, text: bytes) -> None:
    await send({"type": "http.response.body", "body": text, "more_body": True})


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
