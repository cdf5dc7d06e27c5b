"""Subscriptions: added, changed, deleted, listed; those of one task; plain hooks of former days."""

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from storage.errors import NoSuchSubscription, SubscriptionExists
from storage.records_of_deliveries import GATEWAY_EVENTS, Subscription
from storage.recoveries import count_recoverable
from storage.subscriptions import (
    change_subscription,
    count_standing,
    delete_subscription,
    list_subscriptions,
    read_standing,
    read_subscription,
    readdress,
    take_up_hooks,
)
from storage.suspensions import disable_subscription, enable_subscription, sweep_deliveries
from storage.webhook_secrets import add_secret, list_secrets
from tests.storage.subscribers import Listeners, follow_task, make_subscription, owed, subscribe

if TYPE_CHECKING:
    from tests.conftest import Ledger

FULL: dict[str, Any] = {
    "origin": "file",
    "events": ("task.*", "chain.settled"),
    "match": {"tag": "红", "any": [{"progress": {"gte": 50}}]},
    "format": "cloudevents",
    "ordered": False,
    "rate": 2.5,
    "concurrency": 9,
}


def version(ledger: "Ledger") -> Any:
    return ledger.sql("SELECT version FROM audience")


def test_what_was_added_can_be_read(ledger: "Ledger") -> None:
    added = subscribe(ledger, "shop", **FULL)
    assert added == msgspec.structs.replace(
        make_subscription("shop", **FULL), created_at=ledger.store.now(), updated_at=ledger.store.now()
    )
    assert ledger.ask(read_subscription, "shop") == added


def test_an_id_is_given_once(ledger: "Ledger") -> None:
    subscribe(ledger)
    with pytest.raises(SubscriptionExists):
        subscribe(ledger)


def test_a_change_changes_what_it_names(ledger: "Ledger") -> None:
    before = subscribe(ledger)
    at_first = version(ledger)
    ledger.clock.now += 1
    changes = {name: FULL[name] for name in ("events", "match", "format", "ordered", "rate", "concurrency")}
    after = ledger.do(change_subscription, "shop", host="b.example:80", sealed="s:9", **changes)
    assert after == ledger.ask(read_subscription, "shop")
    assert after == msgspec.structs.replace(
        before, host="b.example:80", sealed="s:9", updated_at=ledger.store.now(), **changes
    )
    assert version(ledger) != at_first


def test_a_change_to_what_it_was_is_none(ledger: "Ledger") -> None:
    before = subscribe(ledger)
    at_first = version(ledger)
    ledger.clock.now += 1
    assert ledger.do(change_subscription, "shop", events=before.events, rate=None) == before
    assert (ledger.ask(read_subscription, "shop"), version(ledger)) == (before, at_first)


@pytest.mark.parametrize("field", ["id", "state", "root_id", "reason", "failing_since", "created_at", "colour"])
def test_what_only_the_ledger_knows_cannot_be_changed(ledger: "Ledger", field: str) -> None:
    subscribe(ledger)
    with pytest.raises(TypeError):
        ledger.do(change_subscription, "shop", **{field: "x"})


@pytest.mark.parametrize("verb", [change_subscription, delete_subscription])
def test_there_must_be_one(ledger: "Ledger", verb: Any) -> None:
    with pytest.raises(NoSuchSubscription):
        ledger.do(verb, "nobody")


def test_what_was_deleted_is_gone_with_its_secrets(ledger: "Ledger") -> None:
    subscribe(ledger)
    ledger.do(add_secret, "shop", "s:secret")
    ledger.do(delete_subscription, "shop")
    for call in (read_subscription, delete_subscription):
        with pytest.raises(NoSuchSubscription):
            ledger.do(call, "shop")
    assert ledger.ask(list_subscriptions) == []
    assert ledger.ask(list_secrets, "shop") == []
    assert ledger.sql("SELECT sealed, state FROM subscriptions") == [("", "deleted")]


def test_a_deleted_id_may_come_again(ledger: "Ledger") -> None:
    subscribe(ledger)
    ledger.do(delete_subscription, "shop")
    again = subscribe(ledger, "shop", **FULL)
    assert ledger.ask(read_subscription, "shop") == again
    assert ledger.ask(list_subscriptions) == [again]
    with pytest.raises(SubscriptionExists):
        subscribe(ledger)


def test_one_that_comes_again_is_owed_nothing_that_its_forerunner_was(open_ledger: Any) -> None:
    ledger = open_ledger(assemble=Listeners)
    subscribe(ledger, events=("task.*",))
    task = ledger.open_accepted()
    ledger.record(task, status="IN_PROGRESS", progress=1)
    ledger.do(disable_subscription, "shop", "it moves")
    while ledger.do(sweep_deliveries):
        pass
    ledger.record(task, status="IN_PROGRESS", progress=2)
    ledger.do(enable_subscription, "shop")
    ledger.record(task, status="IN_PROGRESS", progress=3)
    ledger.do(delete_subscription, "shop")
    subscribe(ledger, events=("task.*",))
    assert {state for _, state in owed(ledger, "shop")} == {"cancelled"}
    ledger.record(task, status="IN_PROGRESS", progress=4)
    assert [state for _, state in owed(ledger, "shop")][-1] == "planned"
    assert ledger.ask(count_recoverable, "shop", 0) == 0


def test_a_task_whose_own_subscription_was_disabled_is_told_of_at_its_new_address(open_ledger: Any) -> None:
    ledger = open_ledger(assemble=Listeners)
    task = ledger.open()
    one = follow_task(ledger, task, task_id=task.id)
    ledger.do(disable_subscription, one.id, "gone")
    ledger.record(task, gateway_id="g", status="IN_PROGRESS", progress=1)
    assert ledger.do(readdress, task.id, "other:1", "s:other")
    ledger.record(task, gateway_id="g", status="IN_PROGRESS", progress=2)
    rows = ledger.sql("SELECT state, lane FROM deliveries ORDER BY id")
    assert {lane for _, lane in rows} == {"other:1"}
    assert [state for state, _ in rows] == ["held", "held", "planned"]
    assert ledger.ask(read_subscription, one.id).state == "active"


def test_they_are_listed_newest_first_page_by_page(ledger: "Ledger") -> None:
    for name in ("c", "a", "b"):
        subscribe(ledger, name)
    one = follow_task(ledger, ledger.open())
    standing = [each.id for each in ledger.ask(read_standing)]
    assert standing == ["b", "a", "c"]
    assert [each.id for each in ledger.ask(list_subscriptions, limit=2)] == ["b", "a"]
    assert [each.id for each in ledger.ask(list_subscriptions, before="a", limit=2)] == ["c"]
    assert [each.id for each in ledger.ask(list_subscriptions, standing_only=False)] == [one.id, *standing]
    assert ledger.ask(count_standing) == 3


def test_only_standing_ones_change_the_audience(ledger: "Ledger") -> None:
    subscribe(ledger)
    at_first = version(ledger)
    one = follow_task(ledger, ledger.open())
    ledger.do(delete_subscription, one.id)
    assert version(ledger) == at_first
    ledger.do(delete_subscription, "shop")
    assert version(ledger) != at_first


def test_a_tasks_own_subscription_goes_to_another_url_with_what_is_owed_to_it(open_ledger: Any) -> None:
    ledger = open_ledger(assemble=Listeners)
    task, other = ledger.open(), ledger.open()
    own = follow_task(ledger, task, task_id=task.id, origin="facade")
    follow_task(ledger, task)
    ledger.record(task, status="IN_PROGRESS", progress=1)
    assert ledger.do(readdress, task.id, "d.example:443", "s:new") is True
    assert ledger.do(readdress, other.id, "d.example:443", "s:new") is False
    assert ledger.ask(read_subscription, own.id).sealed == "s:new"
    lanes = ledger.sql("SELECT DISTINCT subscription_id = ?, lane FROM deliveries ORDER BY 1", own.id)
    assert lanes == [(0, "c.example:443"), (1, "d.example:443")]


class TestHooksOfFormerDays:
    """A facade's client's own hook stood in the task's row, in plain."""

    @staticmethod
    def keep(ledger: "Ledger", task: Any, url: str) -> None:
        ledger.do(lambda tx: tx.execute("UPDATE tasks SET notify_hook = ? WHERE id = ?", (url, task.id)) and None)

    @staticmethod
    def read_host(url: str) -> str:
        if not url.startswith("https://"):
            raise ValueError(url)
        return url.split("/")[2]

    def take_up(self, ledger: "Ledger", limit: int = 1000) -> Any:
        return ledger.do(take_up_hooks, lambda text: f"sealed({text})", self.read_host, limit)

    def test_they_become_sealed_subscriptions(self, ledger: "Ledger") -> None:
        task = ledger.open()
        self.keep(ledger, task, "https://c.example/hook?x=1")
        assert self.take_up(ledger) == 1
        (taken,) = ledger.ask(list_subscriptions, standing_only=False)
        assert taken == Subscription(
            id=taken.id,
            origin="facade",
            root_id=task.id,
            task_id=task.id,
            host="c.example",
            sealed='sealed({"headers":{},"url":"https://c.example/hook?x=1"})',
            events=GATEWAY_EVENTS,
            format="gateway",
            created_at=ledger.store.now(),
            updated_at=ledger.store.now(),
        )
        assert ledger.sql("SELECT notify_hook FROM tasks") == [(None,)]
        assert self.take_up(ledger) == 0

    def test_those_of_ended_tasks_and_those_of_no_use_are_forgotten(self, ledger: "Ledger") -> None:
        self.keep(ledger, ledger.open_grid(), "https://c.example/hook")
        self.keep(ledger, ledger.open(), "gopher:nowhere")
        assert self.take_up(ledger) == 2
        assert ledger.sql("SELECT notify_hook FROM tasks") == [(None,), (None,)]
        assert ledger.ask(list_subscriptions, standing_only=False) == []

    def test_they_are_taken_up_in_slices(self, ledger: "Ledger") -> None:
        for _ in range(5):
            self.keep(ledger, ledger.open(), "https://c.example/hook")
        assert [self.take_up(ledger, 2) for _ in range(4)] == [2, 2, 1, 0]
