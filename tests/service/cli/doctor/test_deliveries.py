"""What does not reach its subscribers is found in the ledger."""

from pathlib import Path
from typing import Any

import pytest

from hooks.seal import Sealer
from service.cli.doctor import deliveries
from service.cli.doctor.deliveries import examine_deliveries
from service.subscriptions.audience import assemble
from storage.outbox import claim_deliveries
from storage.outcomes import exhaust_delivery, retry_delivery
from storage.records_of_deliveries import Attempt, Subscription
from storage.subscriptions import add_subscription
from storage.suspensions import disable_subscription
from tests.storage.subscribers import follow_task

KEY, OTHER = "secret-0123456789abcdef", "another-0123456789abcdef"


class Ward:
    """A ledger with a subscriber, and what the doctor finds there."""

    def __init__(self, ledger: Any, path: Path) -> None:
        self.ledger = ledger
        self.path = path

    def subscribe(self, name: str, key: str = KEY) -> None:
        sealed = Sealer([key]).seal("{}")
        subscription = Subscription(
            id=name, origin="file", host=f"{name}.example:443", sealed=sealed, events=("task.*",), created_at=0,
            updated_at=0,
        )  # fmt: skip
        self.ledger.do(add_subscription, subscription)

    def fail(self, verb: Any, **options: Any) -> None:
        """The first attempt of everything that is due ends so."""
        ids = [row[0] for row in self.ledger.sql("SELECT id FROM deliveries WHERE state = 'planned'")]
        for each in self.ledger.do(claim_deliveries, ids):
            attempt = Attempt(
                delivery_id=each.id, number=1, time=self.ledger.store.now(), took=1, status=500, error="status",
                detail=None, answer=None,
            )  # fmt: skip
            self.ledger.do(verb, attempt, **options)

    def find(self, *keys: str) -> list[Any]:
        found = list(examine_deliveries(self.path, keys or (KEY,)))
        assert {each.check for each in found} <= {"deliveries"}
        return found


@pytest.fixture
def ward(tmp_path: Path, open_ledger: Any, monkeypatch: pytest.MonkeyPatch) -> Ward:
    ledger = open_ledger(assemble=assemble)
    monkeypatch.setattr(deliveries.time, "time", ledger.clock)
    return Ward(ledger, tmp_path / "ringback.db")


def test_without_a_ledger_nothing_is_said(tmp_path: Path) -> None:
    assert list(examine_deliveries(tmp_path / "ringback.db", (KEY,))) == []


def test_that_all_is_well_is_said(ward: Ward) -> None:
    (none,) = ward.find()
    ward.subscribe("shop")
    ward.ledger.open_grid()
    (one,) = ward.find()
    assert none.ok and one.ok
    assert (none.detail, one.detail) == (
        "0 subscriptions; everything reaches its subscribers.",
        "1 subscription; everything reaches its subscribers.",
    )


def test_a_disabled_subscription_is_told_with_its_reason_and_how_it_goes_on(ward: Ward) -> None:
    ward.subscribe("shop")
    ward.ledger.do(disable_subscription, "shop", "its endpoint answered 410 Gone")
    (finding,) = ward.find()
    assert not finding.ok
    assert finding.detail == "The subscription shop (shop.example:443) is disabled: its endpoint answered 410 Gone."
    assert "`ringback subscriptions enable shop`" in finding.remedy
    assert "`ringback subscriptions recover shop --since 7d`" in finding.remedy


def test_one_that_nothing_reaches_is_told_before_it_is_disabled(ward: Ward) -> None:
    ward.subscribe("shop")
    ward.ledger.open_grid()
    ward.fail(retry_delivery, next_at=ward.ledger.store.now() + 5000)
    (finding,) = ward.find()
    assert finding.detail.startswith("Nothing reaches the subscription shop (shop.example:443) since 2027-01-15 08:00")
    assert finding.remedy == "See what it answers: `ringback subscriptions test shop`."


def test_what_was_given_up_is_told_for_a_day(ward: Ward) -> None:
    for name in ("shop", "wiki", "chat", "mail"):
        ward.subscribe(name)
    ward.ledger.open()
    ward.ledger.open_grid()
    ward.fail(exhaust_delivery)
    finding = next(each for each in ward.find() if "Given up" in each.detail)
    assert "in the last 24 hours after every attempt: 1 to " in finding.detail
    assert finding.detail.endswith(" and to 1 other.")
    assert "`ringback deliveries redeliver ID`" in finding.remedy
    ward.ledger.clock.now += 25 * 3600
    assert not any("Given up" in each.detail for each in ward.find())


def test_a_seal_whose_key_is_gone_is_told_and_an_older_key_is_well(ward: Ward) -> None:
    ward.subscribe("shop")
    assert ward.find(KEY, OTHER)[0].ok
    (finding,) = ward.find(OTHER)
    assert finding.detail == "Sealed under a secret key that is gone: 1 of the addresses and secrets of subscriptions."
    assert "RINGBACK_SECRET_KEYS" in finding.remedy
    assert next(iter(examine_deliveries(ward.path, ()))).ok, "without keys nobody can tell"


def test_what_a_task_alone_is_owed_and_was_not_taken_is_told_after_a_minute(ward: Ward) -> None:
    task = ward.ledger.open()
    follow_task(ward.ledger, task, host="nope.example:443", sealed=Sealer([KEY]).seal("{}"))
    ward.ledger.record(task, gateway_id="g", status="IN_PROGRESS", progress=1)
    ward.fail(retry_delivery, next_at=ward.ledger.store.now() + 300_000)
    assert ward.find()[0].ok, "it may be a moment's trouble"
    ward.ledger.clock.now += 61
    (finding,) = ward.find()
    assert finding.detail == "Tried, and not taken yet: 1 to nope.example:443; the next try is at 08:05:00 UTC."
    assert "`ringback deliveries list --state planned`" in finding.remedy
