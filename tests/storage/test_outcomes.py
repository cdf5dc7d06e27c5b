"""What came of an attempt, and what follows from it: for the delivery, for those behind it, for the subscription."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from storage.deliveries import list_attempts, list_deliveries, read_delivery
from storage.events import append_event, list_events
from storage.outbox import LEASE
from storage.outcomes import (
    DISABLE_AFTER,
    RETENTION,
    exhaust_delivery,
    finish_deliveries,
    prune_deliveries,
    recover_interrupted,
    retry_delivery,
)
from storage.records import DELIVERY_EXHAUSTED, NEWS_OF_DELIVERIES, SUBSCRIPTION_DISABLED
from storage.recoveries import recover_some
from storage.subscriptions import delete_subscription, read_subscription
from storage.suspensions import disable_subscription, enable_subscription, sweep_deliveries
from tests.storage.subscribers import Listeners, attempt, owed, subscribe, take

if TYPE_CHECKING:
    from tests.conftest import Ledger

DAY = 86_400


@pytest.fixture
def heard(open_ledger: Callable[..., Any]) -> Any:
    return open_ledger(assemble=Listeners)


def tell_three(ledger: "Ledger") -> Any:
    """Three events about one task."""
    task = ledger.open_accepted()
    for percent in (10, 20):
        ledger.record(task, status="IN_PROGRESS", progress=percent)
    return task


def states(ledger: "Ledger", subscription: str = "shop") -> list[str]:
    return [state for _, state in owed(ledger, subscription)]


def fail(ledger: "Ledger", delivery: Any, *, seconds: float = 5, **fields: Any) -> None:
    told = attempt(delivery, "status", **{"time": ledger.store.now()} | fields)
    ledger.do(retry_delivery, told, next_at=ledger.store.now() + int(seconds * 1000))


def news(ledger: "Ledger") -> list[Any]:
    return ledger.ask(list_events, types=tuple(NEWS_OF_DELIVERIES))[0]  # type: ignore[no-any-return]


def test_what_was_delivered_is_done_and_the_next_of_its_task_goes(heard: "Ledger") -> None:
    subscribe(heard)
    tell_three(heard)
    (taken,) = take(heard)
    told = attempt(taken, answer="ok", took=7)
    heard.do(finish_deliveries, [told])
    done = heard.ask(read_delivery, taken.id)
    assert (done.state, done.attempts, done.next_at, done.done_at) == ("delivered", 1, None, heard.store.now())
    assert heard.ask(list_attempts, taken.id) == [told]
    assert states(heard) == ["delivered", "planned", "waiting"]


def test_what_failed_is_planned_again_and_those_behind_it_wait(heard: "Ledger") -> None:
    subscribe(heard)
    tell_three(heard)
    (taken,) = take(heard)
    fail(heard, taken, seconds=300)
    again = heard.ask(read_delivery, taken.id)
    assert (again.state, again.tries, again.next_at) == ("planned", 1, heard.store.now() + 300_000)
    assert states(heard) == ["planned", "waiting", "waiting"]
    assert take(heard) == []


def test_what_is_given_up_is_news_and_the_next_of_its_task_goes(heard: "Ledger") -> None:
    subscribe(heard, "shop", events=("task.*",))
    subscribe(heard, "other", events=(DELIVERY_EXHAUSTED,))
    task = tell_three(heard)
    (taken,) = take(heard)
    heard.do(exhaust_delivery, attempt(taken, "timeout"))
    assert states(heard) == ["exhausted", "planned", "waiting"]
    (told,) = news(heard)
    first = heard.events(task)[0]
    assert (told.type, told.task) == (DELIVERY_EXHAUSTED, heard.task(task))
    assert told.data == {
        "source": "service",
        "subscription_id": "shop",
        "delivery_id": taken.id,
        "event": {"seq": first.seq, "id": first.id, "type": "task.submitted"},
        "attempts": 1,
        "error": "timeout",
    }
    assert owed(heard, "other") == [(DELIVERY_EXHAUSTED, "planned")]


def test_what_is_given_up_about_no_task_is_news_about_none(heard: "Ledger") -> None:
    subscribe(heard, events=("rule.*",))
    heard.do(append_event, None, "rule.paused", "service", {}, {"rule": "r"})
    (taken,) = take(heard)
    assert (taken.apart, taken.task_id) == (True, None)
    heard.do(exhaust_delivery, attempt(taken, "status"))
    (told,) = news(heard)
    assert (told.type, told.task, told.data["event"]["type"]) == (DELIVERY_EXHAUSTED, None, "rule.paused")


def test_two_dead_subscriptions_do_not_tell_each_other_for_ever(heard: "Ledger") -> None:
    subscribe(heard, "a")
    subscribe(heard, "b")
    heard.open_accepted()
    heard.do(disable_subscription, "b", "a person")
    for _ in range(10):
        for taken in take(heard):
            heard.do(exhaust_delivery, attempt(taken, "status"))
        heard.do(disable_subscription, "a", "a person")
    assert [each.type for each in news(heard)] == [SUBSCRIPTION_DISABLED, DELIVERY_EXHAUSTED, SUBSCRIPTION_DISABLED]


@pytest.mark.parametrize("verb", [retry_delivery, exhaust_delivery])
def test_days_of_nothing_but_failures_disable_a_subscription(heard: "Ledger", verb: Any) -> None:
    subscribe(heard, events=("task.*",))
    task = tell_three(heard)
    began = heard.store.now()
    for _ in range(5):
        (taken,) = take(heard)
        fail(heard, taken, seconds=DAY)
        assert heard.ask(read_subscription, "shop").failing_since == began
        heard.clock.now += DAY
    (taken,) = take(heard)
    given = {"next_at": heard.store.now()} if verb is retry_delivery else {}
    heard.do(verb, attempt(taken, "status"), **given)
    shop = heard.ask(read_subscription, "shop")
    assert (shop.state, shop.reason) == ("disabled", "for 5 days every attempt failed")
    told = next(each for each in news(heard) if each.type == SUBSCRIPTION_DISABLED)
    assert (told.task, told.data["failing_since"], told.data["host"]) == (None, began, "shop.example:443")
    while heard.do(sweep_deliveries):
        pass
    last = "held" if verb is retry_delivery else "exhausted"
    assert states(heard) == [last, "held", "held"]
    heard.record(task, status="SUCCESS", progress=100)
    assert states(heard)[-1] == "held"


def test_a_success_ends_the_days_of_failures(heard: "Ledger") -> None:
    subscribe(heard, events=("task.*",))
    tell_three(heard)
    (taken,) = take(heard)
    fail(heard, taken, seconds=DAY)
    heard.clock.now += 4 * DAY
    (taken,) = take(heard)
    heard.do(finish_deliveries, [attempt(taken)])
    assert heard.ask(read_subscription, "shop").failing_since is None
    (taken,) = take(heard)
    heard.clock.now += 4 * DAY
    fail(heard, taken)
    assert heard.ask(read_subscription, "shop").state == "active"


def test_failures_in_a_future_that_was_none_do_not_count(heard: "Ledger") -> None:
    subscribe(heard, events=("task.*",))
    tell_three(heard)
    heard.clock.now += 1000 * DAY
    (taken,) = take(heard)
    fail(heard, taken)
    heard.clock.now -= 1000 * DAY
    (taken,) = take(heard)
    fail(heard, taken)
    assert heard.ask(read_subscription, "shop").failing_since == heard.store.now()
    heard.clock.now += DISABLE_AFTER / 1000
    (taken,) = take(heard)
    fail(heard, taken)
    assert heard.ask(read_subscription, "shop").state == "disabled"


def test_what_fails_while_its_subscription_is_disabled_is_held(heard: "Ledger") -> None:
    subscribe(heard)
    tell_three(heard)
    (taken,) = take(heard)
    heard.do(disable_subscription, "shop", "a person")
    fail(heard, taken)
    assert states(heard)[0] == "held"


@pytest.mark.parametrize("verb", [retry_delivery, exhaust_delivery])
def test_what_fails_while_its_subscription_is_deleted_is_cancelled_and_no_news(heard: "Ledger", verb: Any) -> None:
    subscribe(heard)
    tell_three(heard)
    (taken,) = take(heard)
    heard.do(delete_subscription, "shop")
    heard.do(verb, attempt(taken, "status"), **({"next_at": 0} if verb is retry_delivery else {}))
    assert states(heard)[0] == "cancelled"
    assert news(heard) == []


def test_what_arrives_while_its_subscription_is_disabled_has_arrived(heard: "Ledger") -> None:
    subscribe(heard)
    tell_three(heard)
    (taken,) = take(heard)
    heard.do(disable_subscription, "shop", "a person")
    heard.do(finish_deliveries, [attempt(taken)])
    heard.do(sweep_deliveries)
    assert states(heard) == ["delivered", "held", "held"]


def test_what_is_told_of_an_earlier_attempt_is_kept_and_changes_nothing(heard: "Ledger") -> None:
    subscribe(heard)
    tell_three(heard)
    (earlier,) = take(heard)
    heard.clock.now += LEASE / 1000
    (later,) = take(heard)
    for verb, given in ((retry_delivery, {"next_at": 0}), (exhaust_delivery, {})):
        heard.do(verb, attempt(earlier, "timeout"), **given)
    heard.do(finish_deliveries, [attempt(earlier)])
    assert heard.ask(read_delivery, later.id) == later
    heard.do(finish_deliveries, [attempt(later)])
    assert [each.number for each in heard.ask(list_attempts, later.id)] == [1, 2]
    heard.do(exhaust_delivery, attempt(later, "timeout"))
    assert states(heard) == ["delivered", "planned", "waiting"], "what is done stays so"


def test_what_was_sent_when_the_service_stopped_is_due_at_its_start(open_ledger: Any) -> None:
    ledger = open_ledger(assemble=Listeners)
    subscribe(ledger)
    tell_three(ledger)
    (taken,) = take(ledger)
    began = ledger.store.now()
    ledger.store.close()
    ledger.clock.now += 1
    ledger = open_ledger(assemble=Listeners, clock=ledger.clock)
    assert states(ledger) == ["planned", "waiting", "waiting"]
    (told,) = ledger.ask(list_attempts, taken.id)
    assert (told.number, told.time, told.status, told.error) == (1, began, None, "interrupted")
    (again,) = take(ledger)
    assert (again.id, again.attempts) == (taken.id, 2)


def test_what_was_sent_to_a_deleted_subscription_is_cancelled_after_a_restart(open_ledger: Any) -> None:
    ledger = open_ledger(assemble=Listeners)
    subscribe(ledger)
    tell_three(ledger)
    take(ledger)
    ledger.do(delete_subscription, "shop")
    while ledger.do(sweep_deliveries):
        pass
    assert states(ledger) == ["sending", "cancelled", "cancelled"]
    ledger.store.close()
    ledger = open_ledger(assemble=Listeners)
    while ledger.do(sweep_deliveries):
        pass
    assert states(ledger) == ["cancelled"] * 3


def test_what_is_long_done_is_removed_in_slices_with_its_attempts(heard: "Ledger") -> None:
    subscribe(heard)
    tell_three(heard)
    for _ in range(2):
        (taken,) = take(heard)
        heard.do(finish_deliveries, [attempt(taken)])
    heard.clock.now += RETENTION / 1000 + 1
    before = heard.store.now() - RETENTION
    assert [heard.do(prune_deliveries, before, limit=1) for _ in range(3)] == [1, 1, 0]
    assert [each.state for each in heard.ask(list_deliveries)] == ["planned"]
    assert heard.sql("SELECT * FROM attempts") == []
    heard.do(finish_deliveries, [attempt(taken)])
    assert heard.sql("SELECT * FROM attempts") == [], "a word about what was removed is no trouble"


def test_after_a_stop_the_oldest_of_an_order_goes_before_the_newer_ones(heard: "Ledger") -> None:
    subscribe(heard, events=("task.*",))
    heard.do(disable_subscription, "shop", "it moves")
    task = heard.open_accepted()
    heard.do(enable_subscription, "shop")
    heard.record(task, status="IN_PROGRESS", progress=1)
    (newer,) = take(heard)
    heard.do(recover_some, "shop", 0)
    assert [state for _, state in owed(heard, "shop")] == ["waiting", "sending"]
    heard.do(recover_interrupted)
    assert [state for _, state in owed(heard, "shop")] == ["planned", "waiting"]
    assert heard.ask(read_delivery, newer.id).tries == 0, "a stop takes no attempt away"
