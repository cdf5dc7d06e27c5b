"""Watches how the hooks of one gateway do, and counts what it is asked."""

from typing import Final

import httpx
import structlog

from service.gateways.client import GatewayClient
from service.gateways.health import HORIZON, WINDOW, Health, HookState, judge
from service.gateways.status import ask_status
from storage.arrivals import list_arrivals, read_last_callback
from storage.polls import Polls, tally_polls
from storage.store import Store

STATUS_EVERY: Final = 3600.0  # seconds between two questions whether it passes hooks on
TALLY_EVERY: Final = 10.0  # seconds

REMEMBERED: Final = 20_000  # tasks that were called about

log = structlog.get_logger("ringback.hooks")


class Calls:
    """The tasks about which gateways called lately, whether or not that was news: what comes late leaves no event."""

    def __init__(self) -> None:
        self._tasks: dict[str, None] = {}

    def note(self, task_id: str) -> None:
        """A callback about the task has come."""
        self._tasks[task_id] = None
        if len(self._tasks) > REMEMBERED:
            del self._tasks[next(iter(self._tasks))]

    def __contains__(self, task_id: str) -> bool:
        """Whether one came."""
        return task_id in self._tasks


class HookWatch:
    """One gateway's. What was submitted before it was made says nothing: the public URL may have been another.

    `reachable`: whether there is a public URL. `http` is a client for free questions.
    """

    def __init__(
        self, store: Store, client: GatewayClient, *, calls: Calls, http: httpx.AsyncClient, reachable: bool
    ) -> None:
        self._store = store
        self._calls = calls
        self._client = client
        self._gateway = client.gateway
        self._http = http
        self._reachable = reachable
        self._since = store.now()
        self._declared: bool | None = None
        self._status_due = self._since
        self._tallied = 0  # questions that are in the ledger
        self._state: HookState = "unknown"

    async def watch(self) -> float:
        """Do what is due, and give the seconds until more is."""
        now = self._store.now()
        if self._reachable and not now < self._status_due <= now + STATUS_EVERY * 1000:
            self._status_due = now + int(STATUS_EVERY * 1000)
            declared = await ask_status(self._http, self._gateway.url)
            self._declared = self._declared if declared is None else declared
        await self.count_polls()
        await self._tell_change()
        return TALLY_EVERY

    async def judge(self) -> Health:
        """How its hooks are now."""
        arrivals = await self._store.read(list_arrivals, self._gateway.name, since=self._horizon(), limit=WINDOW)
        # A callback that came after its task was asked about brought nothing new, and shows that hooks arrive.
        heard = [each._replace(heard=each.heard or each.task_id in self._calls) for each in arrivals]
        return judge(heard, declared=self._declared, reachable=self._reachable)

    async def read_last_callback(self) -> int | None:
        """When (ms) a callback of its last brought news."""
        return await self._store.search(read_last_callback, self._gateway.name, since=self._horizon())

    async def count_polls(self) -> Polls:
        """The questions that it was asked, and those that were avoided."""
        made, self._tallied = self._client.asked - self._tallied, self._client.asked
        try:
            return await self._store.write(tally_polls, self._gateway.name, made)
        except Exception:
            self._tallied -= made  # counted the next time
            raise

    def _horizon(self) -> int:
        return max(self._since, self._store.now() - HORIZON * 1000)

    async def _tell_change(self) -> None:
        """Log once that its hooks are another way than they were."""
        health = await self.judge()
        if health.state != self._state:
            self._state = health.state
            level = log.warning if health.state in ("missing", "patchy") else log.info
            level("hooks", gateway=self._gateway.name, state=health.state, declared=health.declared)
