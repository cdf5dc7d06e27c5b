"""Tells people and systems what rules want them to know, and writes down what came of it.

Each message arrives at least once: after a crash in the moment of sending it is sent again.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

import httpx

from hooks.backoff import NOTICE_PAUSES
from hooks.messages import Failure, Message
from hooks.notices import DEADLINE, Herald
from service.effects.errands import Errands
from storage.events import list_events
from storage.firings import list_firings
from storage.reactions import Effect
from storage.store import Store

HELD: Final = 1000  # messages that are waiting to be sent or under way, so that those to a slow address fit in
IN_FLIGHT: Final = 16  # messages under way at once, one for each address
GONE: Final = "no rule of the present file has its address any more"
# The little of a task that a webhook is told; the rest is at /v1/tasks/{id}.
SHOWN: Final = (
    *("id", "root_id", "parent_id", "gateway", "action", "status", "prompt", "tags", "state"),
    *("image_url", "video_urls", "fail_reason", "fail_kind"),
)


class _Lane:
    """The way to one address: one message after the other."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.failures = 0  # since the service started
        self.detail = ""  # of the latest one


class Notifier:
    """A worker. `client` is a `hooks.clients.target_client`; `find_url` gives the URL that goes by an address now.

    `pauses` are the waits, in seconds, after each attempt but the last; `deadline` is seconds for one message. Once an
    address has failed, what was waiting for it is put off as well.
    """

    def __init__(
        self,
        store: Store,
        client: httpx.AsyncClient,
        find_url: Callable[[str], str | None],
        *,
        deadline: float = DEADLINE,
        pauses: Sequence[float] = NOTICE_PAUSES,
    ) -> None:
        self._store = store
        self._herald = Herald(client, deadline=deadline)
        self._find_url = find_url
        self._lanes: dict[str, _Lane] = {}  # as many as there are addresses
        self._sending = asyncio.Semaphore(IN_FLIGHT)
        self._errands = Errands(store, "notify", self._tell, in_flight=HELD, pauses=pauses)

    async def step(self) -> float | None:
        """Begin to send what is due; give the seconds until more may be, None when the bell will tell."""
        return await self._errands.begin_due()

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return self._errands.busy

    async def close(self) -> None:
        """Give up what is under way; it is sent again when its lease is over."""
        await self._errands.close()

    async def _tell(self, effect: Effect) -> Failure | None:
        lane = self._lanes.setdefault(effect.request["address"], _Lane())
        failures = lane.failures
        async with lane.turn:
            if lane.failures > failures:
                return Failure(detail=lane.detail, final=False)
            async with self._sending:
                failure = await self._send(effect)
            if failure is not None and not failure.final:
                lane.failures, lane.detail = lane.failures + 1, failure.detail
            return failure

    async def _send(self, effect: Effect) -> Failure | None:
        url = self._find_url(effect.request["address"])
        if url is None:
            return Failure(detail=GONE, final=True)
        return await self._herald.send(url, await self._store.read(_write_message, effect))


def _write_message(db: sqlite3.Connection, effect: Effect) -> Message:
    """The message of an effect, the same at every attempt: its task is shown as it was when the rule fired."""
    (firing,) = list_firings(db, after=effect.firing_id - 1, limit=1)
    (event,), _ = list_events(db, after=firing.seq - 1, limit=1)
    request = effect.request
    return Message(
        title=request["title"] or f"Ringback: {firing.rule}",
        text=request["text"],
        data={"rule": firing.rule, "event": event.type, "task": {name: getattr(event.task, name) for name in SHOWN}},
    )
