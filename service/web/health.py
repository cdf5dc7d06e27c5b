"""`/healthz`: the process is alive. `/readyz`: it is able to work."""

import asyncio
import sqlite3
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from service.web.calls import Call, answer_json
from service.web.desk import Desk
from storage.errors import LedgerError
from storage.queue import read_next_due
from storage.transaction import Transaction

ROUND_TRIP: Final = 2.0  # seconds that the writer may take


class HealthCalls:
    """The calls that need no key."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        return [
            Call(
                method="GET",
                path="/healthz",
                handler=self.alive,
                summary="Whether the process is alive",
                answers={200: ("It is", "Health")},
                public=True,
            ),
            Call(
                method="GET",
                path="/readyz",
                handler=self.ready,
                summary="Whether it is able to work",
                answers={200: ("It is", "Health"), 503: ("It is not, and why", "Health")},
                public=True,
            ),
        ]

    async def alive(self, _request: Request) -> Response:
        """`GET /healthz`."""
        return answer_json({"status": "alive"})

    async def ready(self, _request: Request) -> Response:
        """`GET /readyz`."""
        desk = self._desk
        checks = {
            "ledger": await self._check_ledger(),
            "workers": ", ".join(sorted(desk.supervisor.failing)) or None,
            "stopping": "the service is about to stop" if desk.goodbye.said else None,
        }
        ready = not any(checks.values())
        return answer_json(
            {
                "status": "ready" if ready else "not ready",
                "checks": {name: said or "ok" for name, said in checks.items()},
                "hooks": "none: no public URL" if desk.hookless else "on",
                "rules": desk.rules,
                "oldest_due_ms": await self._read_age(),
            },
            200 if ready else 503,
        )

    async def _check_ledger(self) -> str | None:
        try:
            async with asyncio.timeout(ROUND_TRIP):
                await self._desk.store.write(_touch)
        except LedgerError as error:
            return str(error)
        except TimeoutError:
            return f"the writer did not answer within {ROUND_TRIP:g} s"
        return None

    async def _read_age(self) -> int | None:
        now = self._desk.store.now()
        try:
            due = await self._desk.store.read(read_next_due, now=now)
        except (LedgerError, sqlite3.Error):
            return None
        return None if due is None else max(0, now - due)


def _touch(tx: Transaction) -> None:
    """Write the header as it is: a disk that is full or read-only shows here."""
    # A row that stays as it is would not be written at all; the header always is, and nobody uses this field of it.
    tx.execute("PRAGMA user_version = 0")
