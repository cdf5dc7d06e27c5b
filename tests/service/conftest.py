"""A whole service behind real HTTP, with a gateway that does as it is told."""

import asyncio
import contextlib
import itertools
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.app import Service, open_ledger
from service.cli.serve import Server, configure
from service.config import load_config
from service.keys import load_keys
from service.settings import load_settings
from service.simulator.app import create_simulator
from service.simulator.options import SimulatorOptions
from tests.service.subscriber import Box, Subscriber

PATIENCE = 10.0  # seconds until a test gives up waiting
API_KEY = "api-0123456789abcdef"
GATEWAY_KEY = "gateway-key-0123456789"
SECRET_KEY = "secret-0123456789abcdef"
BUTTONS = [
    *({"customId": f"MJ::JOB::upsample::{i}::x", "label": f"U{i}", "emoji": ""} for i in range(1, 5)),
    {"customId": "MJ::JOB::reroll::0::x::SOLO", "label": "", "emoji": "🔄"},
    {"customId": "MJ::Inpaint::1::x::SOLO", "label": "Vary (Region)", "emoji": "🖌️"},
]


@pytest.fixture(scope="session", autouse=True)
def quiet_logs() -> None:
    """What structlog draws for a developer takes longer than a whole test, and servers' threads print between tests."""
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )


class Listening:
    """An ASGI app in a thread, on a port that is known before it runs."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self, server: uvicorn.Server) -> None:
        self.server = server
        self._thread = threading.Thread(target=server.run, kwargs={"sockets": [self._listener]})
        self._thread.start()

    def stop(self) -> None:
        """Ask it to leave, as a signal would, and wait until it has."""
        if self._thread.is_alive():
            self.server.handle_exit(signal.SIGTERM, None)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the app did not leave"


class StubGateway:
    """Accepts whatever is submitted; a test plays its callbacks."""

    def __init__(self) -> None:
        self._came = threading.Condition()
        self._numbers = itertools.count(1_741_531_578_000_001)
        self.submitted: dict[str, dict[str, Any]] = {}  # what was POSTed, by its `state`
        self.ids: dict[str, str] = {}  # our id for it
        self.rows: list[dict[str, Any]] = []  # what a list shows
        self.answer: Callable[[dict[str, Any]], Response] | None = None  # instead of accepting
        self.list_status = 200
        self.listening = Listening()
        self.url = self.listening.url
        config = uvicorn.Config(self, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=3)
        self.listening.run(uvicorn.Server(config))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        said = await request.body()
        body = json.loads(said) if said else {}
        if request.headers.get("mj-api-secret") != GATEWAY_KEY:
            response: Response = Response(status_code=401)
        elif "/submit/" in scope["path"]:
            with self._came:
                self.ids[body["state"]] = str(next(self._numbers))
                self.submitted[body["state"]] = body | {"path": scope["path"]}
                self._came.notify_all()
            accepted = {"code": 1, "description": "提交成功", "result": self.ids[body["state"]]}
            response = self.answer(body) if self.answer else JSONResponse(accepted)
        elif scope["path"].endswith("/list-by-condition"):
            response = JSONResponse([row for row in self.rows if row["id"] in body["ids"]], self.list_status)
        else:
            response = Response(status_code=404)
        await response(scope, receive, send)

    def wait_for(self, task_id: str) -> dict[str, Any]:
        """What was submitted for a task, as soon as it is there."""
        with self._came:
            assert self._came.wait_for(lambda: task_id in self.submitted, PATIENCE), f"{task_id} was never submitted"
        return self.submitted[task_id]


class Ringback:
    """A running service and its client."""

    def __init__(self, service: Service, listening: Listening, gateway: StubGateway, database: Path) -> None:
        self.service = service
        self.url = listening.url
        self.gateway = gateway
        self.database = database
        self.listening = listening
        headers = {"Authorization": f"Bearer {API_KEY}"}
        # Without TLS there is no need to load certificates, which takes longer than a whole test.
        self.http = httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False, verify=False)

    def stranger(self, **headers: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE, trust_env=False, verify=False)

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.http.get(path, params=query)

    def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return self.http.post(path, json=body, headers=headers)

    def open(self, prompt: str = "一只猫 --ar 16:9", **fields: Any) -> dict[str, Any]:
        answer = self.post("/v1/tasks", {"prompt": prompt} | fields)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def postponed(self, **fields: Any) -> dict[str, Any]:
        """A task that was tried and waits, of a gateway where nobody answers."""
        task, deadline = self.open(**fields), time.monotonic() + PATIENCE
        while True:
            (submission,) = self.get(f"/v1/tasks/{task['id']}/submissions").json()["submissions"]
            if submission["attempts"] and submission["state"] == "planned":
                return task
            assert time.monotonic() < deadline, "it was never postponed"

    def task(self, task_id: str) -> dict[str, Any]:
        return dict(self.get(f"/v1/tasks/{task_id}").json())

    def call_back(self, task_id: str, status: str, **claims: Any) -> httpx.Response:
        """A callback of the gateway, hook echoed as gateways do."""
        hook = self.gateway.wait_for(task_id)["notifyHook"]
        body = {"id": self.gateway.ids[task_id], "status": status, "properties": {"notifyHook": hook}} | claims
        return self.http.post(hook, json=body)

    def succeed(self, task_id: str, **claims: Any) -> dict[str, Any]:
        claims = {"progress": "100%", "imageUrl": "https://cdn.example/1.png", "buttons": BUTTONS} | claims
        assert self.call_back(task_id, "SUCCESS", **claims).status_code == 200
        return self.task(task_id)

    def grid(self, **fields: Any) -> dict[str, Any]:
        """A finished grid."""
        return self.succeed(self.open(**fields)["id"])

    def stop(self) -> None:
        self.http.close()
        self.listening.stop()


@pytest.fixture(scope="session")
def start_ringback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    """Starts services: `with start_ringback(RINGBACK_SILENT_AFTER="1") as ringback`."""

    @contextlib.contextmanager
    def start(**environ: str) -> Iterator[Ringback]:
        gateway, listening, directory = StubGateway(), Listening(), tmp_path_factory.mktemp("ringback")
        basics = {
            "RINGBACK_GATEWAY": "midjourney-proxy",
            "RINGBACK_GATEWAY_URL": gateway.url,
            "RINGBACK_GATEWAY_KEY": GATEWAY_KEY,
            "RINGBACK_PUBLIC_URL": listening.url,
            "RINGBACK_API_KEYS": f"{API_KEY},another-0123456789abcdef",
            "RINGBACK_SECRET_KEYS": SECRET_KEY,
        }
        wanted = {name: value for name, value in (basics | environ).items() if value}
        settings = load_settings(wanted, directory)
        config = load_config(settings.config, named=False, environ=settings.environ)
        service = Service(settings, config, load_keys(settings), open_ledger(settings, config))
        listening.run(Server(configure(service), service))
        ringback = Ringback(service, listening, gateway, settings.database)
        try:
            yield ringback
        finally:
            ringback.stop()
            gateway.listening.stop()

    yield start


@pytest.fixture(scope="session")
def ringback(start_ringback: Callable[..., Any]) -> Iterator[Ringback]:
    """One service for all tests that leave it as they found it; each looks at tasks of its own."""
    with start_ringback() as running:
        yield running


@pytest.fixture(scope="session")
def allowing(start_ringback: Callable[..., Any]) -> Iterator[Ringback]:
    """The same, where this machine may be called."""
    with start_ringback(RINGBACK_ALLOW_TARGETS="127.0.0.1") as running:
        yield running


@pytest.fixture(scope="session")
def subscriber() -> Iterator[Subscriber]:
    """Somebody who is told of events."""
    running = Subscriber()
    yield running
    running.close()


@pytest.fixture
def box(subscriber: Subscriber) -> Box:
    """An address of the subscriber's that nothing has come to yet."""
    return subscriber.open_box()


@pytest.fixture(scope="session")
def simulate() -> Iterator[Callable[..., str]]:
    """Starts simulated gateways; gives their URLs: `simulate("trueai", vices={…})`."""
    started: list[Listening] = []

    def start(dialect: str, **options: Any) -> str:
        quick = {"grid_seconds": 0.02, "upscale_seconds": 0.005}
        app = create_simulator(SimulatorOptions(dialect=dialect, key=GATEWAY_KEY, **quick | options))
        listening = Listening()
        config = uvicorn.Config(app, log_config=None, access_log=False, date_header=False, timeout_graceful_shutdown=1)
        listening.run(uvicorn.Server(config))
        started.append(listening)
        return listening.url

    yield start
    for each in started:
        each.server.handle_exit(signal.SIGTERM, None)  # all at once, which takes a fraction of the time
    for each in started:
        each.stop()


@pytest.fixture
def run_async() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs one scenario to its end, or fails when that does not come."""

    async def bounded(scenario: Coroutine[Any, Any, Any]) -> Any:
        async with asyncio.timeout(PATIENCE):
            return await scenario

    return lambda scenario: asyncio.run(bounded(scenario))
