"""A service and a gateway as real processes, and the command line as a program beside them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from service.cli import client
from service.cli.demo.processes import Processes, find_free_port
from service.cli.main import main
from service.simulator.pictures import draw

PROGRAM = Path(sys.executable).with_name("ringback")
KEY = "api-key-0123456789"
PATIENCE = 10.0  # seconds until a test gives up waiting


class House:
    """Where they live, and how to run a verb there."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.settings = settings

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PROGRAM, *arguments],
            env=bare_environment() | self.settings | settings,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROGRAM, *arguments],
            env=bare_environment() | self.settings,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


def bare_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("RINGBACK_")}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    gateway, server = (f"http://127.0.0.1:{find_free_port()}" for _ in range(2))
    processes = Processes(folder)
    simulate = ["simulate", "--port", gateway.rpartition(":")[2], "--grid-seconds", "0.3", "--upscale-seconds", "0.1"]
    settings = {
        "RINGBACK_GATEWAY": "midjourney-proxy",
        "RINGBACK_GATEWAY_URL": gateway,
        "RINGBACK_GATEWAY_KEY": "gateway-key-0123456789",
        "RINGBACK_PUBLIC_URL": server,
        "RINGBACK_API_KEYS": KEY,
        "PORT": server.rpartition(":")[2],
    }
    try:
        processes.start("gateway", simulate, {})
        processes.start("server", ["serve"], settings)
        processes.wait_ready("server", lambda: is_up(server))
        processes.wait_ready("gateway", lambda: is_up(gateway))
        yield House({"RINGBACK_URL": server, "RINGBACK_API_KEY": KEY})
    finally:
        processes.stop()


def is_up(url: str) -> bool:
    try:
        httpx.get(url, trust_env=False)
    except httpx.TransportError:
        return False
    return True


class Wire:
    """The edge: answers to the requests of an Api, one after the other; the last one for all that follow."""

    def __init__(self, *answers: httpx.Response | httpx.TransportError) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer


@pytest.fixture
def make_api(monkeypatch):
    """An Api whose connection is the given Wire, and which never pauses."""

    def make(wire: Wire, key: str | None = KEY) -> client.Api:
        monkeypatch.setattr(client, "PAUSE", 0.0)
        monkeypatch.setattr(
            client, "api_client", lambda url, key: httpx.Client(base_url=url, transport=httpx.MockTransport(wire))
        )
        return client.Api("http://service", key)

    return make


@pytest.fixture
def answers():
    """Makes a Wire."""
    return Wire


def make_task(**more):
    """A Task as `/v1` shows it."""
    return {
        "id": "8000000000000001",
        "root_id": "8000000000000001",
        "parent_id": None,
        "retry_of": None,
        "depth": 0,
        "action": "IMAGINE",
        "button": None,
        "index": None,
        "status": "SUCCESS",
        "progress": 100,
        "prompt": "一只猫",
        "origin": "cli",
        "submission": "accepted",
        "image_url": None,
        "video_urls": [],
        "fail_reason": None,
        "created_at": "2026-11-23T01:00:00.000Z",
    } | more


@pytest.fixture
def a_task():
    """Makes a Task as `/v1` shows it."""
    return make_task


@pytest.fixture
def a_child():
    """Makes the U1 of that Task."""

    def make(**more):
        child = {
            "id": "8000000000000002",
            "parent_id": "8000000000000001",
            "depth": 1,
            "action": "UPSCALE",
            "button": "U1",
            "index": 1,
            "origin": "rule:first-pick",
        }
        return make_task(**child | more)

    return make


class Home:
    """A service in this process before a simulated gateway, and verbs run beside it."""

    def __init__(self, ringback, gateway):
        self.ringback = ringback
        self.gateway = gateway

    def run(self, *arguments):
        environ = {"RINGBACK_URL": self.ringback.url, "RINGBACK_API_KEY": API_KEY}
        return CliRunner().invoke(main, arguments, env=environ)

    def objects(self, *arguments):
        """What a verb prints with --json, if all went well."""
        outcome = self.run(*arguments, "--json")
        assert outcome.exit_code == 0, outcome.output
        return [json.loads(line) for line in outcome.stdout.splitlines()]

    def wait_for(self, *arguments, fits=bool):
        """The same, as soon as it fits."""
        deadline = time.monotonic() + PATIENCE
        while not fits(found := self.objects(*arguments)):
            assert time.monotonic() < deadline, found
        return found

    def noted(self):
        """What the gateway took, in the order in which it came."""
        return self.ringback.http.get(f"{self.gateway}/simulator/books").json()["submissions"]


API_KEY = "api-0123456789abcdef"  # of `start_ringback`


@pytest.fixture(scope="module")
def open_home(start_ringback):
    """Opens homes before a gateway's URL."""
    with ExitStack() as stack:
        yield lambda url: Home(stack.enter_context(start_ringback(RINGBACK_GATEWAY_URL=url)), url)


@pytest.fixture(scope="module")
def home(open_home, simulate):
    """Before trueai-org's midjourney-proxy, which has nearly every call."""
    return open_home(simulate("trueai"))


@pytest.fixture
def told_home(allowing):
    """Before a gateway that does as it is told; it may call subscribers on this machine."""
    return Home(allowing, allowing.gateway.url)


@pytest.fixture
def picture(tmp_path):
    """Draws PNG files."""

    def make(name="a.png"):
        path = tmp_path / name
        path.write_bytes(draw(name))
        return str(path)

    return make
