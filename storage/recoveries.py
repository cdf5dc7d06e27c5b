"""Deliveries that are sent after all: what was held or given up, back in its order; one that a person asks for."""

import sqlite3

from storage.deliveries import LAID_ASIDE, read_delivery
from storage.errors import SubscriptionDisabled
from storage.order import arrange, plan
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
    """Send one now, once more or for the first time, beside the order of its task. Gives it as it is then.

    One that is under way is left to that. Raises NoSuchDelivery, NoSuchSubscription and SubscriptionDisabled.
    """
    delivery = read_delivery(tx, delivery_id)
    _find_active(tx, delivery.subscription_id)
    if delivery.state == "sending":
        return delivery
    tx.execute("UPDATE deliveries SET apart = 1, tries = 0, done_at = NULL WHERE id = ?", (delivery_id,))
    plan(tx, delivery_id)
    if not delivery.apart:
        arrange(tx, delivery.subscription_id, delivery.task_id)
    return read_delivery(tx, delivery_id)


def count_recoverable(db: sqlite3.Connection | Transaction, subscription_id: str, since: int) -> int:
    """Count what was held or given up of the events since a time (ms)."""
    given = {"subscription": subscription_id, "since": since}
    return int(db.execute(f"SELECT count(*) FROM ({_RECOVERABLE})", given).fetchone()[0])


def recover_some(tx: Transaction, subscription_id: str, since: int, limit: int = SLICE) -> int:
    """Put up to `limit` of these back where they belong, the oldest first; gives how many, 0 when that is done.

    Raises NoSuchSubscription and SubscriptionDisabled.
    """
    subscription = _find_active(tx, subscription_id)
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


def _find_active(tx: Transaction, subscription_id: str) -> Subscription:
    subscription = read_subscription(tx, subscription_id)
    if subscription.state == "disabled":
        raise SubscriptionDisabled(f"The subscription {subscription_id} is disabled; enable it first.")
    return subscription
