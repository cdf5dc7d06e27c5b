"""Who an event is owed to: its deliveries are rows of the transaction that the event itself is appended in.

Nothing here may fail for a reason that lies in a subscription: the callback would be lost.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from storage.audience import fits
from storage.order import UNFINISHED
from storage.records import CHAIN_SETTLED, Task
from storage.records_of_deliveries import Subscription
from storage.subscriptions import COLUMNS, read_standing, subscription_of_row
from storage.tasks import read_task
from storage.transaction import Transaction

# Asked for each event there is: which audience is in force, and whether the event's chain has anybody of its own.
_WHO = (
    "SELECT version, EXISTS (SELECT 1 FROM subscriptions"
    " WHERE root_id = (SELECT root_id FROM tasks WHERE id = ?) AND state != 'deleted') FROM audience"
)
_OF_THE_CHAIN = (
    f"SELECT {COLUMNS} FROM subscriptions WHERE root_id = (SELECT root_id FROM tasks WHERE id = ?1)"
    " AND (task_id IS NULL OR task_id = ?1) AND state != 'deleted' ORDER BY place"
)
_IS_BEHIND_ANOTHER = (
    f"SELECT 1 FROM deliveries WHERE subscription_id = ? AND apart = 0 AND task_id = ? AND {UNFINISHED} LIMIT 1"
)


def address(tx: Transaction, seq: int, task_id: str | None, event_type: str, data: Mapping[str, Any]) -> None:
    """Owe the event that was just appended to everyone who wants it, but to no subscription that it is about."""
    version, is_followed = tx.execute(_WHO, (task_id,)).fetchone()
    audience = tx.audiences
    audience.refresh(version, partial(read_standing, tx))
    about = data.get("subscription_id")
    if audience.listens(event_type):
        task: Task | None = None if task_id is None else read_task(tx, task_id)
        chain = data["chain"] if event_type == CHAIN_SETTLED else None
        for subscription in audience.choose(event_type, task, chain):
            if subscription.id != about:
                _owe(tx, subscription, seq, task_id, lane=subscription.id)
    if is_followed and task_id is not None:
        for subscription in _list_followers(tx, task_id, event_type):
            if subscription.id != about:
                _owe(tx, subscription, seq, task_id, lane=subscription.host)


def _list_followers(tx: Transaction, task_id: str, event_type: str) -> Iterator[Subscription]:
    for row in tx.execute(_OF_THE_CHAIN, (task_id,)).fetchall():
        subscription = subscription_of_row(row)
        if fits(subscription.events, event_type):
            yield subscription


def _owe(tx: Transaction, subscription: Subscription, seq: int, task_id: str | None, *, lane: str) -> None:
    is_apart = task_id is None or not subscription.ordered
    if subscription.state == "disabled":
        state = "held"
    elif not is_apart and tx.execute(_IS_BEHIND_ANOTHER, (subscription.id, task_id)).fetchone() is not None:
        state = "waiting"
    else:
        state = "planned"
        tx.topics.add("deliveries")
    tx.execute(
        "INSERT INTO deliveries (subscription_id, seq, task_id, lane, state, apart, next_at, created_at, done_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            *(subscription.id, seq, task_id, lane, state, is_apart),
            tx.now if state == "planned" else None,
            tx.now,
            tx.now if state == "held" else None,
        ),
    )
