"""Gateways to talk to: a whole one behind real HTTP, and raw sockets that misbehave below HTTP."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hooks.clients import fetch_client, submit_client
from service.gateways.client import GatewayClient
from service.gateways.presets import Auth, Gateway
from storage.events import list_events
from storage.openings import open_task
from storage.queue import Claim
from storage.records import Event, NewTask, Submission, SubmissionKind, Task
from storage.store import Store
from storage.submissions import list_submissions
from storage.tasks import read_task

KEY = "sk-Geheim/0123456789+abc"
PATIENCE = 10.0  # seconds until a test gives up waiting
Answerer = Callable[[Request], Awaitable[Response]]
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class TinyGateway:
    """An ASGI app whose answers a test sets by path; it counts the connections that it was asked on."""

    def __init__(self) -> None:
        self.answers: dict[str, Answerer | Response] = {}
        self.asked: list[tuple[str, str, Mapping[str, str], bytes]] = []  # method, raw path, headers, body
        self.peers: list[Any] = []  # the client's address and port: one per connection

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = scope["raw_path"].decode()
        self.asked.append((scope["method"], path, dict(request.headers), await request.body()))
        self.peers.append(scope["client"])
        answer = self.answers.get(path, Response(status_code=404))
        response = answer if isinstance(answer, Response) else await answer(request)
        await response(scope, receive, send)

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.asked]


@pytest.fixture(scope="session")
def served_gateway() -> Iterator[tuple[str, Callable[[TinyGateway], None]]]:
    """One server for all tests: its URL, and what puts a test's gateway behind it."""
    current = [TinyGateway()]

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await current[0](scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", access_log=False, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()

    def put(gateway: TinyGateway) -> None:
        current[0] = gateway

    yield f"http://127.0.0.1:{listener.getsockname()[1]}", put
    server.should_exit = True
    thread.join(PATIENCE)
    assert not thread.is_alive()


@pytest.fixture
def gateway(served_gateway: tuple[str, Callable[[TinyGateway], None]]) -> TinyGateway:
    tiny = TinyGateway()
    served_gateway[1](tiny)
    return tiny


@pytest.fixture
def url(served_gateway: tuple[str, Callable[[TinyGateway], None]]) -> str:
    return served_gateway[0]


@pytest.fixture
def key() -> str:
    return KEY


@pytest.fixture
def connect() -> Callable[..., Any]:
    """Opens a client: `async with connect(url, auth="raw", submit_deadline=0.1) as client`."""

    @asynccontextmanager
    async def open_client(
        url: str, *, auth: Auth = "mj-api-secret", key: str = KEY, **options: Any
    ) -> AsyncIterator[GatewayClient]:
        async with submit_client() as submit, fetch_client() as fetch:
            configured = Gateway(name="g", url=url, key=key, auth=auth)
            yield GatewayClient(configured, submit=submit, fetch=fetch, **options)

    return open_client


@pytest.fixture
def talk() -> Callable[..., Any]:
    """Serves raw TCP: `async with talk(conversation) as url`."""

    @asynccontextmanager
    async def serve(conversation: Talk) -> AsyncIterator[str]:
        async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await conversation(reader, writer)
            except (ConnectionError, asyncio.CancelledError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(converse, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    return serve


class Clock:
    """Seconds, for a Store; moved by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class House:
    """A real ledger on the running loop, and the few questions that tests ask of it."""

    def __init__(self, path: Path) -> None:
        self.clock = Clock()
        self.store = Store(path, clock=self.clock)
        self.store.start(asyncio.get_running_loop())

    async def open(self, gateway: str = "g", **fields: Any) -> Task:
        new = NewTask(gateway=gateway, action="IMAGINE", prompt="一只猫", origin="api", **fields)
        return await self.store.write(open_task, new)

    async def task(self, task: Task) -> Task:
        return await self.store.read(read_task, task.id)

    async def submission(self, task: Task) -> Submission:
        return (await self.store.read(list_submissions, task.id))[-1]

    async def events(self, task: Task) -> list[Event]:
        """The task's own history, without that of its chain."""
        return (await self.store.read(list_events, task=task.id, types=("task.*",)))[0]

    async def told(self, task: Task) -> list[str]:
        return [event.type for event in await self.events(task)]

    async def sql(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        return await self.store.read(lambda db: db.execute(text, values).fetchall())


@pytest.fixture
def open_house(tmp_path: Path) -> Callable[..., Any]:
    """Opens a ledger: `async with open_house() as house`."""

    @asynccontextmanager
    async def open_one() -> AsyncIterator[House]:
        house = House(tmp_path / "ringback.db")
        try:
            yield house
        finally:
            await asyncio.to_thread(house.store.close)

    return open_one


@pytest.fixture
def make_claim() -> Callable[..., Claim]:
    """Gives a claim as the ledger hands it out: `make_claim(prompt="x")`, `make_claim(button={…}, parent="17")`."""

    def make(
        *,
        button: Mapping[str, Any] | None = None,
        parent: str | None = None,
        prompt: str | None = "一只猫 --ar 1:1",
        action: str = "IMAGINE",
        kind: SubmissionKind = "submit",
        gateway_id: str | None = None,
        **request: Any,
    ) -> Claim:
        task = Task(
            id="8000000000000017",
            root_id="8000000000000017",
            gateway="g",
            gateway_id=gateway_id,
            action=action,
            prompt=prompt,
            origin="api",
            state="the client's own",
            created_at=1,
            updated_at=1,
        )
        submission = Submission(
            id=1,
            task_id=task.id,
            kind=kind,
            state="sending",
            nonce="nnnnnnnnnnn",
            request=request if button is None else {"button": button, **request},
            attempts=1,
            next_at=None,
            expires_at=2,
            created_at=1,
            sent_at=1,
            answer=None,
        )
        return Claim(submission=submission, task=task, parent_gateway_id=parent)

    return make


@pytest.fixture
def unused_url() -> str:
    """Where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{bound.getsockname()[1]}"


@pytest.fixture
def until() -> Callable[..., Any]:
    """Waits, woken by the ledger's bell: `await until(house, truth)` where `truth` is an async question."""

    async def wait(house: House, truth: Callable[[], Awaitable[Any]]) -> None:
        with house.store.bell.listen("events", "submissions") as listener:
            while not await truth():
                await listener.wait(PATIENCE)

    return wait
