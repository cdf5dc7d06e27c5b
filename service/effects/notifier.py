"""Tells people and systems what rules want them to know, and writes down what came of it.

Each message arrives at least once: after a crash in the moment of sending it is sent again.
"""

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

IN_FLIGHT: Final = 16  # messages under way at once
EACH: Final = 1  # to one address: they come one after the other
# Seconds for which an address is left alone after its first, second, … failure in a row; what waits for it meanwhile
# has lost no attempt.
RESTS: Final = (10.0, 30.0, 60.0)
GONE: Final = "no rule of the present file has its address any more"
# The little of a task that a webhook is told; the rest is at /v1/tasks/{id}.
SHOWN: Final = (
    *("id", "root_id", "parent_id", "gateway", "action", "status", "prompt", "tags", "state"),
    *("image_url", "video_urls", "fail_reason", "fail_kind"),
)


class Notifier(Errands):
    """A worker. `client` is a `hooks.clients.target_client`; `find_url` gives the URL that goes by an address now.

    `pauses` are the waits, in seconds, after each attempt but the last; `deadline` is seconds for one message. An
    address that fails is left alone for one of `rests`, in seconds, before it gets another message.
    """

    def __init__(
        self,
        store: Store,
        client: httpx.AsyncClient,
        find_url: Callable[[str], str | None],
        *,
        deadline: float = DEADLINE,
        pauses: Sequence[float] = NOTICE_PAUSES,
        rests: Sequence[float] = RESTS,
    ) -> None:
        super().__init__(store, "notify", in_flight=IN_FLIGHT, each=EACH, pauses=pauses, rests=rests)
        self._herald = Herald(client, deadline=deadline)
        self._find_url = find_url

    async def run(self, effect: Effect) -> Failure | None:
        """Tell one message."""
        url = self._find_url(effect.request["address"])
        if url is None:  # somebody may be in the middle of changing the file
            return Failure(detail=GONE, final=False, alone=True)
        return await self._herald.send(url, await self._store.read(_write_message, effect))


def _write_message(db: sqlite3.Connection, effect: Effect) -> Message:
    """The message of an effect, the same at every attempt: its task is shown as it was when the rule fired."""
    (firing,) = list_firings(db, after=effect.firing_id - 1, limit=1)
    (event,), _ = list_events(db, after=firing.seq - 1, limit=1)
    request = effect.request
    return Message(
        title=request["title"] or f"Ringback: {firing.rule}",
        text=request["text"],
        data={
            # As an event's: a restored ledger that gives the number once more gives another id.
            "id": f"ntf_{effect.created_at:011x}{effect.id:x}",
            "firing": firing.id,
            "rule": firing.rule,
            "event": event.type,
            "task": {name: getattr(event.task, name) for name in SHOWN},
            "chain": event.data.get("chain"),
        },
    )
