"""A service and a simulated gateway behind real HTTP, and the doctor's findings about them."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from click.testing import CliRunner

from service.cli.doctor import command
from service.simulator.app import create_simulator
from service.simulator.options import SimulatorOptions

PATIENCE = 10.0  # seconds until a test gives up waiting
KEY = "gateway-key-0123456789"


@contextmanager
def served(app: Any) -> Iterator[str]:
    """An app in a thread, and its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, date_header=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Serves any app for one test; gives its URL."""
    with ExitStack() as exits:
        yield lambda app: exits.enter_context(served(app))


@pytest.fixture
def simulate(serve: Callable[[Any], str]) -> Callable[..., str]:
    """Plays a gateway: `simulate("new-api", strip_hook=1)`; gives its URL."""

    def play(dialect: str = "midjourney-proxy", **vices: float) -> str:
        return serve(create_simulator(SimulatorOptions(dialect=dialect, key=KEY, vices=vices, speed=50)))

    return play


class Doctor:
    """Runs `ringback doctor` with the settings of a service."""

    def __init__(self, directory: Path, environ: dict[str, str]) -> None:
        self.directory = directory
        self.environ = environ

    def run(self, *arguments: str, **environ: str) -> Any:
        wanted = {name: value for name, value in (self.environ | environ).items() if value}
        return CliRunner().invoke(command, arguments, env=wanted)

    def find(self, **environ: str) -> dict[str, dict[str, Any]]:
        """The findings by their check."""
        result = self.run("--json", **environ)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        assert all(line.keys() == {"check", "ok", "detail", "remedy"} for line in lines)
        assert all(line["ok"] == (line["remedy"] is None) for line in lines)
        assert result.exit_code == (0 if all(line["ok"] for line in lines) else 1)
        assert KEY not in result.output
        return {line["check"]: line for line in lines}


@pytest.fixture
def make_doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_url: str) -> Callable[..., Doctor]:
    """A doctor for a deployment: `make_doctor(url)` for a gateway alone, with `service=` beside a running service."""
    monkeypatch.chdir(tmp_path)

    def make(gateway_url: str, *, preset: str = "midjourney-proxy", service: Any = None, **environ: str) -> Doctor:
        basics = {
            "RINGBACK_GATEWAY": preset,
            "RINGBACK_GATEWAY_URL": gateway_url,
            "RINGBACK_GATEWAY_KEY": KEY,
            "RINGBACK_API_KEYS": "api-0123456789abcdef",
            "RINGBACK_SECRET_KEYS": "secret-0123456789abcdef",
            "RINGBACK_URL": service.url if service else unused_url,
            "RINGBACK_PUBLIC_URL": service.url if service else "",
            "RINGBACK_DATABASE": str(service.database if service else tmp_path / "ringback.db"),
        }
        return Doctor(tmp_path, basics | environ)

    return make


@pytest.fixture
def unused_url() -> str:
    """Where nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{bound.getsockname()[1]}"
