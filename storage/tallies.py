"""What rules did lately, counted."""

import sqlite3

import msgspec


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How often one rule decided in one way."""

    rule: str
    outcome: str  # fired | blocked | deferred
    reason: str | None
    count: int


def tally_firings(db: sqlite3.Connection, *, since: int) -> list[Tally]:
    """Count the firings that were decided since a time (ms), by rule, outcome and reason."""
    rows = db.execute(
        "SELECT rule, outcome, reason, count(*) FROM firings INDEXED BY firings_lately WHERE created_at >= ?"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        (since,),
    )
    return [Tally(rule=rule, outcome=outcome, reason=reason, count=count) for rule, outcome, reason, count in rows]


def read_last_firings(db: sqlite3.Connection) -> dict[str, int]:
    """Give when (ms) each rule decided last, by its id."""
    rows = db.execute("SELECT rule, created_at FROM firings WHERE id IN (SELECT max(id) FROM firings GROUP BY rule)")
    return {str(rule): int(created_at) for rule, created_at in rows}


def list_deferred(db: sqlite3.Connection) -> set[int]:
    """Give the ids of the firings that wait."""
    return {int(firing_id) for (firing_id,) in db.execute("SELECT id FROM firings WHERE outcome = 'deferred'")}
