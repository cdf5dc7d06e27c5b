"""A simulated gateway and a receiver of its callbacks, both behind real HTTP on ports of their own."""

import json
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from service.simulator.app import create_simulator
from service.simulator.options import SimulatorOptions

PATIENCE = 10.0  # seconds until a test gives up waiting


class Served:
    """An app in a thread, behind a socket that listens before the thread begins."""

    def __init__(self, app: Any) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            app,
            log_level="critical",
            access_log=False,
            date_header=False,
            ws="none",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._thread.start()

    def stop(self) -> None:
        """Ask it to leave."""
        self._server.should_exit = True

    def join(self) -> None:
        """Ask it to leave, and wait until it has."""
        self.stop()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the app did not leave"


@contextmanager
def leaving(served: Served) -> Iterator[Served]:
    yield served
    served.stop()


class Receiver:
    """Collects callbacks; a test reads those that came to its own hook."""

    def __init__(self) -> None:
        self.url = ""
        self.test = 0  # hooks carry the number of their test: what comes late for another one does not count
        self.answers: dict[str, int] = {}  # by the name of a hook; 204 where none is given
        self.raw: list[tuple[str, bytes, str]] = []  # hook, body, content type
        self.cookies: list[str] = []  # that were sent back to us
        self._came = threading.Condition()
        self.app = Starlette(routes=[Route("/hooks/{name:path}", self._receive, methods=["POST", "GET"])])

    async def _receive(self, request: Request) -> Response:
        test, _, name = request.path_params["name"].partition("/")
        body = await request.body()
        with self._came:
            if test != str(self.test):
                return Response(status_code=410)
            self.cookies += request.headers.getlist("cookie")
            self.raw.append((name, body, request.headers.get("content-type", "")))
            self._came.notify_all()
        headers = {"location": self.hook("elsewhere"), "set-cookie": "a=b"}
        return Response(status_code=self.answers.get(name, 204), headers=headers)

    def hook(self, name: str) -> str:
        return f"{self.url}/hooks/{self.test}/{name}"

    def got(self, name: str) -> list[dict[str, Any]]:
        """The bodies that came to a hook, in the order in which they came."""
        return [json.loads(body) for hook, body, _ in list(self.raw) if hook == name]

    def steps(self, name: str) -> list[tuple[str, str | None]]:
        return [(body["status"], body["progress"]) for body in self.got(name)]

    def wait_for(self, name: str, status: str) -> dict[str, Any]:
        """The first callback with that status, as soon as it is there."""
        with self._came:
            assert self._came.wait_for(lambda: any(body["status"] == status for body in self.got(name)), PATIENCE), (
                f"no {status} came to {name}"
            )
        return next(body for body in self.got(name) if body["status"] == status)


class Gateway:
    """A client of one simulated gateway."""

    def __init__(self, http: Any, receiver: Receiver, served: Served | None = None) -> None:
        self.http = http
        self.url = str(http.base_url).rstrip("/")
        self.receiver = receiver
        self.served = served

    def submit(self, endpoint: str, **body: Any) -> httpx.Response:
        return self.http.post(f"/mj/submit/{endpoint}", json=body)

    def accepted(self, endpoint: str, **body: Any) -> str:
        """Submit something that must be accepted; gives the task's id."""
        answer = self.submit(endpoint, **body).json()
        assert answer["code"] == 1, answer
        return str(answer["result"])

    def grid(self, prompt: str = "a cat", hook: str = "grid", **body: Any) -> str:
        """A finished grid."""
        task_id = self.accepted("imagine", prompt=prompt, notifyHook=self.receiver.hook(hook), **body)
        self.receiver.wait_for(hook, "SUCCESS")
        return task_id

    def fetch(self, task_id: str) -> Any:
        return self.http.get(f"/mj/task/{task_id}/fetch").json()

    def books(self) -> dict[str, Any]:
        answer = self.http.get("/simulator/books")
        assert answer.status_code == 200
        return dict(answer.json())

    def counts(self) -> dict[str, int]:
        return dict(self.books()["counts"])

    def until(self, truth: Callable[[], bool]) -> None:
        """Ask again until it is true."""
        deadline = time.monotonic() + PATIENCE
        while not truth():
            assert time.monotonic() < deadline, "it never became true"


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="session")
def shared_receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    served = Served(receiver.app)
    receiver.url = served.url
    yield receiver
    served.join()


@pytest.fixture
def receiver(shared_receiver: Receiver) -> Receiver:
    shared_receiver.test += 1
    shared_receiver.raw.clear()
    shared_receiver.answers.clear()
    return shared_receiver


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def all_served(shared_receiver: Receiver) -> Iterator[list[Served]]:
    """Gateways of tests that are over: they leave while other tests run, but leave they must."""
    served: list[Served] = []
    yield served
    for each in served:
        each.join()


@pytest.fixture
def simulate(receiver: Receiver, all_served: list[Served]) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways: `simulate("trueai", vices={"drop": 1.0}, settled=True)`.

    `settled` holds each answer back until all callbacks are through, so that a test can look at once.
    """

    def start(
        dialect: str = "midjourney-proxy",
        *,
        settled: bool = False,
        vices: dict[str, float] | None = None,
        clock: Callable[[], float] = time.time,
        headers: dict[str, str] | None = None,
        **options: Any,
    ) -> Gateway:
        numbers = {**({"answer_after_callback": math.inf} if settled else {}), **(vices or {})}
        quick = {"grid_seconds": 0.02, "upscale_seconds": 0.005}
        chosen = SimulatorOptions(dialect=dialect, vices=numbers, **{**quick, **options})
        served = stack.enter_context(leaving(Served(create_simulator(chosen, clock=clock))))
        all_served.append(served)
        # Without TLS there is no need to load certificates, which takes longer than a whole test.
        http = httpx.Client(base_url=served.url, headers=headers, timeout=PATIENCE, trust_env=False, verify=False)
        return Gateway(stack.enter_context(http), receiver, served)

    with ExitStack() as stack:
        yield start


@pytest.fixture
def unserved(receiver: Receiver) -> Callable[..., Gateway]:
    """Makes gateways that only answer: no server, no lifespan, and a task ends with its request."""

    def make(dialect: str = "midjourney-proxy", *, headers: dict[str, str] | None = None, **options: Any) -> Gateway:
        app = create_simulator(SimulatorOptions(dialect=dialect, **options))
        return Gateway(TestClient(app, headers=headers), receiver)

    return make
