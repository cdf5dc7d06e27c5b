"""Asks gateways about tasks that went silent. The safety net, never the engine."""

from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from hooks.wire import Listed
from service.gateways.client import BATCH, GatewayClient, Told
from storage.gateway_ids import Silent, list_silent, mark_asked
from storage.ledger import record
from storage.records import Progress
from storage.store import Store
from storage.submissions import lose_overdue, lose_task
from storage.tasks import has_task

LONGEST: Final = 300.0  # seconds between two questions about a task that stays silent
STEPS: Final = 4  # looks at the ledger within one `silent_after`
SHORTEST_STEP: Final = 0.05  # seconds
LONGEST_STEP: Final = 10.0  # seconds

log = structlog.get_logger("ringback.reconciler")


class Reconciler:
    """One worker for each gateway, so that one that hangs keeps nobody else waiting. What they learn goes the way of a
    callback, through `storage.ledger.record`.

    `silent_after` and `lost_after` are seconds: without news before a question, and before giving up.
    """

    def __init__(
        self,
        store: Store,
        clients: Mapping[str, GatewayClient],
        *,
        silent_after: float,
        lost_after: float,
    ) -> None:
        self._store = store
        self._clients = clients
        self._silent_after = silent_after
        self._lost_after = lost_after
        self._mistaken: set[str] = set()  # tasks about which a gateway told of another one
        self._first: dict[str, int | None] = dict.fromkeys(clients)  # whose first look is not over, and when it began

    async def reconcile_silent(self, gateway: str) -> float:
        """Ask a gateway about a batch of what is due, and give the seconds until the next look.

        The first look, at start, asks about every task that has not ended, once: callbacks may have come while nobody
        listened.
        """
        asked = await self._ask_due(gateway)
        if asked < BATCH:
            self._first.pop(gateway, None)
        await self._store.write(lose_overdue, before=self._store.now() - int(self._lost_after * 1000))
        if asked >= BATCH:
            return SHORTEST_STEP
        return min(max(self._silent_after / STEPS, SHORTEST_STEP), LONGEST_STEP)

    async def reconcile_task(self, gateway: str, task_id: str, gateway_id: str | None) -> str | None:
        """Ask about one task now; give why that failed, or None."""
        client = self._clients.get(gateway)
        if client is None:
            return f"No gateway {gateway!r} is configured."
        silent = Silent(task_id=task_id, gateway_id=gateway_id, updated_at=self._store.now(), asked_at=0)
        return await self._ask(client, [silent])

    async def _ask_due(self, gateway: str) -> int:
        first, now = gateway in self._first, self._store.now()
        if first:
            # A moment ago, so that what is asked about from now on is not due again; the clock may step back meanwhile.
            self._first[gateway] = min(self._first[gateway] or now, now - 1)
        silent = await self._store.read(
            list_silent,
            gateway=gateway,
            now=now,
            before=self._first.get(gateway),
            silent_after=0 if first else int(self._silent_after * 1000),
            longest=0 if first else int(max(LONGEST, self._silent_after) * 1000),
            limit=BATCH,
        )
        if silent:
            failed = await self._ask(self._clients[gateway], silent)
            log.info("reconciled", gateway=gateway, tasks=len(silent), failed=failed)
        return len(silent)

    async def _ask(self, client: GatewayClient, silent: list[Silent]) -> str | None:
        await self._store.write(mark_asked, [each.task_id for each in silent])
        told = by_state = Told(found={})
        if ids := list(dict.fromkeys(each.gateway_id for each in silent if each.gateway_id is not None)):
            told = await client.ask(ids)
        if unnamed := [each.task_id for each in silent if each.gateway_id is None]:
            by_state = await client.search(unnamed)
        failed = told.failed
        if by_state.failed is not None:
            failed = failed or f"it has never named the task, and to look for it was in vain: {by_state.failed}"
        forgotten = self._store.now() - int(self._lost_after * 1000)
        for each in silent:
            found, asked = (by_state, each.task_id) if each.gateway_id is None else (told, each.gateway_id)
            if rows := found.found.get(asked):
                failed = await self._record(each, rows) or failed
            elif asked in found.missing and each.updated_at < forgotten:
                reason = "Its gateway does not know it any more."
                await self._store.write(lose_task, each.task_id, reason=reason, silent_since=each.updated_at)
        return failed

    async def _record(self, asked: Silent, rows: Sequence[Listed]) -> str | None:
        """Write down what was told of a task; give what was wrong with it, or None."""
        row = await self._choose(asked.task_id, rows)
        recorded = None
        if row is not None:
            recorded = await self._store.write(record, asked.task_id, None, row.progress, "fetch")
        return self._tell_mistake(asked, rows[0].progress) if recorded in (None, "foreign") else None

    async def _choose(self, task_id: str, rows: Sequence[Listed]) -> Listed | None:
        """The row that is about the task. Gateways give one id to two tasks at times: then the `state` tells, which is
        our own id on its way back. A row with the state of another task of ours is about that one.
        """
        for row in rows:
            if row.state == task_id:
                return row
        for row in rows:
            if row.state is None or not await self._store.read(has_task, row.state):
                return row
        return None

    def _tell_mistake(self, asked: Silent, progress: Progress) -> str:
        """Log, once for each task, that its gateway told of another one; give what to say of it."""
        other = progress.gateway_id if progress.gateway_id != asked.gateway_id else "another one under the same id"
        why = f"asked about its task {asked.gateway_id}, it told of {other}"
        if asked.task_id not in self._mistaken:
            self._mistaken.add(asked.task_id)
            log.warning("another task than asked for", task=asked.task_id, why=why)
        return why
