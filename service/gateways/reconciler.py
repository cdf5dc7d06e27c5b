"""Asks gateways about tasks that went silent. The safety net, never the engine."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import structlog

from hooks.wire import Listed
from service.gateways.client import GatewayClient, Told
from service.gateways.health import SHORTEST_INTERVAL, Health, choose_pace
from storage.gateway_ids import Silent, keep_gateway_id, list_silent, mark_asked
from storage.ledger import record
from storage.records import Progress
from storage.store import Store
from storage.submissions import lose_overdue, lose_task
from storage.tasks import is_another

LONGEST: Final = 300.0  # seconds between two questions about a task that stays silent

log = structlog.get_logger("ringback.reconciler")


class Reconciler:
    """One worker for each gateway, so that one that hangs keeps nobody else waiting. What they learn goes the way of a
    callback, through `storage.ledger.record`.

    How soon and how often it asks follows from how the gateway's hooks do, as `judge` tells by its name.
    `silent_after` and `lost_after` are seconds: without news before a question, and before giving up.
    """

    def __init__(
        self,
        store: Store,
        clients: Mapping[str, GatewayClient],
        *,
        judge: Callable[[str], Awaitable[Health]],
        silent_after: float,
        lost_after: float,
    ) -> None:
        self._store = store
        self._clients = clients
        self._judge = judge
        self._silent_after = silent_after
        self._lost_after = lost_after
        self._mistaken: set[str] = set()  # tasks about which a gateway told of another one
        self._first: dict[str, int | None] = dict.fromkeys(clients)  # whose first look is not over, and when it began

    async def reconcile_silent(self, gateway: str) -> float:
        """Ask a gateway about one batch of what is due, the longest unasked first, and give the seconds until the next.

        The first look, at start, asks about every task that has not ended, once and without a pause: callbacks may have
        come while nobody listened.
        """
        pace = choose_pace((await self._judge(gateway)).state, self._silent_after)
        batch = self._clients[gateway].batch
        asked = await self._ask_due(gateway, pace.silent_after, batch)
        await self._store.write(lose_overdue, before=self._store.now() - int(self._lost_after * 1000))
        if asked < batch:
            self._first.pop(gateway, None)
        return SHORTEST_INTERVAL if gateway in self._first else pace.interval

    async def reconcile_task(self, gateway: str, task_id: str, gateway_id: str | None) -> str | None:
        """Ask about one task now; give why that failed, or None."""
        client = self._clients.get(gateway)
        if client is None:
            return f"No gateway {gateway!r} is configured."
        silent = Silent(task_id=task_id, gateway_id=gateway_id, updated_at=self._store.now(), asked_at=0)
        return await self._ask(client, [silent])

    async def _ask_due(self, gateway: str, silent_after: float, batch: int) -> int:
        first, now = gateway in self._first, self._store.now()
        if first:
            # A moment ago, so that what is asked about from now on is not due again; the clock may step back meanwhile.
            self._first[gateway] = min(self._first[gateway] or now, now - 1)
        silent = await self._store.read(
            list_silent,
            gateway=gateway,
            now=now,
            before=self._first.get(gateway),
            silent_after=0 if first else int(silent_after * 1000),
            longest=0 if first else int(max(LONGEST, silent_after) * 1000),
            limit=batch,
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
            reason = None
            if rows := found.found.get(asked):
                reason = await self._record(client, each, rows)
                failed = reason or failed
            elif asked in found.missing:
                reason = "Its gateway does not know it any more."
            if reason is not None and each.updated_at < forgotten:
                await self._store.write(lose_task, each.task_id, reason=reason, silent_since=each.updated_at)
        return failed

    async def _record(self, client: GatewayClient, asked: Silent, rows: Sequence[Listed]) -> str | None:
        """Write down what was told of a task; give what was wrong with it, or None."""
        row = await self._choose(asked.task_id, rows)
        if row is not None:
            recorded = await self._store.write(record, asked.task_id, None, row.progress, "fetch")
            if recorded != "foreign":
                return None
        elif await self._find_again(client, asked.task_id):
            return None
        return self._tell_mistake(asked, rows[0].progress)

    async def _find_again(self, client: GatewayClient, task_id: str) -> bool:
        """Look for a task by its `state`: the id that its gateway gave us is another one's. Whether it was found."""
        for row in (await client.search([task_id])).found.get(task_id, ()):
            if row.progress.gateway_id is not None:
                await self._store.write(keep_gateway_id, task_id, row.progress.gateway_id)
                await self._store.write(record, task_id, None, row.progress, "fetch")
                return True
        return False

    async def _choose(self, task_id: str, rows: Sequence[Listed]) -> Listed | None:
        """The row that is about the task. Gateways give one id to two tasks at times: then the `state` tells, which is
        our own id on its way back. A row with the state of another task of ours is about that one.
        """
        for row in rows:
            if row.state == task_id:
                return row
        for row in rows:
            if row.state is None or not await self._store.read(is_another, row.state, task_id):
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
