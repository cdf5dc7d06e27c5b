"""A ledger whose rules owe what a test wants them to, and servers on the loopback interface that answer by path."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hooks.clients import target_client
from hooks.targets import parse_allow_list
from storage.effects import list_effects
from storage.ledger import record
from storage.openings import open_task
from storage.queue import claim_due
from storage.reactions import Action, Decision, Download, Effect, Facts, Notify
from storage.records import NewTask, Progress, Task
from storage.store import NoRules, Store
from storage.submissions import list_submissions

PATIENCE = 10.0  # seconds until a test gives up waiting
Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


class Clock:
    """Seconds; moved by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Owing(NoRules):
    """A rule on every success, which owes what `owed` says."""

    def __init__(self) -> None:
        self.owed: Callable[[Task], tuple[Action, ...]] = lambda task: ()

    def listens(self, event_type: str) -> bool:
        return event_type == "task.succeeded"

    def __call__(self, event_type: str, task: Task, facts: Facts) -> tuple[Decision, ...]:
        return (Decision(rule="cats", version="1", origin="rule:cats", actions=self.owed(task)),)


class House:
    """A ledger, a client that may call the loopback interface, and the steps that each test takes."""

    def __init__(self, path: Path, client: httpx.AsyncClient) -> None:
        self.clock = Clock()
        self.rules = Owing()
        self.store = Store(path / "ringback.db", react=self.rules, clock=self.clock)
        self.client = client

    async def succeed(self, **claims: Any) -> Task:
        """A task of which its gateway says that it succeeded."""
        new = NewTask(gateway="g", action="UPSCALE", prompt="一只猫", origin="api")
        task = await self.store.write(open_task, new)
        await self.store.write(claim_due, gateway="g", limit=1)
        (submission,) = await self.store.read(list_submissions, task.id)
        progress = Progress(gateway_id=task.id, status="SUCCESS", progress=100, **claims)
        await self.store.write(record, task.id, submission.nonce, progress, "callback")
        return task

    async def download(self, url: str, path: str = "shop/1.png") -> Task:
        """A task whose picture is to be kept."""
        self.rules.owed = lambda task: (Download(task_id=task.id, url=url, path=path),)
        return await self.succeed()

    async def notify(self, address: str = "a", text: str = "一只猫", title: str | None = None) -> Task:
        """A task of which somebody is to be told."""
        self.rules.owed = lambda task: (Notify(address=address, title=title, text=text),)
        return await self.succeed()

    async def effects(self) -> list[Effect]:
        """Oldest first."""
        return (await self.store.read(list_effects))[::-1]

    async def finish(self, worker: Any) -> list[Effect]:
        """Let a worker do what is due until nothing is under way any more; gives all effects."""
        with self.store.bell.listen("effects") as listener:
            while True:
                await worker.step()
                if not worker.busy:
                    return await self.effects()
                await listener.wait(PATIENCE)


class Server:
    """Answers each request by its path."""

    def __init__(self) -> None:
        self.url = ""
        self.elsewhere = ""  # the same one, as another host
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.bodies: list[bytes] = []

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ", 2)[1]
            length = [line[15:] for line in head.lower().split("\r\n") if line.startswith("content-length:")]
            self.bodies.append(await reader.readexactly(int(length[0])) if length else b"")
            self.asked.append(path)
            answer = self.answers.get(path, make_answer(b"", status="404 Not Found"))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def make_answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode() + body


@pytest.fixture
def answer() -> Callable[..., bytes]:
    """Writes an answer of HTTP: `answer(body, "Name: value", status="404 Not Found")`."""
    return make_answer


@pytest.fixture
def open_house(tmp_path: Path) -> Callable[[], AbstractAsyncContextManager[tuple[House, Server]]]:
    """Opens a ledger and a server: `async with open_house() as (house, server)`."""

    @asynccontextmanager
    async def open_one() -> AsyncIterator[tuple[House, Server]]:
        server = Server()
        listener = await asyncio.start_server(server.converse, "127.0.0.1", 0)
        other = await asyncio.start_server(server.converse, "127.0.0.2", 0)
        server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        server.elsewhere = f"http://127.0.0.2:{other.sockets[0].getsockname()[1]}"
        async with target_client(parse_allow_list("127.0.0.0/8")) as client:
            house = House(tmp_path, client)
            house.store.start(asyncio.get_running_loop())
            try:
                yield house, server
            finally:
                house.store.close()
                listener.close()
                other.close()

    return open_one
