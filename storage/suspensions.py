"""Subscriptions that are off: disabled, until somebody enables them, or deleted. What is owed to them is laid aside.

That may be a lot: it is laid aside in slices, by whoever calls `sweep_deliveries` while `has_unswept`.
"""

import sqlite3

from storage.events import append_event
from storage.order import UNFINISHED
from storage.records import SUBSCRIPTION_DISABLED
from storage.records_of_deliveries import DeliveryState, Subscription
from storage.subscriptions import note_change, read_subscription
from storage.transaction import Transaction

SLICE = 1000  # deliveries that are laid aside in one transaction


def disable_subscription(tx: Transaction, subscription_id: str, reason: str) -> Subscription:
    """Send it nothing any more, and hold what it is owed; this is told once. Gives it. Raises NoSuchSubscription."""
    before = read_subscription(tx, subscription_id)
    if before.state == "disabled":
        return before
    tx.execute(
        "UPDATE subscriptions SET state = 'disabled', reason = ?, updated_at = ?, unswept = 1 WHERE id = ?",
        (reason, tx.now, subscription_id),
    )
    note_change(tx, before)
    data = {
        "subscription_id": subscription_id,
        "host": before.host,
        "reason": reason,
        "failing_since": before.failing_since,
    }
    append_event(tx, None, SUBSCRIPTION_DISABLED, "service", {}, data)
    return read_subscription(tx, subscription_id)


def enable_subscription(tx: Transaction, subscription_id: str) -> Subscription:
    """Send it again what happens from now on; what is held stays so until it is recovered. Gives it.

    Raises NoSuchSubscription.
    """
    before = read_subscription(tx, subscription_id)
    if before.state == "active":
        return before
    tx.execute(
        "UPDATE subscriptions SET state = 'active', reason = NULL, failing_since = NULL, updated_at = ?, unswept = 0"
        " WHERE id = ?",
        (tx.now, subscription_id),
    )
    note_change(tx, before)
    return read_subscription(tx, subscription_id)


def has_unswept(db: sqlite3.Connection | Transaction) -> bool:
    """Whether there is something to do for `sweep_deliveries`."""
    return db.execute("SELECT 1 FROM subscriptions WHERE unswept = 1 LIMIT 1").fetchone() is not None


def sweep_deliveries(tx: Transaction, limit: int = SLICE) -> int:
    """Hold, or cancel, what is owed to subscriptions that are off; gives how many rows that changed, 0 when it is done.

    It changes up to `limit` deliveries, and as many subscriptions. What is under way is settled by its outcome.
    """
    off = tx.execute(
        "SELECT id, state FROM subscriptions WHERE unswept = 1 ORDER BY place LIMIT ?", (limit,)
    ).fetchall()
    left = limit
    for subscription_id, state in off:
        left -= _lay_aside(tx, subscription_id, "held" if state == "disabled" else "cancelled", left)
        if not left:
            return limit
        tx.execute("UPDATE subscriptions SET unswept = 0 WHERE id = ?", (subscription_id,))
    return limit - left + len(off)


def _lay_aside(tx: Transaction, subscription_id: str, state: DeliveryState, limit: int) -> int:
    # Backwards: whoever is left of an order, when there are more, is still headed by the one whose turn it is.
    cursor = tx.execute(
        "UPDATE deliveries SET state = ?, next_at = NULL, done_at = ? WHERE id IN (SELECT id FROM deliveries"
        f" WHERE subscription_id = ? AND {UNFINISHED} AND state != 'sending'"
        " ORDER BY apart DESC, task_id DESC, id DESC LIMIT ?)",
        (state, tx.now, subscription_id, limit),
    )
    return int(cursor.rowcount)
