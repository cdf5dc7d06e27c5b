"""`/v1/events`: what happened, as pages, as long-poll, and as a stream."""

import asyncio
from functools import cached_property
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.subscriptions.events import find_event_mistake
from service.web.api.tasks import MAX_PAGE, MAX_WAIT, PAGE
from service.web.calls import Call, Parameter, answer_json
from service.web.desk import Desk
from service.web.frames import Filters, Frames, write_event
from service.web.problems import Problem, tell_mistakes
from service.web.stream import EventStream
from storage.passages import Passage, read_passage, read_span

EARLIEST = "earliest"


class EventCalls:
    """The calls about events."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @cached_property  # the calls are described without a desk too
    def _frames(self) -> Frames:
        return Frames(self._desk.store)

    def calls(self) -> list[Call]:
        """Every call with its description."""
        return [
            Call(
                method="GET",
                path="/v1/events",
                handler=self.events,
                summary="Events, oldest first: a page, a long-poll (`wait`), or a stream (Accept: text/event-stream)",
                parameters=(
                    Parameter(name="after", about="a `seq` to go on after; else from the oldest", kind="whole"),
                    Parameter(name="type", about="of any of these types; `task.*` is one", kind="list"),
                    Parameter(name="task", about="of this task"),
                    Parameter(name="root", about="of this chain"),
                    Parameter(name="tag", about="of tasks with this tag"),
                    Parameter(name="wait", about="seconds to wait for one", kind="seconds", most=MAX_WAIT),
                    Parameter(name="limit", about="how many at most", kind="whole", least=1, most=MAX_PAGE),
                    Parameter(name="last_event_id", about=f"stream: a `seq` to go on after, or `{EARLIEST}`"),
                ),
                answers={200: ("A page of events", "EventPage")},
                stream=True,
            )
        ]

    async def events(self, request: Request) -> Response:
        """`GET /v1/events`."""
        query = request.state.query
        if never := list(filter(None, map(find_event_mistake, query.get("type", ())))):
            raise tell_mistakes([f"type: {each}" for each in never])
        filters = Filters(
            types=tuple(query.get("type", ())),
            task=query.get("task"),
            root=query.get("root"),
            tag=query.get("tag"),
        )
        if "text/event-stream" in request.headers.get("accept", ""):
            return EventStream(self._desk, self._frames, filters, after=await self._read_start(request))
        return await self._page(filters, query.get("after"), query.get("wait", 0), query.get("limit", PAGE))

    async def _page(self, filters: Filters, after: int | None, wait: float, limit: int) -> Response:
        deadline = asyncio.get_running_loop().time() + wait
        store = self._desk.store
        look = store.search  # what lies behind may be much
        with store.bell.listen(filters.topic) as listener:
            while True:
                passage = await look(read_passage, write_event, filters.as_query(), after=after, limit=limit)
                left = deadline - asyncio.get_running_loop().time()
                if passage.events or passage.gap or left <= 0 or self._desk.goodbye.said:
                    return answer_json(_show_page(passage))
                after = passage.next
                await listener.wait(left)
                look = store.read  # what has come since is little

    async def _read_start(self, request: Request) -> int:
        """Where a stream begins: after `Last-Event-ID`, which a browser sends when it comes back, or as asked."""
        query = request.state.query
        asked = request.headers.get("last-event-id") or query.get("last_event_id")
        if asked is None and "after" in query:
            return int(query["after"])
        if asked is None or asked == EARLIEST:
            span = await self._desk.store.read(read_span)
            return span.last if asked is None else span.first - 1
        if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
            raise Problem(422, f"Last-Event-ID: expected the `seq` of an event, or {EARLIEST}")
        return int(asked)


def _show_page(passage: Passage) -> dict[str, Any]:
    """Give a page; it speaks of a gap where there is one."""
    page = {"events": list(map(msgspec.Raw, passage.events)), "next": passage.next}
    return page if passage.gap is None else page | {"gap": passage.gap}
