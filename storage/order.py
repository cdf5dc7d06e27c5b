"""The order of deliveries: of each (subscription, task), one at a time, the oldest first; others wait behind it.

A task has some dozens of events, rarely some hundreds: an order is short, however much is owed.
"""

from storage.transaction import Transaction

# The words of the index `deliveries_unfinished`.
UNFINISHED = "state IN ('planned', 'sending', 'waiting')"


def arrange(tx: Transaction, subscription_id: str, task_id: str | None) -> None:
    """See to it that, unless one of an order is under way, its oldest unfinished delivery is planned, and no other."""
    order = tx.execute(
        f"SELECT id, state FROM deliveries WHERE subscription_id = ? AND apart = 0 AND task_id = ? AND {UNFINISHED}"
        " ORDER BY id",
        (subscription_id, task_id),
    ).fetchall()
    if not order:
        return
    head = None if any(state == "sending" for _, state in order) else order[0][0]
    for delivery_id, state in order:
        if delivery_id == head and state == "waiting":
            plan(tx, delivery_id)
        elif delivery_id != head and state == "planned":
            tx.execute("UPDATE deliveries SET state = 'waiting', next_at = NULL WHERE id = ?", (delivery_id,))


def plan(tx: Transaction, delivery_id: int) -> None:
    """It is its turn, now."""
    tx.execute("UPDATE deliveries SET state = 'planned', next_at = ? WHERE id = ?", (tx.now, delivery_id))
    tx.topics.add("deliveries")
