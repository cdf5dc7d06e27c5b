"""A ledger's file, as it can be read from outside."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

HEIGHTS = {"NOT_START": 0, "SUBMITTED": 1, "IN_PROGRESS": 2, "SUCCESS": 3, "FAILURE": 3}


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

    def heights(self) -> dict[str, tuple[int, int]]:
        """How far the events of a task go, by each id that its gateway has for it."""
        shown: dict[str, dict[str, Any]] = {}
        heights: dict[str, tuple[int, int]] = {}
        for row in self.rows("SELECT gateway_id, changes FROM events JOIN gateway_ids USING (task_id) ORDER BY seq"):
            task = shown.setdefault(row["gateway_id"], {})
            task |= json.loads(row["changes"])
            height = HEIGHTS[task["status"]], -1 if task["progress"] is None else task["progress"]
            heights[row["gateway_id"]] = max(height, heights.get(row["gateway_id"], height))
        return heights

    def lacks(self, books: dict[str, Any]) -> list[tuple[str, int, int]]:
        """The callbacks that were acknowledged to the gateway and of which the events know nothing."""
        heights = self.heights()
        acknowledged = [
            (gateway_id, HEIGHTS[status], int(progress.removesuffix("%")) if progress else -1)
            for gateway_id, status, progress in books["acknowledged_log"]
        ]
        return [each for each in acknowledged if heights.get(each[0], (-1, -1)) < each[1:]]
