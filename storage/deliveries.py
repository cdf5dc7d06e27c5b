"""The deliveries and attempts tables, read: what is owed to whom, and what became of it."""

import sqlite3
from typing import Any, NamedTuple

from storage.errors import NoSuchDelivery
from storage.order import UNFINISHED
from storage.records_of_deliveries import Attempt, Delivery, DeliveryState
from storage.transaction import Transaction

_FIELDS = Delivery.__struct_fields__
COLUMNS = ", ".join(f"deliveries.{name}" for name in _FIELDS)
_ATTEMPT_FIELDS = Attempt.__struct_fields__
_ATTEMPT_COLUMNS = ", ".join(_ATTEMPT_FIELDS)
LAID_ASIDE = "state IN ('exhausted', 'held', 'cancelled')"  # the words of the index `deliveries_laid_aside`
# Where to look for those of a state, of which there may be few among very many; each index in its own words.
_OF_STATE = {
    **{
        state: ("deliveries_unfinished", f"{UNFINISHED} AND state = '{state}'")
        for state in ("planned", "sending", "waiting")
    },
    **{
        state: ("deliveries_laid_aside", f"{LAID_ASIDE} AND state = '{state}'")
        for state in ("exhausted", "held", "cancelled")
    },
}


def delivery_of_row(row: tuple[Any, ...]) -> Delivery:
    """Give the Delivery whose COLUMNS these are."""
    values = dict(zip(_FIELDS, row, strict=True))
    return Delivery(**values | {"apart": bool(values["apart"])})


def read_delivery(db: sqlite3.Connection | Transaction, delivery_id: int) -> Delivery:
    """Give one delivery as it is now. Raises NoSuchDelivery."""
    row = db.execute(f"SELECT {COLUMNS} FROM deliveries WHERE id = ?", (delivery_id,)).fetchone()
    if row is None:
        raise NoSuchDelivery(f"There is no delivery {delivery_id}; those that are done are kept for 30 days.")
    return delivery_of_row(row)


def list_deliveries(
    db: sqlite3.Connection | Transaction,
    *,
    subscription: str | None = None,
    task: str | None = None,
    state: DeliveryState | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Delivery]:
    """Give deliveries, newest first; `before` is a delivery's id to go on from."""
    table, where, values = "deliveries", ["1"], list[Any]()
    if before is not None:
        where.append("deliveries.id < ?")
        values.append(before)
    if state is not None:
        index, words = _OF_STATE.get(state, (None, "state = 'delivered'"))
        where.append(words)
        if index is not None and task is None:
            table = f"deliveries INDEXED BY {index}"
    if subscription is not None:
        where.append("deliveries.subscription_id = ?")
        values.append(subscription)
    if task is not None:
        where.append("deliveries.seq IN (SELECT seq FROM events WHERE task_id = ?)")
        values.append(task)
    rows = db.execute(
        f"SELECT {COLUMNS} FROM {table} WHERE {' AND '.join(where)} ORDER BY deliveries.id DESC LIMIT ?",
        (*values, limit),
    )
    return [delivery_of_row(row) for row in rows]


def list_attempts(db: sqlite3.Connection | Transaction, delivery_id: int) -> list[Attempt]:
    """Give a delivery's attempts, oldest first."""
    rows = db.execute(f"SELECT {_ATTEMPT_COLUMNS} FROM attempts WHERE delivery_id = ? ORDER BY number", (delivery_id,))
    return [Attempt(**dict(zip(_ATTEMPT_FIELDS, row, strict=True))) for row in rows]


class Late(NamedTuple):
    """What waits for another try in one lane: a subscription's, or that of a host that single tasks are told to."""

    lane: str
    number: int
    since: int  # when the oldest of it was planned first (ms)
    next_at: int  # when the first of it is tried again (ms)


def list_late(db: sqlite3.Connection | Transaction) -> list[Late]:
    """Give the lanes in which something was tried, and not taken; those with most of it first."""
    rows = db.execute(
        "SELECT lane, count(*), min(created_at), min(next_at) FROM deliveries INDEXED BY deliveries_due"
        " WHERE state = 'planned' AND (tries > 0) = 1 GROUP BY lane ORDER BY 2 DESC"
    )
    return [Late(*row) for row in rows]


def count_deliveries(db: sqlite3.Connection | Transaction) -> dict[tuple[str, DeliveryState], int]:
    """Count deliveries by subscription and state, but for the delivered ones: they are many, and nobody's concern."""
    counts = dict[tuple[str, DeliveryState], int]()
    for which in (UNFINISHED, LAID_ASIDE):
        rows = db.execute(f"SELECT subscription_id, state, count(*) FROM deliveries WHERE {which} GROUP BY 1, 2")
        counts |= {(subscription_id, state): int(count) for subscription_id, state, count in rows}
    return counts
