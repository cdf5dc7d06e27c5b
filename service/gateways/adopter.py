"""Brings tasks that somebody submitted elsewhere into the ledger, by the ids that their gateway gave them."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from hooks.wire import Listed
from service.gateways.client import GatewayClient
from service.gateways.questions import Unanswered
from storage.adoption import adopt
from storage.errors import NoSuchTask
from storage.ledger import record
from storage.records import Task
from storage.store import Store
from storage.tasks import read_task
from storage.transaction import Transaction


class Adoption(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking a gateway for tasks, by the ids that were asked for."""

    tasks: Mapping[str, Task]
    new: frozenset[str]  # of these, those that the ledger did not know
    missing: frozenset[str] = frozenset()  # asked, and the gateway does not know them
    failed: str | None = None  # why the rest is not known


class Adopter:
    """Asks gateways, and writes down what they tell."""

    def __init__(self, store: Store, clients: Mapping[str, GatewayClient]) -> None:
        self._store = store
        self._clients = clients

    async def adopt(self, gateway: str, gateway_ids: Sequence[str]) -> Adoption:
        """Ask a gateway, which is configured, about these ids once, and adopt what it knows."""
        told = await self._clients[gateway].ask(gateway_ids)
        adoption = await self._take(gateway, {gateway_id: rows[0] for gateway_id, rows in told.found.items()})
        return msgspec.structs.replace(adoption, missing=told.missing, failed=told.failed)

    async def adopt_all(self, gateway: str) -> Adoption | Unanswered:
        """Adopt whatever a gateway, which is configured, lists."""
        listed = await self._clients[gateway].list_all()
        if isinstance(listed, Unanswered):
            return listed
        rows = {row.progress.gateway_id: row for row in listed}
        return await self._take(gateway, {gateway_id: row for gateway_id, row in rows.items() if gateway_id})

    async def _take(self, gateway: str, rows: Mapping[str, Listed]) -> Adoption:
        # Written at once, they share their commits.
        writing = [self._store.write(take, gateway, gateway_id, row) for gateway_id, row in rows.items()]
        taken = dict(zip(rows, await asyncio.gather(*writing), strict=True))
        return Adoption(
            tasks={gateway_id: task for gateway_id, (task, _) in taken.items()},
            new=frozenset(gateway_id for gateway_id, (_, is_new) in taken.items() if is_new),
        )


def take(tx: Transaction, gateway: str, gateway_id: str, listed: Listed) -> tuple[Task, bool]:
    """Adopt one row of a gateway; give the task, and whether it is new.

    A row whose `state` is a task of ours is that task: its gateway answered too late to name it.
    """
    own = None if listed.state is None else _read_own(tx, gateway, listed.state)
    if own is not None and record(tx, own.id, None, listed.progress, "fetch") != "foreign":
        return read_task(tx, own.id), False
    return adopt(tx, gateway, gateway_id, listed.progress, state=listed.state)


def _read_own(tx: Transaction, gateway: str, task_id: str) -> Task | None:
    try:
        task = read_task(tx, task_id)
    except NoSuchTask:
        return None
    return task if task.gateway == gateway else None
