"""Some thousand deliveries over fifty subscriptions, whose endpoints have every vice there is: the books balance."""

import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from hooks.signature import make_secret
from tests.journeys.conftest import Stage
from tests.journeys.processes import Service, wait_until
from tests.journeys.subscribers import Subscribers, call_back, count_deliveries, list_events, serve_briskly, subscribe
from tests.journeys.voice import MuteGateway

pytestmark = pytest.mark.fault
SEED = 20_261_125
HEALTHY = 45
TASKS = 10
SECRET = make_secret()
VICES = {
    **{"fail": 0.03, "reset": 0.02, "close": 0.02, "garbage": 0.01, "redirect": 0.01, "bomb": 0.01},
    **{"hang": 0.002, "drip": 0.002, "endless": 0.002, "throttle": 0.002},
}


@pytest.fixture
def service(stage: Stage) -> Iterator[Service]:
    with MuteGateway() as gateway:
        yield serve_briskly(stage, gateway)


@pytest.fixture
def subscribers() -> Iterator[Subscribers]:
    """So many with some vices, and three more."""
    with closing(Subscribers(HEALTHY + 3, secret=SECRET, seed=SEED, vices=VICES)) as subscribers:
        yield subscribers


@pytest.fixture
def refusing() -> Iterator[str]:
    """A port that is taken, and at which nobody listens."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def list_attempts(service: Service, subscription_id: str) -> list[dict[str, Any]]:
    return service.ledger.rows(
        "SELECT attempts.* FROM attempts JOIN deliveries ON id = delivery_id WHERE subscription_id = ?", subscription_id
    )


def test_every_vice_at_once_loses_nothing_and_overtakes_nothing(
    service: Service, subscribers: Subscribers, refusing: str
) -> None:
    healthy = {url: subscribe(service, f"{url}/hook", SECRET) for url in subscribers.urls[:HEALTHY]}
    *mute, left = subscribers.urls[HEALTHY:]
    hanging = [subscribe(service, f"{url}/vice/hang", SECRET) for url in mute]
    refused = [subscribe(service, f"{refusing}/{place}", SECRET) for place in range(2)]
    gone = subscribe(service, f"{left}/vice/gone", SECRET)
    call_back(service, TASKS)
    events = list_events(service)
    assert len(events) >= 5 * TASKS

    wait_until(
        lambda: all(count_deliveries(service, each) == {"delivered": len(events)} for each in healthy.values()),
        "all is delivered",
    )
    errors = set()
    for url, subscription_id in healthy.items():
        book, attempts = subscribers.book(url), list_attempts(service, subscription_id)
        book.check()
        assert book.entries.keys() == book.taken == events
        # A POST on a connection that its server closes is sent once more without being a new attempt.
        assert sum(len(entry["attempts"]) for entry in book.entries.values()) >= len(attempts)
        assert sum(attempt["error"] is None for attempt in attempts) == len(events)
        errors |= {attempt["error"] for attempt in attempts}
    assert errors == {None, "status", "broken", "redirect", "timeout", "slow_down"}, "every vice has shown"

    for subscription_id, error in ((hanging[0], "timeout"), (refused[0], "unreachable")):
        assert "delivered" not in count_deliveries(service, subscription_id)
        assert {attempt["error"] for attempt in list_attempts(service, subscription_id)} == {error}
    assert count_deliveries(service, gone) == {"held": len(events)}
    assert service.http.get(f"/v1/subscriptions/{gone}").json()["state"] == "disabled"
    (told,) = service.http.get("/v1/events", params={"type": "subscription.disabled"}).json()["events"]
    assert told["data"]["subscription_id"] == gone
    assert SECRET.removeprefix("whsec_") not in service.log
