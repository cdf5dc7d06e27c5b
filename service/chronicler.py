"""Tells the log what the ledger believes: endings, firings, chains that have settled; a moment after their commit.

Each line carries the time of what it tells: sorted by time, what follows from an ending comes after it.
"""

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final

import structlog

from storage.events import list_events, read_latest_seq
from storage.firings import list_firings, read_latest_firing
from storage.reactions import Firing, FiringOutcome
from storage.records import CHAIN_SETTLED, ENDING_EVENTS, JSON, RULE_PAUSED, Event, Task
from storage.store import Store
from storage.tallies import list_deferred

TOLD: Final = (*sorted(ENDING_EVENTS), CHAIN_SETTLED, RULE_PAUSED)
TAKEN_UP: Final[tuple[FiringOutcome, ...]] = ("fired", "blocked")  # what becomes of a firing that waited
BUYING: Final = ("click", "submit", "resubmit")  # the actions that open tasks
GATHERING: Final = 0.2  # seconds between news and the look at it: however much happens, few looks are taken
PAGE: Final = 100

log = structlog.get_logger("ringback.ledger")


class Chronicler:
    """Follows the ledger, off the way of callbacks; `gathering` is seconds."""

    def __init__(self, store: Store, *, gathering: float = GATHERING) -> None:
        self._store = store
        self._gathering = gathering
        self._seq = self._firing = 0  # the newest event and firing that were told
        self._waiting: set[int] = set()  # firings that were told of as deferred

    async def begin(self) -> None:
        """What the ledger holds by now is no news."""
        self._seq = await self._store.read(read_latest_seq)
        self._firing = await self._store.read(read_latest_firing)
        self._waiting = await self._store.read(list_deferred)

    async def tell(self) -> None:
        """A worker's step: gather for a moment, then tell what has happened."""
        await asyncio.sleep(self._gathering)
        await self.catch_up()

    async def catch_up(self) -> None:
        """Tell everything that has happened since the last time. It may be cut off: nothing is told twice."""
        await self._tell_taken_up()
        while await self._tell_events() or await self._tell_firings():
            pass  # there may be more than a page

    async def _tell_events(self) -> bool:
        events, self._seq = await self._store.read(list_events, after=self._seq, types=TOLD, limit=PAGE)
        for event in events:
            if event.type == RULE_PAUSED:
                _tell_pause(event)
            elif event.type == CHAIN_SETTLED:
                _tell_chain(event)
            elif event.task is not None:
                _tell_ending(event, event.task)
        return len(events) == PAGE

    async def _tell_firings(self) -> bool:
        firings = await self._store.read(list_firings, after=self._firing, limit=PAGE)
        for firing in firings:
            self._firing = firing.id
            self._tell_firing(firing)
        return len(firings) == PAGE

    async def _tell_taken_up(self) -> None:
        """Tell what became of the firings that waited."""
        for outcome in TAKEN_UP if self._waiting else ():
            firings = await self._store.read(list_firings, ids=self._waiting, outcome=outcome, limit=len(self._waiting))
            for firing in firings:
                self._waiting.discard(firing.id)
                self._tell_firing(firing)

    def _tell_firing(self, firing: Firing) -> None:
        if firing.outcome == "deferred":
            self._waiting.add(firing.id)
        log.info(
            f"rule {firing.outcome}",
            timestamp=_stamp(firing.updated_at),
            task=firing.task_id,
            rule=firing.rule,
            **_describe(firing),
        )


def _describe(firing: Firing) -> JSON:
    """Why, until when, and what was done: for each follow-up the task."""
    told: JSON = {}
    if firing.detail:
        told["why"] = firing.detail
    if firing.next_at is not None:
        told["until"] = _stamp(firing.next_at)
    if firing.actions:
        told["actions"] = ",".join(map(_name, firing.actions))
    bought = [action for action in firing.actions if action["action"] in BUYING and "task_id" in action]
    if bought:
        told["follow_ups"] = ",".join(action["task_id"] for action in bought)
    return told


def _name(action: JSON) -> str:
    button = action.get("button")
    return f"{action['action']} {button}" if button else str(action["action"])


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


def _tell_chain(event: Event) -> None:
    chain = event.data["chain"]
    counts = {word: sum(chain[word].values()) for word in ("succeeded", "failed", "cancelled", "retried")}
    told = counts | {"lost": chain["lost"], "cost": chain["cost"]}
    log.info(
        "chain settled",
        timestamp=_stamp(event.time),
        root=chain["root_id"],
        **{word: value for word, value in told.items() if value},
    )


def _tell_pause(event: Event) -> None:
    """By a person, or by the fuse; then it is about the root under which the rule went round and round."""
    log.warning(
        "rule paused",
        timestamp=_stamp(event.time),
        rule=event.data["rule"],
        by=event.data["origin"],
        **({"root": event.task.root_id} if event.task else {}),
        **({"why": event.data["detail"]} if event.data["detail"] else {}),
    )


def _stamp(milliseconds: int) -> str:
    """A time as the other lines of the log write theirs."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
