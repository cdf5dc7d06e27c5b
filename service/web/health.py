"""`/healthz`: the process is alive. `/readyz`: it is able to work."""

import asyncio
import sqlite3
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from service.rules.ruling import Ruling
from service.web.calls import Call, answer_json
from service.web.desk import Desk
from storage.effects import count_effects
from storage.errors import LedgerError
from storage.pauses import EVERYTHING, is_paused
from storage.queue import read_next_due
from storage.tallies import list_deferred
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
                "hooks": "none: no public URL" if desk.public_url is None else "on",
                "rules": _tell_rules(desk.ruling),
                "oldest_due_ms": await self._read_age(),
                **await self._count_waiting(),
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

    async def _count_waiting(self) -> dict[str, Any]:
        """What stands still or went wrong without making the service unable to work."""
        store = self._desk.store
        try:
            paused = await store.read(is_paused, EVERYTHING)
            deferred = await store.read(list_deferred)
            effects = await store.read(count_effects)
        except (LedgerError, sqlite3.Error):
            return {}
        failed = sum(count for (_, state), count in effects.items() if state == "failed")
        return {"paused": paused, "deferred_firings": len(deferred), "failed_effects": failed}


def _tell_rules(ruling: Ruling) -> int | str:
    """How many rules there are, or that a newer file was refused; what is wrong with it is for who has a key."""
    rules, refusal = len(ruling.rulebook.rules), ruling.refusal
    if refusal is None:
        return rules
    mistakes = len(refusal.mistakes)
    return f"refused: {mistakes} mistake{'' if mistakes == 1 else 's'} in a newer file; the {rules} before it go on"


def _touch(tx: Transaction) -> None:
    """Write the header as it is: a disk that is full or read-only shows here."""
    # A row that stays as it is would not be written at all; the header always is, and nobody uses this field of it.
    tx.execute("PRAGMA user_version = 0")
