"""Subscribers of every kind, and a service that dies: all is told, in order, signed, and the same each time."""

import json
import signal
import sys
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from tests.journeys.processes import find_port, wait_until
from tests.journeys.subscribers import Subscribers, check_books

pytestmark = pytest.mark.fault
PLUS = "midjourney-proxy-plus"
PROMPTS = 12
SUBSCRIBERS, DEAD = 45, 5
# What a subscriber may do to a POST; each is over at once, so that a second attempt follows within seconds.
VICES = {
    "fail": 0.08,
    "reset": 0.04,
    "close": 0.04,
    "redirect": 0.03,
    "garbage": 0.03,
    "bomb": 0.04,
    "endless": 0.04,
}
UNFINISHED = (
    "SELECT count(*) AS number FROM deliveries JOIN subscriptions ON subscriptions.id = subscription_id"
    " WHERE deliveries.state NOT IN ('delivered') AND host NOT IN ({})"
)


def subscribe(service, url, events=("*",)):
    """Subscribe; gives the Subscription, with its secret."""
    answer = service.http.post("/v1/subscriptions", json={"url": url, "events": list(events)})
    assert answer.status_code == 201, answer.text
    return answer.json()


def list_events(service, **query):
    """Every event that there is."""
    events, after = [], 0
    while True:
        page = service.http.get("/v1/events", params={"after": after, "limit": 1000, **query}).json()
        events += page["events"]
        if len(page["events"]) < 1000:
            return events
        after = page["next"]


def kill_after(service, subscribers, number):
    """Kill the service once so many more POSTs have come in, and start it again."""
    goal = subscribers.attempts + number
    wait_until(lambda: subscribers.attempts >= goal, "deliveries stream out")
    assert service.end(signal.SIGKILL) == -signal.SIGKILL
    service.restart()


def play(stage, vices):
    """A gateway and a service that tries again soon."""
    gateway, service = stage.play("midjourney-proxy", vices, dialect=PLUS, RINGBACK_ALLOW_TARGETS="127.0.0.1")
    service.end(signal.SIGTERM)
    service.command = [sys.executable, str(Path(__file__).with_name("hasty.py")), "serve"]
    service.restart()
    return gateway, service


def test_whatever_subscribers_do_and_whenever_the_service_dies_each_is_told_all_in_order(stage):
    gateway, service = play(stage, {"duplicate": 0.3, "reorder": 0.3})
    with Subscribers(SUBSCRIBERS + 1, vices=VICES) as subscribers:
        *sinks, hanging = subscribers.sinks
        secrets = {sink.url: subscribe(service, f"{sink.url}/told")["secret"] for sink in sinks}
        nobody = f"127.0.0.1:{find_port()}"
        for place in range(DEAD):
            subscribe(service, f"http://{nobody}/" if place % 2 else f"{hanging.url}/vice/hang")
        service.submit_many(PROMPTS)
        for _ in range(2):
            kill_after(service, subscribers, 500)
        subscribers.reform()
        done = "SELECT count(*) AS number FROM tasks WHERE status = 'SUCCESS'"
        wait_until(lambda: service.ledger.rows(done)[0]["number"] == 2 * PROMPTS, "every chain is done")
        wait_until(gateway.is_quiet, "the gateway is quiet")
        dead = nobody, hanging.url.removeprefix("http://")
        unfinished = UNFINISHED.format(", ".join(f"'{host}'" for host in dead))
        wait_until(lambda: not service.ledger.rows(unfinished)[0]["number"], "whoever lives was told all")
        events = list_events(service)
        assert len(events) > 6 * PROMPTS
        for sink in sinks:
            check_books(sink, events)
        # The books say as much: a row for each event and subscriber, and each POST that a kill cut off is an attempt.
        assert service.ledger.rows("SELECT count(*) AS number FROM deliveries")[0]["number"] == len(events) * (
            SUBSCRIBERS + DEAD
        )
        errors = {row["error"] for row in service.ledger.rows("SELECT DISTINCT error FROM attempts")}
        assert {None, "status", "broken", "redirect", "unreachable", "interrupted"} <= errors
        # One secret each, and no other one signs.
        first, second = sinks[:2]
        entry = next(entry for entry in first.books.entries.values() if entry.taken)
        headers = next(attempt.headers for attempt in entry.attempts if attempt.answer == "taken")
        Webhook(secrets[first.url]).verify(entry.body, headers, json_parse=False)
        with pytest.raises(Exception, match="No matching signature"):
            Webhook(secrets[second.url]).verify(entry.body, headers, json_parse=False)


def test_one_call_in_and_one_signed_call_back_though_both_sides_misbehave(stage):
    gateway, service = play(stage, {"drop": 0.3, "duplicate": 0.4, "reorder": 0.4, "grid_seconds": 1})
    with Subscribers(1, vices={"fail": 0.3}) as subscribers:
        (sink,) = subscribers.sinks
        roots = [
            service.submit(f"红狐 {place}", then=["U1", "U2"], webhook_url=f"{sink.url}/shop") for place in range(4)
        ]
        wait_until(lambda: gateway.count("acknowledged") >= 6, "callbacks stream in")
        assert service.end(signal.SIGKILL) == -signal.SIGKILL
        service.restart()
        wait_until(lambda: service.ledger.tasks() and sink.books.attempts, "the first is told")
        assert service.end(signal.SIGKILL) == -signal.SIGKILL
        service.restart()
        subscribers.reform()
        wait_until(lambda: len(sink.books.orders) == len(roots), "each is told")
        wait_until(gateway.is_quiet, "the gateway is quiet")
        unfinished = "SELECT 1 FROM deliveries WHERE state != 'delivered'"
        wait_until(lambda: not service.ledger.rows(unfinished), "nothing more is owed")
        secret = service.http.get("/v1/webhook-secret").json()["secret"]
        events = list_events(service, type="chain.settled")
        assert [event["task"]["id"] for event in sorted(events, key=lambda each: each["task"]["id"])] == roots
        check_books(sink, events)
        for entry in sink.books.entries.values():
            letter = json.loads(entry.body)
            assert letter["type"] == "chain.settled"
            assert [picture["index"] for picture in letter["data"]["chain"]["pictures"]] == [None, 1, 2]
            for attempt in entry.attempts:
                Webhook(secret).verify(entry.body, attempt.headers, json_parse=False)
