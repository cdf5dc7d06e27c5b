"""What tests share: a clock that only a test moves, a ledger on disk with its verbs at hand, a scenario that ends."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from service.rules.limits import Limits
from service.rules.reactor import Reactor
from service.rules.reading.rulebook import read_rulebook
from service.written.document import Document
from storage.audience import Assemble
from storage.events import list_events
from storage.firings import list_firings
from storage.ledger import record
from storage.openings import open_task
from storage.queue import claim_due
from storage.reactions import Firing, React
from storage.records import Button, Event, NewTask, Progress, Submission, Task
from storage.store import Store
from storage.submissions import acknowledge, list_submissions
from storage.tasks import read_task

# The everyday run looks at the same few examples each time; `HYPOTHESIS_PROFILE=deep make test` looks for new ones.
settings.register_profile("quick", max_examples=30, deadline=None, derandomize=True, database=None)
settings.register_profile("deep", max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

# Ledgers of tests lie in memory where there is room: every commit waits for the disk, and no test pulls its plug.
MEMORY = Path("/dev/shm")
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2**30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# A shell has what it runs in the background ignore Ctrl-C, and the programs that tests start would inherit it.
signal.signal(signal.SIGINT, signal.default_int_handler)

PATIENCE = 10.0  # seconds until a test gives up waiting


class Clock:
    """Seconds, for a Store; moved by hand."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def make_button(label: str, kind: str, index: int | None = None) -> Button:
    return Button(label=label, custom_id=f"MJ::JOB::{kind}::{index}::x", kind=kind, index=index)


GRID = (
    *(make_button(f"U{index}", "upsample", index) for index in range(1, 5)),
    *(make_button(f"V{index}", "variation", index) for index in range(1, 5)),
    make_button("🔄", "reroll"),
)


class Ledger:
    """A store whose verbs are waited for, and the few steps that nearly every test takes."""

    grid = GRID

    def __init__(
        self,
        path: Path,
        *,
        react: React | None = None,
        assemble: Assemble | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.clock = clock or Clock()
        self.store = Store(path, react=react, assemble=assemble, clock=self.clock)
        self.store.start()

    def do(self, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a verb; give its result after the commit."""
        return self.store.submit(verb, *args, **kwargs).result(PATIENCE)

    def ask(self, query: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return self.store.query(query, *args, **kwargs)

    def sql(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.ask(lambda db: db.execute(text, values).fetchall())

    def open(self, **fields: Any) -> Task:
        """A new root task."""
        base: dict[str, Any] = {"gateway": "g", "action": "IMAGINE", "prompt": "一只猫 cat", "origin": "api"}
        return self.do(open_task, NewTask(**base | fields))

    def claim(self, limit: int = 100) -> list[Any]:
        return self.do(claim_due, gateway="g", limit=limit)

    def open_accepted(self, gateway_id: str | None = "g1", **fields: Any) -> Task:
        """A task that its gateway has."""
        task = self.open(**fields)
        self.claim()
        self.do(acknowledge, self.submission(task).id, gateway_id, "submit", {"code": 1})
        return self.task(task)

    def open_grid(self, gateway_id: str = "g1", **fields: Any) -> Task:
        """A finished grid."""
        task = self.open_accepted(gateway_id, **fields)
        self.record(task, status="SUCCESS", progress=100, buttons=GRID)
        return self.task(task)

    def record(self, task: Task, *, nonce: str | None = None, **claims: Any) -> str:
        """A callback to the hook of the task's submission."""
        return self.do(record, task.id, nonce or self.submission(task).nonce, Progress(**claims), "callback")

    def task(self, task: Task) -> Task:
        return self.ask(read_task, task.id)

    def submission(self, task: Task) -> Submission:
        return self.ask(list_submissions, task.id)[-1]

    def events(self, task: Task) -> list[Event]:
        """The task's own history, without that of its chain."""
        return self.ask(list_events, task=task.id, types=("task.*",))[0]

    def told(self, task: Task) -> list[str]:
        return [event.type for event in self.events(task)]

    def firings(self, task: Task) -> list[Firing]:
        return self.ask(list_firings, task=task.id)

    def children(self, task: Task) -> list[Task]:
        return [self.ask(read_task, row[0]) for row in self.sql("SELECT id FROM tasks WHERE parent_id = ?", task.id)]


def make_reactor(*rules: str) -> Reactor:
    text = ", ".join(f"{{{rule}}}" for rule in rules)
    document = Document(f"rules: [{text}]".encode(), file="f", environ={})
    assert document.root is not None
    book = read_rulebook(document.root.mapping(("rules",))["rules"], Limits())
    assert document.source.mistakes == ()
    return Reactor(book)


@pytest.fixture(scope="session")
def reactor() -> Callable[..., Reactor]:
    """Gives the real rules: `reactor("id: cats, on: task.succeeded, match: {…}, do: [click: U1]")`."""
    return make_reactor


@pytest.fixture
def open_ledger(tmp_path: Path) -> Iterator[Callable[..., Ledger]]:
    """Opens ledgers in tmp_path, and closes them in the end."""
    opened: list[Ledger] = []

    def open_one(name: str = "ringback.db", **options: Any) -> Ledger:
        opened.append(Ledger(tmp_path / name, **options))
        return opened[-1]

    yield open_one
    for each in opened:
        each.store.close()


@pytest.fixture
def ledger(open_ledger: Callable[..., Ledger]) -> Ledger:
    return open_ledger()


@pytest.fixture(scope="module")
def open_shared_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Ledger]]:
    """The same for a whole module: a property test opens new tasks for each example, not a new ledger."""
    opened: list[Ledger] = []

    def open_one(**options: Any) -> Ledger:
        opened.append(Ledger(tmp_path_factory.mktemp("ledger") / "ringback.db", **options))
        return opened[-1]

    yield open_one
    for each in opened:
        each.store.close()


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs one scenario to its end, or fails when that does not come."""

    async def bounded(scenario: Coroutine[Any, Any, Any]) -> Any:
        async with asyncio.timeout(PATIENCE):
            return await scenario

    return lambda scenario: asyncio.run(bounded(scenario))
