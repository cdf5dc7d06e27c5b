"""Brings tasks that somebody submitted elsewhere into the ledger, by the ids that their gateway gave them."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import structlog

from hooks.scalars import time_of
from hooks.wire import Listed
from service.gateways.client import GatewayClient
from service.gateways.questions import Unanswered
from storage.adoption import adopt, find_by_gateway_id, read_first_doubt
from storage.errors import LedgerBusy, LedgerUnavailable, NoSuchTask
from storage.ledger import record
from storage.records import Task
from storage.store import Store
from storage.tasks import read_task
from storage.transaction import Transaction

MARGIN: Final = 24 * 3600 * 1000  # milliseconds by which a gateway's clock may be wrong; some tell their local time
IN_DOUBT: Final = "It may be one of ours: a submission to its gateway has no answer yet. Ask again later."
NOT_TAKEN: Final = "What its gateway tells of it cannot be written down; the service's log says more."

log = structlog.get_logger("ringback.adopter")


class Adoption(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking a gateway for tasks, by the ids that were asked for."""

    tasks: Mapping[str, Task]
    new: frozenset[str]  # of these, those that the ledger did not know
    missing: frozenset[str] = frozenset()  # asked, and the gateway does not know them
    withheld: Mapping[str, str] = {}  # the gateway knows them, and why the ledger does not yet
    failed: str | None = None  # why the rest is not known; the first reason of several


class Adopter:
    """Asks gateways, and writes down what they tell."""

    def __init__(self, store: Store, clients: Mapping[str, GatewayClient]) -> None:
        self._store = store
        self._clients = clients

    async def adopt(self, gateway: str, gateway_ids: Sequence[str]) -> Adoption:
        """Ask a gateway, which is configured, about these ids once, and adopt what it knows."""
        told = await self._clients[gateway].ask(gateway_ids)
        adoption = await self._take(gateway, {gateway_id: rows[0] for gateway_id, rows in told.found.items()})
        return msgspec.structs.replace(adoption, missing=told.missing, failed=told.failed or adoption.failed)

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
        tasks: dict[str, Task] = {}
        new: set[str] = set()
        withheld: dict[str, str] = {}
        for gateway_id, taken in zip(rows, await asyncio.gather(*writing, return_exceptions=True), strict=True):
            if isinstance(taken, LedgerBusy | LedgerUnavailable):
                raise taken
            if isinstance(taken, BaseException):
                # One row of a gateway that is like no other keeps the others from nothing.
                log.error("not adopted", gateway=gateway, gateway_id=gateway_id, exc_info=taken)
                withheld[gateway_id] = NOT_TAKEN
            elif taken is None:
                withheld[gateway_id] = IN_DOUBT
            else:
                tasks[gateway_id], is_new = taken
                new |= {gateway_id} if is_new else set()
        return Adoption(tasks=tasks, new=frozenset(new), withheld=withheld, failed=next(iter(withheld.values()), None))


def take(tx: Transaction, gateway: str, gateway_id: str, listed: Listed) -> tuple[Task, bool] | None:
    """Adopt one row of a gateway; give the task, and whether it is new.

    A row whose `state` is a task of ours is that task: its gateway answered too late to name it. One without a `state`
    may be, too, while a submission has no answer: None, nobody knows now.
    """
    own = None if listed.state is None else _read_own(tx, gateway, listed.state)
    if own is not None and record(tx, own.id, None, listed.progress, "fetch") != "foreign":
        return read_task(tx, own.id), False
    submitted_at = time_of(listed.progress.properties.get("submitTime"))
    if listed.state is None and find_by_gateway_id(tx, gateway, gateway_id) is None:
        doubtful = read_first_doubt(tx, gateway)
        if doubtful is not None and (submitted_at is None or submitted_at > doubtful - MARGIN):
            return None
    return adopt(tx, gateway, gateway_id, listed.progress, state=listed.state, submitted_at=submitted_at)


def _read_own(tx: Transaction, gateway: str, task_id: str) -> Task | None:
    try:
        task = read_task(tx, task_id)
    except NoSuchTask:
        return None
    return task if task.gateway == gateway else None
