"""The subscriptions table: who wants which events, until they are deleted.

A change of a standing subscription is a new version of the audience (`storage.audience`), in the same transaction.
"""

import secrets
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from storage.errors import NoSuchSubscription, SubscriptionExists
from storage.order import UNFINISHED
from storage.records_of_deliveries import GATEWAY_EVENTS, Format, Subscription, SubscriptionOrigin
from storage.transaction import Transaction, to_json

STANDING = "root_id IS NULL AND state != 'deleted'"  # the words of the index `subscriptions_standing`

_FIELDS = Subscription.__struct_fields__
_AS_JSON = frozenset({"events", "match"})
# What a subscription is cannot be changed, nor what only the ledger knows about it.
_CHANGEABLE = frozenset(
    {"origin", "host", "sealed", "events", "match", "format", "ordered", "rate", "concurrency"},
)
COLUMNS = ", ".join(f"subscriptions.{name}" for name in _FIELDS)


def subscription_of_row(row: Sequence[Any]) -> Subscription:
    """Give the Subscription whose COLUMNS these are."""
    values = {
        name: msgspec.json.decode(value) if name in _AS_JSON and value is not None else value
        for name, value in zip(_FIELDS, row, strict=True)
    }
    return Subscription(**values | {"events": tuple(values["events"]), "ordered": bool(values["ordered"])})


def _columns_of(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: to_json(value) if name in _AS_JSON and value is not None else value for name, value in fields.items()}


def make_subscription_id() -> str:
    """Give a new id."""
    return f"sub_{secrets.token_hex(8)}"


def add_subscription(tx: Transaction, subscription: Subscription) -> Subscription:
    """Add one as it is, but for its times: these are now. Gives it.

    An id that was deleted may come again, with its old history, but is owed nothing of that any more. Raises
    SubscriptionExists.
    """
    tx.execute(
        "UPDATE deliveries SET state = 'cancelled', next_at = NULL, done_at = ? WHERE subscription_id = ?"
        f" AND ({UNFINISHED} OR state = 'held') AND state != 'sending'"
        " AND EXISTS (SELECT 1 FROM subscriptions WHERE id = subscription_id AND state = 'deleted')",
        (tx.now, subscription.id),
    )
    added = msgspec.structs.replace(subscription, created_at=tx.now, updated_at=tx.now)
    columns = _columns_of(msgspec.structs.asdict(added))
    others = [name for name in _FIELDS if name != "id"]
    row = tx.execute(
        f"INSERT INTO subscriptions ({', '.join(_FIELDS)}) VALUES ({', '.join('?' * len(_FIELDS))})"
        f" ON CONFLICT (id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in others)}, unswept = 0"
        " WHERE subscriptions.state = 'deleted' RETURNING id",
        tuple(columns.values()),
    ).fetchone()
    if row is None:
        raise SubscriptionExists(f"There is a subscription {subscription.id} already.")
    note_change(tx, added)
    return added


def change_subscription(tx: Transaction, subscription_id: str, **changes: Any) -> Subscription:
    """Change fields of a subscription: host and sealed, events, match, format, ordered, rate, concurrency, origin.

    Deliveries that are planned go out by the new ones. Gives it as it is then. Raises NoSuchSubscription.
    """
    if unknown := changes.keys() - _CHANGEABLE:
        raise TypeError(f"not to be changed: {', '.join(sorted(unknown))}")
    before = read_subscription(tx, subscription_id)
    after = msgspec.structs.replace(before, **changes)
    if after == before:
        return before
    columns = _columns_of(changes | {"updated_at": tx.now})
    sets = ", ".join(f"{name} = ?" for name in columns)
    tx.execute(f"UPDATE subscriptions SET {sets} WHERE id = ?", (*columns.values(), subscription_id))
    note_change(tx, after)
    return msgspec.structs.replace(after, updated_at=tx.now)


def delete_subscription(tx: Transaction, subscription_id: str) -> None:
    """Delete a subscription and its secrets; what is still owed to it is cancelled soon. Raises NoSuchSubscription."""
    deleted = read_subscription(tx, subscription_id)
    tx.execute(
        "UPDATE subscriptions SET state = 'deleted', sealed = '', reason = NULL, failing_since = NULL, updated_at = ?,"
        " unswept = 1 WHERE id = ?",
        (tx.now, subscription_id),
    )
    tx.execute("DELETE FROM webhook_secrets WHERE subscription_id = ?", (subscription_id,))
    note_change(tx, deleted)


def read_subscription(db: sqlite3.Connection | Transaction, subscription_id: str) -> Subscription:
    """Give one subscription as it is now. Raises NoSuchSubscription, also for one that was deleted."""
    row = db.execute(
        f"SELECT {COLUMNS} FROM subscriptions WHERE id = ? AND state != 'deleted'", (subscription_id,)
    ).fetchone()
    if row is None:
        raise NoSuchSubscription(f"There is no subscription {subscription_id}.")
    return subscription_of_row(row)


def list_subscriptions(
    db: sqlite3.Connection | Transaction,
    *,
    standing_only: bool = True,
    before: str | None = None,
    limit: int | None = 100,
) -> list[Subscription]:
    """Give subscriptions, newest first, without deleted ones; `before` is an id to go on from. No limit: all."""
    where, values = [STANDING if standing_only else "state != 'deleted'"], list[Any]()
    if before is not None:
        where.append("place < (SELECT place FROM subscriptions WHERE id = ?)")
        values.append(before)
    rows = db.execute(
        f"SELECT {COLUMNS} FROM subscriptions WHERE {' AND '.join(where)} ORDER BY place DESC LIMIT ?",
        (*values, -1 if limit is None else limit),
    )
    return [subscription_of_row(row) for row in rows]


def read_standing(db: sqlite3.Connection | Transaction) -> list[Subscription]:
    """Give every standing subscription, newest first."""
    return list_subscriptions(db, limit=None)


def count_standing(db: sqlite3.Connection | Transaction) -> int:
    """Count the standing subscriptions."""
    return int(db.execute(f"SELECT count(*) FROM subscriptions WHERE {STANDING}").fetchone()[0])


def open_for_task(
    tx: Transaction,
    *,
    root_id: str,
    task_id: str | None = None,
    host: str,
    sealed: str,
    events: Sequence[str],
    format: Format,  # noqa: A002 — the column's name
    origin: SubscriptionOrigin,
) -> Subscription:
    """Add a one-task subscription: for a whole chain, or for the one task of it that is given. Gives it."""
    return add_subscription(
        tx,
        Subscription(
            id=make_subscription_id(),
            origin=origin,
            root_id=root_id,
            task_id=task_id,
            host=host,
            sealed=sealed,
            events=tuple(events),
            format=format,
            created_at=tx.now,
            updated_at=tx.now,
        ),
    )


def readdress(tx: Transaction, task_id: str, host: str, sealed: str) -> bool:
    """Let a task's own subscription go to another URL, with what is still owed to it; gives whether there is one.

    One that was disabled hears of its task again from now on.
    """
    row = tx.execute(
        "UPDATE subscriptions SET host = ?, sealed = ?, updated_at = ?, state = 'active', reason = NULL,"
        " failing_since = NULL, unswept = 0"
        " WHERE task_id = ? AND task_id IS NOT NULL AND state != 'deleted' RETURNING id",
        (host, sealed, tx.now, task_id),
    ).fetchone()
    if row is None:
        return False
    tx.execute(
        "UPDATE deliveries SET lane = ? WHERE subscription_id = ? AND state NOT IN ('delivered', 'cancelled')",
        (host, row[0]),
    )
    tx.topics.add("deliveries")
    return True


def take_up_hooks(tx: Transaction, seal: Callable[[str], str], host_of: Callable[[str], str], limit: int = 1000) -> int:
    """Let up to `limit` tasks' plain `notify_hook` become sealed subscriptions of these tasks; gives how many are done.

    Those of tasks that have ended are forgotten, and so are those that `host_of` finds no host in (ValueError).
    """
    rows = tx.execute(
        "SELECT id, root_id, notify_hook, status IN ('SUCCESS', 'FAILURE', 'CANCEL') FROM tasks"
        " WHERE notify_hook IS NOT NULL LIMIT ?",
        (limit,),
    ).fetchall()
    for task_id, root_id, url, has_ended in rows:
        tx.execute("UPDATE tasks SET notify_hook = NULL WHERE id = ?", (task_id,))
        if has_ended:
            continue
        try:
            host = host_of(url)
        except ValueError:
            continue
        sealed = seal(to_json({"url": url, "headers": {}}))
        open_for_task(
            tx,
            root_id=root_id,
            task_id=task_id,
            host=host,
            sealed=sealed,
            events=GATEWAY_EVENTS,
            format="gateway",
            origin="facade",
        )
    return len(rows)


def note_change(tx: Transaction, subscription: Subscription) -> None:
    """It is not what it was: whoever looks at standing subscriptions looks anew, and at what is due to any."""
    if subscription.root_id is None:
        tx.execute("UPDATE audience SET version = random()")
    tx.topics.add("deliveries")
