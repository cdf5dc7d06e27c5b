"""Deliveries on their way out: whose turn it is, who takes them, and all that a POST of one takes."""

import sqlite3
from collections.abc import Collection, Sequence
from contextlib import suppress

import msgspec

from storage.deliveries import COLUMNS, delivery_of_row
from storage.errors import NoSuchSubscription
from storage.events import read_event
from storage.records import Event
from storage.records_of_deliveries import CONCURRENCY, Delivery, Subscription
from storage.subscriptions import read_subscription
from storage.transaction import Transaction, to_json
from storage.webhook_secrets import choose_secrets

LEASE = 60_000  # milliseconds after which a delivery that was claimed, and of which nobody told anything, is due again
LONGEST_PAUSE = 30 * 3600 * 1000  # milliseconds: what seems to be due later was planned by a clock that stepped back

# One step of the index for each lane, however many wait in it; and none into that of a subscription that is not active.
_LANES = (
    "WITH RECURSIVE lanes(lane) AS ("
    " SELECT min(lane) FROM deliveries WHERE state = 'planned' UNION ALL"
    " SELECT (SELECT min(lane) FROM deliveries WHERE state = 'planned' AND lane > lanes.lane)"
    " FROM lanes WHERE lanes.lane IS NOT NULL)"
)
_IS_ACTIVE = "EXISTS (SELECT 1 FROM subscriptions WHERE id = subscription_id AND subscriptions.state = 'active')"
_IN_LINE = (
    "FROM deliveries INDEXED BY deliveries_due WHERE state = 'planned' AND lane = lanes.lane AND (tries > 0) = {again}"
    f" AND id NOT IN (SELECT value FROM json_each(:held)) AND {_IS_ACTIVE}"
)
_FIRST, _AGAIN = _IN_LINE.format(again=0), _IN_LINE.format(again=1)
_IN_TIME = "ORDER BY next_at, deliveries.id LIMIT :each"
_LIST_FIRST = f"SELECT id {_FIRST} {_IN_TIME}"
_LIST_AGAIN = (
    f"SELECT id FROM (SELECT id {_AGAIN} AND next_at <= :now {_IN_TIME})"
    f" UNION ALL SELECT id FROM (SELECT id {_AGAIN} AND next_at > :latest {_IN_TIME}) LIMIT :each"
)
_FIND_NEXT = f"SELECT next_at {_AGAIN} ORDER BY next_at LIMIT 1"
# One row of JSON: it is put together while other threads go on, which wait for Python between any two rows.
_LIST_LANES = (
    f"{_LANES} SELECT json_group_array(json_array(lane, concurrency, rate, coalesce(updated_at, 0),"
    f" (SELECT json_group_array(id) FROM ({_LIST_FIRST})), (SELECT json_group_array(id) FROM ({_LIST_AGAIN})),"
    f" ({_FIND_NEXT}))) FROM lanes LEFT JOIN subscriptions ON id = lane AND root_id IS NULL"
    " WHERE lane IS NOT NULL AND coalesce(state, 'active') = 'active'"
)
# Of these nobody has told what came of them, since the one who took them gave them up, or could not write it down.
_ABANDONED = (
    "SELECT deliveries.id, lane, coalesce(own.updated_at, 0), next_at"
    " FROM deliveries INDEXED BY deliveries_under_way LEFT JOIN subscriptions AS own ON own.id = lane"
    " WHERE deliveries.state = 'sending' AND deliveries.id NOT IN (SELECT value FROM json_each(:held))"
    f" AND {_IS_ACTIVE} ORDER BY deliveries.id"
)


_Lane = tuple[str, int | None, float | None, int, tuple[int, ...], tuple[int, ...], int | None]
_lanes = msgspec.json.Decoder(list[_Lane])


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What may go next in one lane."""

    lane: str
    first: tuple[int, ...]  # ids of first attempts, the oldest first; they are always due
    again: tuple[int, ...]  # ids of those that are due once more
    next_at: int | None  # when the next one is due (ms), where none is now
    concurrency: int = CONCURRENCY  # under way at once at most
    rate: float | None = None  # per second at most
    changed_at: int = 0  # when its subscription was changed last (ms); 0 for the lane of a host


def list_turns(db: sqlite3.Connection, *, now: int, held: Collection[int] = (), each: int = 1) -> list[Turn]:
    """Give every lane in which something waits, with up to `each` of either kind that are due; none that is `held`."""
    given = {
        "now": now,
        "held": to_json(sorted(held)),
        "each": each,
        "latest": now + LONGEST_PAUSE,
    }
    (lanes,) = db.execute(_LIST_LANES, given).fetchone()
    turns = {
        lane: Turn(
            lane=lane,
            first=first,
            again=again,
            next_at=None if first or again else next_at,
            concurrency=CONCURRENCY if concurrency is None else concurrency,
            rate=rate,
            changed_at=changed_at,
        )
        for lane, concurrency, rate, changed_at, first, again, next_at in _lanes.decode(lanes)
        if first or again or next_at is not None
    }
    for delivery_id, lane, changed_at, lease in db.execute(_ABANDONED, given).fetchall():
        turn = turns.get(lane, Turn(lane=lane, first=(), again=(), next_at=None, changed_at=changed_at))
        if now < lease <= now + LEASE:
            if not (turn.first or turn.again):
                turns[lane] = msgspec.structs.replace(turn, next_at=min(lease, turn.next_at or lease))
        else:
            turns[lane] = msgspec.structs.replace(turn, again=(delivery_id, *turn.again), next_at=None)
    return list(turns.values())


def claim_deliveries(tx: Transaction, ids: Sequence[int]) -> list[Delivery]:
    """Take these, in this order, as far as they are due to active subscriptions; what is never told is due again."""
    rows = tx.execute(
        "UPDATE deliveries SET state = 'sending', attempts = attempts + 1, tries = tries + 1, next_at = :lease"
        " WHERE id IN (SELECT value FROM json_each(:ids))"
        " AND (state = 'planned' OR (state = 'sending' AND (next_at <= :now OR next_at > :lease)))"
        f" AND {_IS_ACTIVE} RETURNING {COLUMNS}",
        {"ids": to_json(ids), "now": tx.now, "lease": tx.now + LEASE},
    ).fetchall()
    return sorted(map(delivery_of_row, rows), key=lambda each: ids.index(each.id))


class Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """All that one POST takes."""

    delivery: Delivery
    subscription: Subscription
    event: Event
    secrets: tuple[str, ...]  # sealed, the newest first; empty where nobody has made any


def read_parcels(db: sqlite3.Connection, deliveries: Sequence[Delivery], *, now: int) -> list[Parcel]:
    """Give what these take at `now` (ms), in this order; without those whose subscription was deleted meanwhile."""
    events = {seq: read_event(db, seq) for seq in {delivery.seq for delivery in deliveries}}
    known = dict[str, tuple[Subscription, tuple[str, ...]]]()
    for subscription_id in {delivery.subscription_id for delivery in deliveries}:
        with suppress(NoSuchSubscription):
            subscription = read_subscription(db, subscription_id)
            known[subscription_id] = subscription, choose_secrets(db, subscription, now)
    return [
        Parcel(
            delivery=delivery,
            subscription=known[delivery.subscription_id][0],
            event=events[delivery.seq],
            secrets=known[delivery.subscription_id][1],
        )
        for delivery in deliveries
        if delivery.subscription_id in known
    ]
