"""Many subscribers in a process of their own, and a service that tries again soon when they misbehave.

`python -m tests.journeys.subscribers 45 --vice fail=0.1 --secret whsec_…` prints their addresses, one a line. Each has
its own port, books and luck.
"""

import argparse
import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import uvloop

from hooks.token import TokenSigner
from tests.journeys.conftest import SECRET_KEY, Stage
from tests.journeys.processes import Service, wait_until
from tests.journeys.voice import Voice, make_callbacks
from tests.sink import Sink

ROOT = Path(__file__).resolve().parent.parent.parent
# A vice that answers 2xx: the letter was taken, whatever the rest of the answer was like.
TAKEN = frozenset({"taken", "bomb", "endless"})
EVENTS = ("task.*", "chain.settled")
AT_GATEWAY = (
    "SELECT tasks.*, nonce FROM tasks JOIN submissions ON task_id = tasks.id"
    " WHERE submissions.state = 'accepted' ORDER BY tasks.id"
)


class Book:
    """What one subscriber has written down."""

    def __init__(self, shown: dict[str, Any]) -> None:
        self.entries: dict[str, Any] = shown["entries"]  # by webhook-id, in the order in which they came first

    @property
    def taken(self) -> set[str]:
        """The ids of the letters that it has taken."""
        return {
            key for key, entry in self.entries.items() if any(each["answer"] in TAKEN for each in entry["attempts"])
        }

    @property
    def repeated(self) -> set[str]:
        """The ids of those that came more than once."""
        return {key for key, entry in self.entries.items() if len(entry["attempts"]) > 1}

    def check(self) -> None:
        """Each letter had the same bytes whenever it came, all were signed, and those of a task came in order."""
        tasks: dict[str, list[tuple[int, Any]]] = {}
        for key, entry in self.entries.items():
            data = json.loads(entry["body"])["data"]
            assert data["id"] == key
            assert all(attempt["same"] for attempt in entry["attempts"])
            assert not any(attempt["answer"] == "unsigned" for attempt in entry["attempts"])
            tasks.setdefault(data["task"]["id"], []).append((data["seq"], entry["attempts"]))
        for letters in tasks.values():
            for (_, before), (_, after) in pairwise(sorted(letters, key=lambda each: each[0])):
                assert before[-1]["time"] <= after[0]["time"], "an earlier event was still on its way"


class Subscribers:
    """The process, from the side of a test."""

    def __init__(self, number: int, *, secret: str, seed: int, vices: dict[str, float]) -> None:
        shares = [argument for name, share in vices.items() for argument in ("--vice", f"{name}={share}")]
        command = [sys.executable, "-m", "tests.journeys.subscribers", str(number), "--secret", secret]
        self._process = subprocess.Popen(
            [*command, "--seed", str(seed), *shares], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.urls = [self._process.stdout.readline().strip() for _ in range(number)]

    def book(self, url: str) -> Book:
        return Book(httpx.get(f"{url}/books", trust_env=False, verify=False, timeout=30).json())

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


def hurry(service: Service) -> None:
    """Start it once more, to try again soon from now on. Its ledger and its keys are made by then."""
    service.end(signal.SIGTERM)
    service.command = [sys.executable, "-P", str(Path(__file__).with_name("brisk.py")), "serve"]
    service.restart()


def serve_briskly(stage: Stage, gateway: Any) -> Service:
    """A service without rules that may call this machine, and tries again soon."""
    env = {"RINGBACK_ALLOW_TARGETS": "127.0.0.0/8", "RINGBACK_SILENT_AFTER": "600", "RINGBACK_LOG": "warning"}
    service = stage.service(gateway, rules=[], **env)
    service.await_ready()
    hurry(service)
    return service


def subscribe(service: Service, url: str, secret: str, **wanted: Any) -> str:
    """Subscribe a URL to what happens to tasks and chains; gives the subscription's id."""
    form = {"url": url, "events": EVENTS, "secret": secret}
    answer = service.http.post("/v1/subscriptions", json=form | wanted)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def call_back(service: Service, number: int) -> None:
    """Open so many tasks, and say of all of them what a gateway says, a step of each at a time."""
    known = len(service.ledger.rows(AT_GATEWAY))
    service.submit_many(number)
    wait_until(lambda: len(service.ledger.rows(AT_GATEWAY)) == known + number, "all are at the gateway")
    signer = TokenSigner([SECRET_KEY])
    said = [make_callbacks(signer, task, None) for task in service.ledger.rows(AT_GATEWAY)[known:]]
    with Voice(int(service.url.rpartition(":")[2]), connections=2) as voice:
        for step in zip(*said, strict=True):
            assert set(voice.say(step)) == {None}


def list_events(service: Service) -> set[str]:
    """The ids of all events that subscribers want."""
    answer = service.http.get("/v1/events", params={"limit": 1000, "type": ",".join(EVENTS)})
    assert answer.status_code == 200, answer.text
    return {event["id"] for event in answer.json()["events"]}


def count_deliveries(service: Service, subscription_id: str) -> dict[str, int]:
    """How many deliveries of a subscription stand how."""
    rows = service.ledger.rows(
        "SELECT state, count(*) AS number FROM deliveries WHERE subscription_id = ? GROUP BY state", subscription_id
    )
    return {row["state"]: row["number"] for row in rows}


async def serve(number: int, secrets: Sequence[str], vices: dict[str, float], seed: int) -> None:
    async with AsyncExitStack() as exits:
        for place in range(number):
            sink = await exits.enter_async_context(Sink(secrets=secrets, vices=vices, seed=seed + place))
            print(sink.url, flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("number", type=int)
    parser.add_argument("--secret", action="append", default=[])
    parser.add_argument("--vice", action="append", default=[])
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    shares = {name: float(share) for name, share in (each.split("=") for each in asked.vice)}
    with suppress(KeyboardInterrupt):
        uvloop.run(serve(asked.number, asked.secret, shares, asked.seed))
