"""The facade as its clients see it: real HTTP, their own key forms, and a gateway behind it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.service.conftest import API_KEY, PATIENCE

_PNG = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42m{}AAAABJRU5ErkJggg=="
PNG = _PNG.format("NkYPhfDwAChwGA60e6kg")  # one pixel
OTHER_PNG = _PNG.format("P8z8BQDwAEhQGAhKmMIQ")  # and another


class Client:
    """Somebody who thinks that this is a gateway."""

    def __init__(self, url: str, **headers: str) -> None:
        self.http = httpx.Client(base_url=url, headers=headers, timeout=PATIENCE, trust_env=False, verify=False)

    def submit(self, endpoint: str, *, prefix: str = "", **body: Any) -> dict[str, Any]:
        """The envelope of a submit."""
        answer = self.http.post(f"{prefix}/mj/submit/{endpoint}", json=body)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert said.keys() == {"code", "description", "result", "properties"}
        assert isinstance(said["description"], str) and isinstance(said["properties"], dict)
        return dict(said)

    def accepted(self, endpoint: str, **body: Any) -> str:
        """The id of a submit that the gateway took at once."""
        said = self.submit(endpoint, **body)
        assert said["code"] in (1, 22), said
        assert isinstance(said["result"], str)
        return str(said["result"])

    def fetch(self, task_id: str) -> dict[str, Any]:
        answer = self.http.get(f"/mj/task/{task_id}/fetch")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


class Scene:
    """A running Ringback with its gateway, and a client of the facade."""

    def __init__(self, ringback: Any, client: Client, gateway_url: str) -> None:
        self.ringback = ringback
        self.client = client
        self.gateway_url = gateway_url

    def books(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.gateway_url}/simulator/books", trust_env=False, verify=False).json())

    def ended(self, task_id: str) -> dict[str, Any]:
        """The row of a task, once it has ended."""
        self.ringback.get(f"/v1/tasks/{task_id}", wait=10)
        return self.client.fetch(task_id)


@pytest.fixture(scope="session")
def png() -> str:
    return PNG


@pytest.fixture(scope="session")
def other_png() -> str:
    return OTHER_PNG


@pytest.fixture(scope="session")
def client(ringback: Any) -> Iterator[Client]:
    """A client of the service that all tests share."""
    made = Client(ringback.url, Authorization=API_KEY)
    yield made
    made.http.close()


@pytest.fixture(scope="session")
def make_client() -> Callable[..., Any]:
    """Makes clients of other services: `with make_client(ringback) as client`."""

    @contextmanager
    def make(ringback: Any, **headers: str) -> Iterator[Client]:
        made = Client(ringback.url, **headers or {"mj-api-secret": API_KEY})
        try:
            yield made
        finally:
            made.http.close()

    return make


@pytest.fixture(scope="session")
def play(
    start_ringback: Callable[..., Any], simulate: Callable[..., str], make_client: Callable[..., Any]
) -> Callable[..., Any]:
    """Puts a simulated gateway behind a Ringback: `with play("fuhuapi") as scene`."""

    @contextmanager
    def put(dialect: str, preset: str | None = None, *, path: str = "", **options: Any) -> Iterator[Scene]:
        url = simulate(dialect, **{"vices": {"lag": 0.0}} | options)
        environ = {"RINGBACK_GATEWAY": preset or dialect, "RINGBACK_GATEWAY_URL": url + path}
        with start_ringback(RINGBACK_SILENT_AFTER="1", **environ) as ringback, make_client(ringback) as client:
            yield Scene(ringback, client, url)

    return put
