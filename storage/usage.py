"""What was spent: the tasks that gateways took, and what they cost, by day, tag, gateway, action or rule."""

import sqlite3
from typing import Final

import msgspec

MOST: Final = 1000  # groups that one question gives

# A task is one purchase: its click or its order. The answer to its window belongs to it. `submitted_at` is set when a
# gateway was first known to have it, and stays when the task is lost afterwards: what was spent is spent.
_BOUGHT: Final = (
    "FROM submissions JOIN tasks ON tasks.id = submissions.task_id"
    " WHERE submissions.kind = 'submit' AND submissions.sent_at >= ? AND tasks.submitted_at IS NOT NULL"
)
_TAGGED: Final = _BOUGHT.replace("WHERE", "LEFT JOIN json_each(tasks.tags) AS tag WHERE")
GROUPS: Final = {
    "day": ("strftime('%Y-%m-%d', submissions.sent_at / 1000, 'unixepoch')", _BOUGHT),  # in UTC
    "tag": ("tag.value", _TAGGED),
    "gateway": ("tasks.gateway", _BOUGHT),
    "action": ("tasks.action", _BOUGHT),
    "rule": (
        "CASE WHEN tasks.origin LIKE 'rule:%' THEN substr(tasks.origin, 6) WHEN tasks.origin = 'then' THEN 'then' END",
        _BOUGHT,
    ),
}


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What one group of tasks came to."""

    key: str | None  # the day, the tag, …; None for those without
    tasks: int  # that a gateway took
    cost: float  # in the gateways' currency, of those whose price is known
    unpriced: int  # tasks of which nobody said what they cost


def sum_usage(db: sqlite3.Connection, *, by: str, since: int = 0) -> list[Usage]:
    """Give what was sent since a time (ms), in groups: days newest first, all else dearest first.

    A task with several tags counts in each of their groups. What adopted tasks cost was not spent here.
    """
    key, bought = GROUPS[by]
    order = "1 DESC" if by == "day" else "3 DESC, 2 DESC, 1"
    rows = db.execute(
        f"SELECT {key}, count(*), round(coalesce(sum(tasks.cost), 0.0), 6), sum(submissions.cost IS NULL)"
        f" {bought} GROUP BY 1 ORDER BY {order} LIMIT {MOST}",
        (since,),
    )
    return [Usage(key=key, tasks=tasks, cost=cost, unpriced=unpriced) for key, tasks, cost, unpriced in rows]
