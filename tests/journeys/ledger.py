"""A ledger's file, as it can be read from outside."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

HEIGHTS = {"NOT_START": 0, "MODAL": 1, "SUBMITTED": 2, "IN_PROGRESS": 3, "SUCCESS": 4, "FAILURE": 4}


class Ledger:
    """A ledger's file, read from outside and never written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, values)]

    def dump(self) -> str:
        """Everything there is."""
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection:
            return "\n".join(connection.iterdump())

    def tasks(self) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM tasks ORDER BY id")

    def sources(self, event_type: str) -> dict[str, str]:
        """Who told of it, by task, for each task that has such an event."""
        rows = self.rows("SELECT task_id, source FROM events WHERE type = ?", event_type)
        return {row["task_id"]: row["source"] for row in rows}

    def copy(self, name: str) -> "Ledger":
        """The file and its log as they lie there, for a look that cannot mend what a crash left behind."""
        for ending in ("", "-wal"):
            shutil.copy(f"{self.path}{ending}", self.path.with_name(name + ending))
        return Ledger(self.path.with_name(name))

    def heights(self) -> dict[str, list[tuple[int, tuple[int, int]]]]:
        """When and how far the events of a task go, by each id that its gateway has for it."""
        shown: dict[str, dict[str, Any]] = {}
        heights: dict[str, list[tuple[int, tuple[int, int]]]] = {}
        rows = self.rows("SELECT gateway_id, time, changes FROM events JOIN gateway_ids USING (task_id) ORDER BY seq")
        for row in rows:
            task = shown.setdefault(row["gateway_id"], {})
            task |= json.loads(row["changes"])
            height = HEIGHTS[task["status"]], -1 if task["progress"] is None else task["progress"]
            heights.setdefault(row["gateway_id"], []).append((row["time"], height))
        return heights

    def lacks(self, books: dict[str, Any]) -> list[tuple[str, int, int]]:
        """The callbacks that were acknowledged to the gateway, and of which no event of that time or before knows.

        What the reconciler asked for later is no excuse. Gateway and ledger go by the same clock: this machine's.
        """
        heights = self.heights()
        acknowledged = [
            (gateway_id, HEIGHTS[status], int(progress.removesuffix("%")) if progress else -1, at)
            for gateway_id, status, progress, at in books["acknowledged_log"]
        ]
        return [
            (gateway_id, rank, percent)
            for gateway_id, rank, percent, at in acknowledged
            if all(time > at or height < (rank, percent) for time, height in heights.get(gateway_id, ()))
        ]
