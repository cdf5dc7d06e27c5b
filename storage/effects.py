"""The effects table: notifications and downloads that firings owe. They cost nothing, and are tried until done.

Those to one address, or of one host, are a lane: they take turns, and no lane waits for another.
"""

import sqlite3
from collections.abc import Collection, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import msgspec

from storage.reactions import Download, Effect, EffectKind, EffectState, Notify
from storage.records import JSON
from storage.transaction import Transaction, to_json

LEASE = 300_000  # milliseconds after which an effect that was taken and never finished is taken again

_FIELDS = Effect.__struct_fields__
_COLUMNS = ", ".join(_FIELDS)


def plan_notification(tx: Transaction, firing_id: int, task_id: str, notify: Notify) -> int:
    """Plan to tell somebody about a task; gives the effect's id."""
    request = {"address": notify.address, "title": notify.title, "text": notify.text}
    return _plan(tx, firing_id, task_id, "notify", request, lane=notify.address)


def plan_download(tx: Transaction, firing_id: int, download: Download) -> tuple[int, bool]:
    """Plan to keep a picture; gives the effect's id, and whether it is new: one picture goes to one path once.

    Where another task's picture goes to that path, this one's goes beside it, with its task's id in its name.
    """
    path = download.path
    while (taken := _find_by_path(tx, path)) is not None:
        effect_id, task_id = taken
        if task_id == download.task_id:
            return effect_id, False
        here = PurePosixPath(path)
        path = str(here.with_name(f"{here.stem}-{download.task_id}{here.suffix}"))
    request = {"url": download.url, "path": path}
    return _plan(tx, firing_id, download.task_id, "download", request, lane=_read_host(download.url)), True


def _read_host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:  # nothing will come of it; then that is what it is told
        return ""


def _find_by_path(tx: Transaction, path: str) -> tuple[int, str] | None:
    # The words of the index `effects_by_path`. Upper and lower case are one on some disks.
    row = tx.execute(
        "SELECT id, task_id FROM effects WHERE kind = 'download' AND (request ->> '$.path') COLLATE NOCASE = ?", (path,)
    ).fetchone()
    return None if row is None else (int(row[0]), str(row[1]))


def _plan(tx: Transaction, firing_id: int, task_id: str, kind: EffectKind, request: JSON, *, lane: str) -> int:
    cursor = tx.execute(
        "INSERT INTO effects (firing_id, task_id, kind, lane, request, state, attempts, next_at, created_at)"
        " VALUES (?, ?, ?, ?, ?, 'planned', 0, ?, ?)",
        (firing_id, task_id, kind, lane, to_json(request), tx.now, tx.now),
    )
    tx.topics.add("effects")
    return int(cursor.lastrowid or 0)


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What may go next in one lane."""

    lane: str
    due: tuple[int, ...]  # ids, those that were tried less often first, then the older ones
    next_at: int | None  # when the next one is due (ms), where none is now


def list_turns(
    db: sqlite3.Connection, kind: EffectKind, *, now: int, held: Collection[int] = (), each: int = 1
) -> list[Turn]:
    """Give every lane in which something waits, with up to `each` effects that are due; none that is `held`."""
    lanes = db.execute(
        # One step of the index for each lane, however many wait in it.
        "WITH RECURSIVE lanes(lane) AS ("
        " SELECT min(lane) FROM effects WHERE kind = ?1 AND state = 'planned' UNION ALL"
        " SELECT (SELECT min(lane) FROM effects WHERE kind = ?1 AND state = 'planned' AND lane > lanes.lane)"
        " FROM lanes WHERE lanes.lane IS NOT NULL) SELECT lane FROM lanes WHERE lane IS NOT NULL",
        (kind,),
    ).fetchall()
    turns = []
    waiting = (
        "FROM effects INDEXED BY effects_waiting WHERE kind = ? AND state = 'planned' AND lane = ?"
        " AND id NOT IN (SELECT value FROM json_each(?))"
    )
    for (lane,) in lanes:
        values = (kind, lane, to_json(sorted(held)))
        due = db.execute(
            f"SELECT id {waiting} AND next_at <= ? ORDER BY attempts, id LIMIT ?", (*values, now, each)
        ).fetchall()
        next_at = None if due else db.execute(f"SELECT min(next_at) {waiting}", values).fetchone()[0]
        if due or next_at is not None:
            turns.append(Turn(lane=lane, due=tuple(int(row[0]) for row in due), next_at=next_at))
    return turns


def claim_effects(tx: Transaction, ids: Sequence[int]) -> list[Effect]:
    """Take these, in this order. What is never finished, as after a crash, is due again after LEASE."""
    rows = tx.execute(
        "UPDATE effects SET attempts = attempts + 1, next_at = ?"
        f" WHERE id IN (SELECT value FROM json_each(?)) AND state = 'planned' RETURNING {_COLUMNS}",
        (tx.now + LEASE, to_json(ids)),
    ).fetchall()
    return sorted(map(_effect_of_row, rows), key=lambda each: ids.index(each.id))


def hasten_effects(tx: Transaction) -> None:
    """At start: what a dead process had taken, and what waits for another attempt, is due now."""
    tx.execute("UPDATE effects SET next_at = ? WHERE state = 'planned' AND next_at > ?", (tx.now, tx.now))


def finish_effect(tx: Transaction, effect_id: int, detail: str | None = None) -> None:
    """It is done."""
    _end(tx, effect_id, "done", detail)


def fail_effect(tx: Transaction, effect_id: int, detail: str) -> None:
    """It is given up."""
    _end(tx, effect_id, "failed", detail)


def _end(tx: Transaction, effect_id: int, state: EffectState, detail: str | None) -> None:
    tx.execute(
        "UPDATE effects SET state = ?, detail = ?, next_at = NULL, done_at = ? WHERE id = ? AND state = 'planned'",
        (state, detail, tx.now, effect_id),
    )


def retry_effect(tx: Transaction, effect_id: int, *, seconds: float, detail: str) -> None:
    """It did not work out, and is tried again later."""
    tx.execute(
        "UPDATE effects SET next_at = ?, detail = ? WHERE id = ? AND state = 'planned'",
        (tx.now + int(seconds * 1000), detail, effect_id),
    )


def retry_failed(tx: Transaction, *, rule: str | None = None, ids: Collection[int] | None = None) -> int:
    """Let what was given up be tried again from the beginning, now: of a rule, of these ids, or all; gives how many."""
    where, values = ["kind IN ('notify', 'download')", "state = 'failed'"], list[Any]()  # the words of an index
    if rule is not None:
        where.append("firing_id IN (SELECT id FROM firings WHERE rule = ?)")
        values.append(rule)
    if ids is not None:
        where.append("id IN (SELECT value FROM json_each(?))")
        values.append(to_json(sorted(ids)))
    cursor = tx.execute(
        f"UPDATE effects SET state = 'planned', attempts = 0, next_at = ?, done_at = NULL WHERE {' AND '.join(where)}",
        (tx.now, *values),
    )
    if cursor.rowcount:
        tx.topics.add("effects")
    return int(cursor.rowcount)


def list_effects(
    db: sqlite3.Connection | Transaction,
    *,
    task: str | None = None,
    firing: int | None = None,
    kind: EffectKind | None = None,
    state: EffectState | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[Effect]:
    """Give effects, newest first; `before` is an effect's id to go on from."""
    where, values = ["1"], list[Any]()
    if before is not None:
        where.append("id < ?")
        values.append(before)
    for column, wanted in (("task_id", task), ("firing_id", firing), ("kind", kind), ("state", state)):
        if wanted is not None:
            where.append(f"{column} = ?")
            values.append(wanted)
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM effects WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?", (*values, limit)
    )
    return [_effect_of_row(row) for row in rows]


def read_effect(db: sqlite3.Connection | Transaction, effect_id: int) -> Effect:
    """Give one effect that is there."""
    row = db.execute(f"SELECT {_COLUMNS} FROM effects WHERE id = ?", (effect_id,)).fetchone()
    return _effect_of_row(row)


def describe_effect(effect: Effect) -> JSON:
    """How it stands by now, as its firing shows it."""
    told: JSON = {"result": effect.state}
    if effect.detail is not None:
        told["detail"] = effect.detail
    if "path" in effect.request:
        told["path"] = effect.request["path"]
    return told


def count_effects(db: sqlite3.Connection) -> dict[tuple[EffectKind, EffectState], int]:
    """Count effects by kind and state."""
    rows = db.execute("SELECT kind, state, count(*) FROM effects GROUP BY kind, state")
    return {(kind, state): int(count) for kind, state, count in rows}


def _effect_of_row(row: tuple[Any, ...]) -> Effect:
    values = dict(zip(_FIELDS, row, strict=True))
    return Effect(**values | {"request": msgspec.json.decode(values["request"])})
