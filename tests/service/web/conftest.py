"""A service before a simulated gateway that has every call, and pictures to send it."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from service.simulator.pictures import draw


class Simulated:
    """A service, and the books of the gateway behind it."""

    def __init__(self, ringback: Any, gateway: str) -> None:
        self.ringback = ringback
        self.gateway = gateway

    def ask(self, **body: Any) -> dict[str, Any]:
        """Open a task, and wait until it has ended or waits for a person."""
        answer = self.ringback.post("/v1/tasks", body)
        assert answer.status_code == 202, answer.text
        return self.wait(answer.json()["id"])

    def wait(self, task_id: str) -> dict[str, Any]:
        return dict(self.ringback.get(f"/v1/tasks/{task_id}", wait=10).json())

    def wait_for_window(self, task_id: str) -> dict[str, Any]:
        page = self.ringback.get("/v1/events", task=task_id, type="task.modal", wait=10).json()
        assert page["events"], "no window opened"
        return dict(self.ringback.task(task_id))

    def books(self) -> dict[str, Any]:
        return dict(self.ringback.http.get(f"{self.gateway}/simulator/books").json())

    def submission(self, task_id: str) -> dict[str, Any]:
        """What the gateway noted about the POST of a task."""
        return next(each for each in self.books()["submissions"] if each["state"] == task_id)

    def endpoints(self, task_id: str) -> list[str]:
        gateway_id = self.ringback.task(task_id)["gateway_id"]
        return [each["endpoint"] for each in self.books()["submissions"] if each["id"] == gateway_id]


@pytest.fixture(scope="module")
def start_simulated(start_ringback: Callable[..., Any], simulate: Callable[..., str]) -> Callable[..., Any]:
    """Starts both: `with start_simulated("trueai", grid_seconds=60.0) as simulated`; in capitals what is a setting."""

    @contextmanager
    def start(dialect: str, **options: Any) -> Iterator[Simulated]:
        settings = {name: options.pop(name) for name in list(options) if name.isupper()}
        url = simulate(dialect, **options)
        with start_ringback(RINGBACK_GATEWAY_URL=url, **settings) as ringback:
            yield Simulated(ringback, url)

    return start


@pytest.fixture(scope="module")
def simulated(start_simulated: Callable[..., Any]) -> Iterator[Simulated]:
    """Before trueai-org's midjourney-proxy, which has nearly every call."""
    with start_simulated("trueai") as running:
        yield running


def as_data_url(content: bytes, media_type: str = "image/png") -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


@pytest.fixture(scope="session")
def picture() -> Callable[[str], str]:
    """Draws PNGs as data URLs; each name has its own."""
    return lambda name: as_data_url(draw(name))


@pytest.fixture(scope="session")
def jpeg() -> str:
    return as_data_url(b"\xff\xd8\xff\xe0" + b"x" * 20, "image/jpeg")
