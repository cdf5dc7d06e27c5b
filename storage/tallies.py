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
    """Give when (ms) each rule last fired, by its id: a decision that was blocked, or waits, is none."""
    rows = db.execute("SELECT rule, max(updated_at) FROM firings WHERE outcome = 'fired' GROUP BY rule")
    return {str(rule): int(fired_at) for rule, fired_at in rows}


def count_outstanding(db: sqlite3.Connection) -> dict[str, tuple[int, int]]:
    """Count what each rule has decided and what is not done yet, by its id: tasks not sent, and firings that wait."""
    tasks = dict(
        db.execute(
            "SELECT CASE origin WHEN 'then' THEN origin ELSE substr(origin, 6) END, count(*)"
            " FROM submissions INDEXED BY submissions_in_line CROSS JOIN tasks ON tasks.id = submissions.task_id"
            " WHERE submissions.state = 'planned' AND submissions.kind = 'submit'"
            " AND (origin = 'then' OR origin GLOB 'rule:*') GROUP BY 1"
        ).fetchall()
    )
    firings = dict(db.execute("SELECT rule, count(*) FROM firings WHERE outcome = 'deferred' GROUP BY 1").fetchall())
    return {rule: (tasks.get(rule, 0), firings.get(rule, 0)) for rule in tasks.keys() | firings.keys()}


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Notifications or downloads that stand badly for one reason."""

    kind: str  # notify | download
    state: str  # failed: given up; planned: put off
    detail: str | None
    count: int


def tally_troubles(db: sqlite3.Connection, *, since: int) -> list[Trouble]:
    """Count the effects that were given up since a time (ms), and those that are put off, by reason; most first."""
    rows = db.execute(
        "SELECT kind, state, detail, count(*) FROM effects WHERE kind IN ('notify', 'download')"
        " AND ((state = 'failed' AND done_at >= ?) OR (state = 'planned' AND detail IS NOT NULL))"
        " GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3",
        (since,),
    )
    return [Trouble(kind=kind, state=state, detail=detail, count=count) for kind, state, detail, count in rows]


def list_deferred(db: sqlite3.Connection) -> set[int]:
    """Give the ids of the firings that wait."""
    return {int(firing_id) for (firing_id,) in db.execute("SELECT id FROM firings WHERE outcome = 'deferred'")}
