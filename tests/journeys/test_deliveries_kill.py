"""SIGKILL in the midst of deliveries: everything arrives, and what comes twice is the same letter."""

import json
import signal
from collections.abc import Iterator
from contextlib import closing

import pytest

from hooks.signature import make_secret
from tests.journeys.conftest import Stage
from tests.journeys.processes import Service, wait_until
from tests.journeys.subscribers import (
    Subscribers,
    call_back,
    count_deliveries,
    hurry,
    list_events,
    serve_briskly,
    subscribe,
)
from tests.journeys.voice import MuteGateway

pytestmark = pytest.mark.fault
SEED = 20_261_126
SECRET = make_secret()
SENDING = "SELECT id FROM deliveries WHERE state = 'sending'"
INTERRUPTED = "SELECT DISTINCT delivery_id AS id FROM attempts WHERE error = 'interrupted'"


@pytest.fixture
def subscribers() -> Iterator[Subscribers]:
    """Some that let the courier wait now and then, so that there is something to cut off."""
    with closing(Subscribers(6, secret=SECRET, seed=SEED, vices={"hang": 0.1, "fail": 0.05})) as subscribers:
        yield subscribers


def ids(service: Service, sql: str) -> set[int]:
    return {row["id"] for row in service.ledger.rows(sql)}


def test_every_event_arrives_in_order_whatever_was_cut_off(stage: Stage, subscribers: Subscribers) -> None:
    with MuteGateway() as gateway:
        service = serve_briskly(stage, gateway)
        subscribed = {url: subscribe(service, url, SECRET) for url in subscribers.urls}
        cut_off = set[int]()
        for _ in range(2):
            call_back(service, 6)
            wait_until(lambda: len(ids(service, SENDING)) >= 3, "deliveries are under way")
            service.end(signal.SIGKILL)
            cut_off |= ids(service, SENDING)
            service.restart()
        events = list_events(service)
        wait_until(
            lambda: all(count_deliveries(service, each) == {"delivered": len(events)} for each in subscribed.values()),
            "all is delivered",
        )
        assert cut_off
        assert ids(service, INTERRUPTED) == cut_off
        books = [subscribers.book(url) for url in subscribers.urls]
        for book in books:
            book.check()
            assert book.taken == events
        assert any(book.repeated for book in books)


def test_one_call_in_is_one_signed_call_back_through_a_hostile_gateway_and_a_kill(stage: Stage) -> None:
    vices = {"duplicate": 0.3, "reorder": 0.3, "delay": 0.2, "drop": 0.1, "strip_hook": 0.1}
    gateway, service = stage.play("midjourney-proxy", vices, RINGBACK_ALLOW_TARGETS="127.0.0.1", RINGBACK_LOG="warning")
    hurry(service)
    secret = service.http.get("/v1/webhook-secret").json()["secret"]
    with closing(Subscribers(1, secret=secret, seed=SEED, vices={"hang": 0.2, "fail": 0.1})) as subscribers:
        (url,) = subscribers.urls
        orders = [service.submit(f"一只猫 {place}", then=["U1", "U2"], webhook_url=f"{url}/shop") for place in range(8)]
        wait_until(lambda: subscribers.book(url).entries, "the first one calls back")
        service.end(signal.SIGKILL)
        service.restart()
        wait_until(lambda: len(subscribers.book(url).taken) >= len(orders), "all have called back")
        book = subscribers.book(url)
        book.check()
        letters = [json.loads(entry["body"]) for entry in book.entries.values()]
        assert {letter["type"] for letter in letters} == {"chain.settled"}
        assert sorted(letter["data"]["task"]["id"] for letter in letters) == sorted(orders), "one letter for each"
        for letter in letters:
            pictures = [each for each in letter["data"]["chain"]["pictures"] if each["action"] == "UPSCALE"]
            assert sorted(each["index"] for each in pictures) == [1, 2]
            assert all(each["image_url"] for each in pictures)
        assert gateway.books()["double_spends"] == []
