"""Deliveries that are sent after all: what was held or given up, back in its order; one that a person asks for."""

import sqlite3

from storage.deliveries import LAID_ASIDE, read_delivery
from storage.errors import SubscriptionDisabled
from storage.order import UNFINISHED, arrange, plan
from storage.records_of_deliveries import Delivery, Subscription
from storage.subscriptions import read_subscription
from storage.transaction import Transaction

SLICE = 1000  # deliveries that are put back in one transaction

# Each in the words of the index `deliveries_laid_aside`, which has them in their order.
_OF_STATE = (
    "SELECT id FROM deliveries INDEXED BY deliveries_laid_aside"
    f" WHERE {LAID_ASIDE} AND subscription_id = :subscription AND created_at >= :since AND state = "
)
_RECOVERABLE = f"{_OF_STATE}'held' UNION ALL {_OF_STATE}'exhausted'"


def redeliver(tx: Transaction, delivery_id: int) -> Delivery:
    """Send one now, whatever became of it. Gives it as it is then.

    One that is still owed keeps its place, and its order goes on now; one that is done goes once more, beside the
    order of its task. One that is under way is left to that. Raises NoSuchDelivery, NoSuchSubscription and
    SubscriptionDisabled.
    """
    delivery = read_delivery(tx, delivery_id)
    _find_active(tx, delivery.subscription_id)
    if delivery.state == "sending":
        return delivery
    _begin_anew(tx, delivery.subscription_id)
    if delivery.state in ("planned", "waiting"):
        _hurry(tx, delivery)
    else:
        tx.execute("UPDATE deliveries SET apart = 1, tries = 0, done_at = NULL WHERE id = ?", (delivery_id,))
        plan(tx, delivery_id)
    return read_delivery(tx, delivery_id)


def hurry_some(tx: Transaction, subscription_id: str, limit: int = SLICE) -> int:
    """Let up to `limit` of what a subscription is owed, and that waits for its next try, be due now; gives how many.

    Raises NoSuchSubscription and SubscriptionDisabled.
    """
    _find_active(tx, subscription_id)
    _begin_anew(tx, subscription_id)
    hurried = tx.execute(
        "UPDATE deliveries SET next_at = :now WHERE id IN (SELECT id FROM deliveries INDEXED BY deliveries_unfinished"
        f" WHERE subscription_id = :subscription AND {UNFINISHED} AND state = 'planned' AND next_at > :now"
        " LIMIT :limit)",
        {"subscription": subscription_id, "now": tx.now, "limit": limit},
    )
    if hurried.rowcount:
        tx.topics.add("deliveries")
    return int(hurried.rowcount)


def count_owed(db: sqlite3.Connection | Transaction, subscription_id: str) -> int:
    """Count what a subscription is still owed, and what goes out by itself."""
    row = db.execute(
        f"SELECT count(*) FROM deliveries WHERE subscription_id = ? AND {UNFINISHED}", (subscription_id,)
    ).fetchone()
    return int(row[0])


def count_recoverable(db: sqlite3.Connection | Transaction, subscription_id: str, since: int) -> int:
    """Count what was held or given up of the events since a time (ms)."""
    given = {"subscription": subscription_id, "since": since}
    return int(db.execute(f"SELECT count(*) FROM ({_RECOVERABLE})", given).fetchone()[0])


def recover_some(tx: Transaction, subscription_id: str, since: int, limit: int = SLICE) -> int:
    """Put up to `limit` of these back where they belong, the oldest first; gives how many, 0 when that is done.

    Raises NoSuchSubscription and SubscriptionDisabled.
    """
    subscription = _find_active(tx, subscription_id)
    _begin_anew(tx, subscription_id)
    rows = tx.execute(
        "UPDATE deliveries SET state = 'waiting', apart = (task_id IS NULL OR NOT :ordered), tries = 0, done_at = NULL"
        f" WHERE id IN ({_RECOVERABLE} ORDER BY id LIMIT :limit) RETURNING id, task_id, apart",
        {"subscription": subscription_id, "since": since, "ordered": subscription.ordered, "limit": limit},
    ).fetchall()
    for delivery_id, _, is_apart in rows:
        if is_apart:
            plan(tx, delivery_id)
    for task_id in {task_id for _, task_id, is_apart in rows if not is_apart}:
        arrange(tx, subscription_id, task_id)
    return len(rows)


def _hurry(tx: Transaction, delivery: Delivery) -> None:
    """One that is owed, or the one that it waits for, is due now."""
    if delivery.apart:
        plan(tx, delivery.id)
        return
    head = tx.execute(
        f"SELECT id FROM deliveries WHERE subscription_id = ? AND apart = 0 AND task_id = ? AND {UNFINISHED}"
        " AND state = 'planned'",
        (delivery.subscription_id, delivery.task_id),
    ).fetchone()
    if head is not None:  # else one of them is under way
        plan(tx, head[0])


def _begin_anew(tx: Transaction, subscription_id: str) -> None:
    """A person vouches for the subscriber: what it said before, such as to leave it alone for hours, is forgotten."""
    tx.execute("UPDATE subscriptions SET updated_at = max(?, updated_at + 1) WHERE id = ?", (tx.now, subscription_id))


def _find_active(tx: Transaction, subscription_id: str) -> Subscription:
    subscription = read_subscription(tx, subscription_id)
    if subscription.state == "disabled":
        raise SubscriptionDisabled(f"The subscription {subscription_id} is disabled; enable it first.")
    return subscription
