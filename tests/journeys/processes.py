"""Real `ringback` processes on ports of their own: started, killed, started again."""

import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.ledger import Ledger

PROGRAM = Path(sys.executable).with_name("ringback")
PATIENCE = 60.0  # seconds until a journey gives up waiting
LOOK = 0.05  # seconds between two looks
# Linux gives outgoing connections ports from 32768 up: one of those could take a server's port while it is down.
PORTS = range(20_000, 32_000)
GATEWAY_KEY = "gateway-key-0123456789"
API_KEY = "api-0123456789abcdef"
PICTURE = (  # one pixel
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def wait_until(truth: Callable[[], Any], what: str) -> Any:
    """Look again and again until it is true; gives what it found then."""
    deadline = time.monotonic() + PATIENCE
    while not (found := truth()):
        assert time.monotonic() < deadline, f"in {PATIENCE:g} s it did not happen: {what}"
        time.sleep(LOOK)
    return found


def find_port() -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port


class Process:
    """One `ringback …` process; it may be killed and started again. Its log grows over all its lives."""

    READY: str  # a path that answers 200 once it is ready

    def __init__(self, verb: str, *arguments: str, port: int, directory: Path, env: dict[str, str]) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.directory = directory
        self.log_path = directory / f"{verb}-{port}.log"
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE, trust_env=False, verify=False)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(directory), **env}
        self.command = [str(PROGRAM), verb, *arguments]

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        """Begin a life; `await_ready` says when it has begun."""
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self.command, cwd=self.directory, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def await_ready(self) -> None:
        def ready() -> bool:
            assert self._process.poll() is None, f"it ended before it was ready: {self.log[-2000:]}"
            with suppress(httpx.TransportError):
                return self.http.get(self.READY).status_code == 200
            return False

        wait_until(ready, f"{self.command[1]} is ready")

    def restart(self) -> None:
        self.start()
        self.await_ready()

    def wait(self) -> int:
        """Wait for its end and give the exit status."""
        return self._process.wait(PATIENCE)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self, number: int) -> int:
        """Send it a signal, and wait for its end."""
        self.signal(number)
        return self.wait()

    def leave(self) -> None:
        """Ask it to leave, if it runs."""
        self.http.close()
        self._process.terminate()

    def reap(self) -> None:
        """Whatever became of the journey: leave nothing running."""
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Gateway(Process):
    """`ringback simulate`, and its books."""

    READY = "/simulator/health"

    def books(self) -> dict[str, Any]:
        return dict(self.http.get("/simulator/books").json())

    def count(self, name: str) -> int:
        return int(self.books()["counts"][name])

    def fetch(self, gateway_id: str) -> dict[str, Any]:
        """A task as the gateway shows it to whoever has its key: with its hook, where it echoes hooks."""
        headers = {"mj-api-secret": GATEWAY_KEY, "authorization": f"Bearer {GATEWAY_KEY}"}
        return dict(self.http.get(f"/mj/task/{gateway_id}/fetch", headers=headers).json())

    def is_quiet(self) -> bool:
        """Whether nothing is at work and every callback has been sent and answered, or lost."""
        if self.http.get("/simulator/health").json()["at_work"]:
            return False
        counts = self.books()["counts"]
        answered = counts["acknowledged"] + counts["refused_by_receiver"] == counts["callbacks_sent"]
        return answered and counts["callbacks_made"] + counts["doubled"] == counts["callbacks_sent"] + counts["lost"]


class Service(Process):
    """`ringback serve`, its API and its ledger."""

    READY = "/readyz"

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.directory / self.env.get("RINGBACK_DATABASE", "ringback.db"))

    def run(self, *arguments: str) -> str:
        """Run a verb of the command line beside it, which must succeed; gives what it prints."""
        ran = subprocess.run(
            [PROGRAM, *arguments], cwd=self.directory, env=self.env, capture_output=True, timeout=PATIENCE, check=False
        )
        assert ran.returncode == 0, ran.stderr.decode()
        return ran.stdout.decode()

    def submit(self, prompt: str | None = None, **wanted: Any) -> str:
        """Open a task; gives its id."""
        answer = self.http.post("/v1/tasks", json={"prompt": prompt, **wanted})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def click(self, task_id: str, button: str, **wanted: Any) -> str:
        """Click a button; gives the child's id."""
        answer = self.http.post(f"/v1/tasks/{task_id}/click", json={"button": button, **wanted})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def submit_many(self, number: int, **wanted: Any) -> list[str]:
        return [self.submit(f"一只猫 {place}, a cat --ar 16:9", **wanted) for place in range(number)]

    def task(self, task_id: str, **query: Any) -> dict[str, Any]:
        answer = self.http.get(f"/v1/tasks/{task_id}", params=query)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())
