"""Carries deliveries to subscribers: claimed as they become due, some at a time, each with a task of its own."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import httpx
import structlog

from hooks.backoff import DELIVERY_PAUSES, SILENCE_RESTS, SLOW_DOWN_RESTS, pause_after, spread
from hooks.places import Places
from hooks.postman import MISTAKE, SEALED, UNSUITED, Attempted, Postman
from hooks.receipts import Receipts
from hooks.sender import DEADLINE
from storage.errors import LedgerError, NoSuchSubscription
from storage.outbox import Parcel, claim_deliveries, list_turns, read_parcels
from storage.outcomes import cancel_delivery, drop_deliveries, exhaust_delivery, retry_delivery
from storage.records_of_deliveries import Attempt, Subscription
from storage.store import Store
from storage.subscriptions import read_subscription
from storage.suspensions import disable_subscription, has_unswept, sweep_deliveries
from storage.transaction import Transaction

TOPIC: Final = "deliveries"
IN_FLIGHT: Final = 64  # deliveries under way at once
EACH: Final = 16  # of one lane: no subscription may have more under way
SLOW: Final = 1000  # milliseconds of an answer that is waited for
SILENT: Final = frozenset({"timeout", "unreachable", "broken", "tls"})  # nobody answered
OURS: Final = frozenset({SEALED, UNSUITED, MISTAKE, "forbidden", "crowded"})  # nobody was asked
GONE: Final = "its endpoint answered 410 Gone"
PUT_OFF: Final = "put off"

log = structlog.get_logger("ringback.deliveries")


class Courier:
    """A worker. `client` is a `hooks.clients.target_client`; `open_sealed` opens what is sealed, or raises SealBroken.

    `source` is what CloudEvents come from. `in_flight` are under way at once; `pauses` are the waits, in seconds, after
    each attempt but the last, `silence_rests` and `slow_down_rests` those of a whole lane, `deadline` is seconds for
    one attempt; `chance` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        store: Store,
        client: httpx.AsyncClient,
        *,
        open_sealed: Callable[[str], str],
        source: str,
        in_flight: int = IN_FLIGHT,
        pauses: Sequence[float] = DELIVERY_PAUSES,
        silence_rests: Sequence[float] = SILENCE_RESTS,
        slow_down_rests: Sequence[float] = SLOW_DOWN_RESTS,
        deadline: float = DEADLINE,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._postman = Postman(client, open_sealed, source=source, now=store.now, deadline=deadline)
        self._receipts = Receipts(store)
        self._places = Places(in_flight)
        self._pauses = pauses
        self._silence_rests = silence_rests
        self._slow_down_rests = slow_down_rests
        self._chance = chance
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._tasks)

    async def step(self) -> float | None:
        """Begin with what is due; give the seconds until more may be, None when the bell will tell.

        What is owed to subscriptions that are off is laid aside, a slice at each step.
        """
        if has_more := await self._store.read(has_unswept):
            await self._store.write(sweep_deliveries)
        pause = await self._fill_places()
        return 0 if has_more else pause

    async def close(self) -> None:
        """Cut off what is under way; it is due again at the next start."""
        cut = list(self._tasks)
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        await self._receipts.close()

    async def _fill_places(self) -> float | None:
        while not self._places.are_full:
            now = self._store.now()
            # What is held is never taken again, however long it lasts: its lease is for the next process.
            turns = await self._store.read(list_turns, now=now, held=self._places.held, each=EACH)
            chosen = self._places.choose(turns, now)
            if not chosen:
                return self._places.find_pause(turns, now)
            claimed = await self._store.write(claim_deliveries, chosen)
            parcels = await self._store.read(read_parcels, claimed, now=now)
            for parcel in parcels:
                self._begin(parcel, now)
            if len(parcels) < len(claimed):  # their subscription was deleted in that moment
                await self._store.write(
                    drop_deliveries, [each.id for each in claimed], [each.delivery.id for each in parcels]
                )
        return None  # who ends rings

    def _begin(self, parcel: Parcel, now: int) -> None:
        self._places.take(parcel, now)
        task = asyncio.create_task(self._care(parcel), name=f"delivery {parcel.delivery.id}")
        self._tasks.add(task)
        task.add_done_callback(lambda task: self._end(parcel, task))

    def _end(self, parcel: Parcel, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._places.leave(parcel.delivery)
        self._store.bell.ring((TOPIC,))

    async def _care(self, parcel: Parcel) -> None:
        attempted = await self._postman.deliver(parcel)
        self._learn(parcel, attempted)
        try:
            outcome = await self._note(parcel, attempted)
        except LedgerError as error:
            # Whatever came of it, after its lease it is tried again.
            outcome = f"not written down: {error}"
        _tell(parcel, attempted.attempt, outcome)

    def _learn(self, parcel: Parcel, attempted: Attempted) -> None:
        """What the attempt says about all that go the same way."""
        error, now = attempted.attempt.error, self._store.now()
        lane, subscription = self._places[parcel.delivery.lane], parcel.subscription
        is_standing = subscription.root_id is None
        if error in OURS or (is_standing and lane.known_since != subscription.updated_at):
            return
        lane.answers = error not in SILENT
        lane.is_slow = attempted.attempt.took >= SLOW
        if error in SILENT:
            lane.fail(now, self._silence_rests)
        elif error != "slow_down":
            lane.succeed()
        elif is_standing and attempted.retry_after is not None:
            lane.rest(now, attempted.retry_after)
        else:  # one URL of a host speaks for itself alone
            lane.fail(now, self._slow_down_rests)

    async def _note(self, parcel: Parcel, attempted: Attempted) -> str:
        """Write down what came of it; gives that in a few words."""
        attempt = attempted.attempt
        if attempt.error is None:
            await self._receipts.keep(attempt)
            return "delivered"
        if attempt.error == "gone":
            await self._store.write(_turn_away, attempt, parcel.subscription)
            return "turned away"
        if attempt.error == UNSUITED:  # the format was another one when this was planned
            await self._store.write(cancel_delivery, attempt)
            return "cancelled"
        pause = pause_after(parcel.delivery.tries, self._pauses)
        if pause is None:
            await self._store.write(exhaust_delivery, attempt)
            return "exhausted"
        seconds = max(spread(pause, self._chance()), attempted.retry_after or 0)
        await self._store.write(retry_delivery, attempt, next_at=self._store.now() + round(seconds * 1000))
        return PUT_OFF


def _turn_away(tx: Transaction, attempt: Attempt, asked: Subscription) -> None:
    """The subscriber wants nothing more: what it was owed is held, this delivery with it.

    Where it has moved since it was asked, that was somebody else's word, and it is asked there.
    """
    with suppress(NoSuchSubscription):  # it was deleted meanwhile
        if read_subscription(tx, asked.id).sealed == asked.sealed:
            disable_subscription(tx, asked.id, GONE)
    retry_delivery(tx, attempt, next_at=tx.now)


def _tell(parcel: Parcel, attempt: Attempt, outcome: str) -> None:
    """Tell the log. What goes well is in the ledger, and too much to be told."""
    tell = log.debug if attempt.error is None else log.info if outcome == PUT_OFF else log.warning
    tell(
        "delivery",
        delivery=attempt.delivery_id,
        subscription=parcel.subscription.id,
        host=parcel.subscription.host,
        event_id=parcel.event.id,
        event_type=parcel.event.type,
        task=parcel.delivery.task_id,
        attempt=attempt.number,
        outcome=outcome,
        error=attempt.error,
        why=attempt.detail,
    )
