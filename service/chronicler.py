"""Tells the log what the ledger believes: a line for each ending and each firing, a moment after their commit.

Each line carries the time of what it tells: sorted by time, what follows from an ending comes after it.
"""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

import structlog

from storage.events import list_events, read_latest_seq
from storage.firings import list_firings, read_latest_firing
from storage.records import Event, Firing, Task
from storage.store import Store

TOLD: Final = ("task.succeeded", "task.failed", "task.cancelled", "task.lost")
GATHERING: Final = 0.2  # seconds between news and the look at it: however much happens, few looks are taken
PAGE: Final = 100

log = structlog.get_logger("ringback.ledger")


class Chronicler:
    """Follows the ledger, off the way of callbacks; `gathering` is seconds."""

    def __init__(self, store: Store, *, gathering: float = GATHERING) -> None:
        self._store = store
        self._gathering = gathering
        self._seq = self._firing = 0  # the newest event and firing that were told

    async def begin(self) -> None:
        """What the ledger holds by now is no news."""
        self._seq = await self._store.read(read_latest_seq)
        self._firing = await self._store.read(read_latest_firing)

    async def tell(self) -> None:
        """A worker's step: gather for a moment, then tell what has happened."""
        await asyncio.sleep(self._gathering)
        await self.catch_up()

    async def catch_up(self) -> None:
        """Tell everything that has happened since the last time. It may be cut off: nothing is told twice."""
        while await self._tell_endings() or await self._tell_firings():
            pass  # there may be more than a page

    async def _tell_endings(self) -> bool:
        events, self._seq = await self._store.read(list_events, after=self._seq, types=TOLD, limit=PAGE)
        for event in events:
            if event.task is not None:
                _tell_ending(event, event.task)
        return len(events) == PAGE

    async def _tell_firings(self) -> bool:
        firings = await self._store.read(list_firings, after=self._firing, limit=PAGE)
        for firing in firings:
            self._firing = firing.id
            _tell_firing(firing)
        return len(firings) == PAGE


def _tell_ending(event: Event, task: Task) -> None:
    why = event.data.get("reason") or task.fail_reason
    log.log(
        logging.INFO if task.ended else logging.WARNING,
        "ended" if task.ended else "lost",
        timestamp=_stamp(event.time),
        task=task.id,
        gateway=task.gateway,
        action=task.action,
        status=task.status,
        by=event.data["source"],
        took_ms=event.time - task.created_at,
        **({"why": why} if why else {}),
    )


def _tell_firing(firing: Firing) -> None:
    clicks = {click["button"]: click["task_id"] for click in firing.clicks}
    told = {"why": firing.detail} if firing.detail else {}
    if clicks:
        told |= {"clicks": ",".join(clicks), "follow_ups": ",".join(clicks.values())}
    log.info(
        "rule fired" if firing.outcome == "fired" else "rule blocked",
        timestamp=_stamp(firing.created_at),
        task=firing.task_id,
        rule=firing.rule,
        **told,
    )


def _stamp(milliseconds: int) -> str:
    """A time as the other lines of the log write theirs."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
