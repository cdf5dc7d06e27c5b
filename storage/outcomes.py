"""What came of an attempt: the delivery goes on from there, and so does whoever waits behind it.

    planned → sending → delivered
                      → planned      it failed, and is tried again
                      → exhausted    it was given up
                      → held         it failed, and its subscription is disabled by now; cancelled: it is deleted
                      → cancelled    it can not be told in the format that its subscription has by now

What is told about an attempt that is not the delivery's latest is kept, and changes nothing else.
"""

from collections.abc import Sequence
from itertools import chain

import msgspec

from storage.deliveries import COLUMNS, delivery_of_row, read_delivery
from storage.errors import NoSuchDelivery
from storage.events import append_event, append_news, name_events
from storage.order import UNFINISHED, arrange, plan
from storage.outbox import LEASE
from storage.records import DELIVERY_EXHAUSTED, NEWS_OF_DELIVERIES
from storage.records_of_deliveries import Attempt, Delivery, DeliveryState
from storage.suspensions import disable_subscription
from storage.transaction import Transaction, to_json

RETENTION = 30 * 24 * 3600 * 1000  # milliseconds for which a delivery that is done is kept, with its attempts
DISABLE_AFTER = 5 * 24 * 3600 * 1000  # milliseconds of nothing but failures after which a subscription is disabled
_ATTEMPT_FIELDS = Attempt.__struct_fields__
_FINISH = (
    "UPDATE deliveries SET state = 'delivered', next_at = NULL, done_at = :now"
    " FROM (SELECT value ->> 0 AS told_id, value ->> 1 AS number FROM json_each(:told))"
    " WHERE deliveries.id = told_id AND attempts = number AND state != 'delivered'"
    " RETURNING subscription_id, task_id, apart"
)
_ORDERS_WITH_MORE = (
    "SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE EXISTS (SELECT 1 FROM deliveries"
    f" WHERE subscription_id = value ->> 0 AND apart = 0 AND task_id = value ->> 1 AND {UNFINISHED})"
)


def finish_deliveries(tx: Transaction, attempts: Sequence[Attempt]) -> None:
    """These were delivered, whatever was decided about them meanwhile; their subscriptions are well.

    Many go together: at each step of a statement other threads take Python over, which costs more than the step.
    """
    _write(tx, attempts)
    told = to_json([(attempt.delivery_id, attempt.number) for attempt in attempts])
    finished = tx.execute(_FINISH, {"now": tx.now, "told": told}).fetchall()
    well = to_json(sorted({subscription_id for subscription_id, _, _ in finished}))
    tx.execute(
        "UPDATE subscriptions SET failing_since = NULL"
        " WHERE id IN (SELECT value FROM json_each(?)) AND failing_since IS NOT NULL",
        (well,),
    )
    orders = sorted({(subscription_id, task_id) for subscription_id, task_id, apart in finished if not apart})
    for subscription_id, task_id in tx.execute(_ORDERS_WITH_MORE, (to_json(orders),)).fetchall():
        arrange(tx, subscription_id, task_id)


def retry_delivery(tx: Transaction, attempt: Attempt, *, next_at: int) -> None:
    """It failed, and is tried again at `next_at` (ms). After days of failures only, its subscription is disabled."""
    delivery = _keep(tx, attempt)
    if delivery is None or delivery.state != "sending":
        return
    state = _count_failure(tx, delivery, attempt)
    if state == "active":
        tx.execute("UPDATE deliveries SET state = 'planned', next_at = ? WHERE id = ?", (next_at, delivery.id))
        tx.topics.add("deliveries")
        _arrange(tx, delivery)
    else:
        _settle(tx, delivery, "held" if state == "disabled" else "cancelled")


def exhaust_delivery(tx: Transaction, attempt: Attempt) -> None:
    """It failed and is given up, which is news, but where the event was such news itself; others of its task go on."""
    delivery = _keep(tx, attempt)
    if delivery is None or delivery.state != "sending":
        return
    if _count_failure(tx, delivery, attempt) == "deleted":
        _settle(tx, delivery, "cancelled")
        return
    _settle(tx, delivery, "exhausted")
    event = name_events(tx, [delivery.seq])[delivery.seq]
    if event.type in NEWS_OF_DELIVERIES:
        return
    data = {
        "subscription_id": delivery.subscription_id,
        "delivery_id": delivery.id,
        "event": {"seq": event.seq, "id": event.id, "type": event.type},
        "attempts": delivery.attempts,
        "error": attempt.error,
    }
    if delivery.task_id is None:
        append_event(tx, None, DELIVERY_EXHAUSTED, "service", {}, data)
    else:
        append_news(tx, delivery.task_id, DELIVERY_EXHAUSTED, "service", data)


def cancel_delivery(tx: Transaction, attempt: Attempt) -> None:
    """It was not sent and never will be, which says nothing about its subscriber; others of its task go on."""
    delivery = _keep(tx, attempt)
    if delivery is not None and delivery.state == "sending":
        _settle(tx, delivery, "cancelled")


def drop_deliveries(tx: Transaction, ids: Sequence[int], kept: Sequence[int]) -> None:
    """Of these, which were claimed, all but the `kept` ones are never sent: their subscription is deleted."""
    tx.execute(
        "UPDATE deliveries SET state = 'cancelled', next_at = NULL, done_at = :now WHERE state = 'sending'"
        " AND id IN (SELECT value FROM json_each(:ids)) AND id NOT IN (SELECT value FROM json_each(:kept))",
        {"now": tx.now, "ids": to_json(list(ids)), "kept": to_json(list(kept))},
    )


def recover_interrupted(tx: Transaction) -> int:
    """At start: what a dead process was sending is due now; nobody knows whether it arrived. Gives how many."""
    rows = tx.execute(f"SELECT {COLUMNS} FROM deliveries WHERE state = 'sending'").fetchall()
    for delivery in map(delivery_of_row, rows):
        interrupted = Attempt(
            delivery_id=delivery.id,
            number=delivery.attempts,
            time=tx.now if delivery.next_at is None else delivery.next_at - LEASE,
            took=0,
            status=None,
            error="interrupted",
            detail="The service stopped while it was being sent.",
            answer=None,
        )
        _keep(tx, interrupted)
        plan(tx, delivery.id)
        # It says nothing about the subscriber, and takes no attempt away: restarts may come in a row.
        tx.execute("UPDATE deliveries SET tries = max(0, tries - 1) WHERE id = ?", (delivery.id,))
        _arrange(tx, delivery)
        tx.execute(
            "UPDATE subscriptions SET unswept = 1 WHERE id = ? AND state != 'active'", (delivery.subscription_id,)
        )
    return len(rows)


def prune_deliveries(tx: Transaction, before: int, limit: int = 1000) -> int:
    """Remove up to `limit` deliveries that were done before a time (ms), with their attempts; gives how many."""
    rows = tx.execute(
        "SELECT id FROM deliveries WHERE done_at < ? ORDER BY done_at LIMIT ?", (before, limit)
    ).fetchall()
    ids = to_json([row[0] for row in rows])
    for statement in ("DELETE FROM attempts WHERE delivery_id IN", "DELETE FROM deliveries WHERE id IN"):
        tx.execute(f"{statement} (SELECT value FROM json_each(?))", (ids,))
    return len(rows)


def _keep(tx: Transaction, attempt: Attempt) -> Delivery | None:
    """Keep an attempt; give its delivery when it is the latest one."""
    _write(tx, [attempt])
    try:
        delivery = read_delivery(tx, attempt.delivery_id)
    except NoSuchDelivery:  # it is done, and was removed
        return None
    return delivery if delivery.attempts == attempt.number else None


def _write(tx: Transaction, attempts: Sequence[Attempt]) -> None:
    """Keep attempts, but for those of deliveries that are done and were removed."""
    places = ", ".join(f"({', '.join('?' * len(_ATTEMPT_FIELDS))})" for _ in attempts)
    tx.execute(
        f"INSERT INTO attempts ({', '.join(_ATTEMPT_FIELDS)}) SELECT * FROM (VALUES {places})"
        " WHERE column1 IN (SELECT id FROM deliveries) ON CONFLICT DO NOTHING",
        tuple(chain.from_iterable(map(msgspec.structs.astuple, attempts))),
    )


def _count_failure(tx: Transaction, delivery: Delivery, attempt: Attempt) -> str:
    """Note that an attempt failed; give the state of its subscription, which may be disabled for that."""
    # A clock that stepped back may have failed in the future.
    state, failing_since = tx.execute(
        "UPDATE subscriptions SET failing_since = CASE WHEN failing_since <= ?1 THEN failing_since ELSE ?2 END"
        " WHERE id = ?3 RETURNING state, failing_since",
        (tx.now, min(attempt.time, tx.now), delivery.subscription_id),
    ).fetchone()
    if state == "active" and tx.now - failing_since >= DISABLE_AFTER:
        disable_subscription(tx, delivery.subscription_id, "for 5 days every attempt failed")
        return "disabled"
    return str(state)


def _settle(tx: Transaction, delivery: Delivery, state: DeliveryState) -> None:
    tx.execute(
        "UPDATE deliveries SET state = ?, next_at = NULL, done_at = ? WHERE id = ?", (state, tx.now, delivery.id)
    )
    _arrange(tx, delivery)


def _arrange(tx: Transaction, delivery: Delivery) -> None:
    if not delivery.apart:
        arrange(tx, delivery.subscription_id, delivery.task_id)
