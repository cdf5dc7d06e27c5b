"""Subscriptions that are off, and what is owed to them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from storage.errors import NoSuchSubscription
from storage.events import list_events
from storage.outcomes import finish_deliveries
from storage.records import SUBSCRIPTION_DISABLED
from storage.subscriptions import delete_subscription, read_subscription
from storage.suspensions import disable_subscription, enable_subscription, has_unswept, sweep_deliveries
from tests.storage.subscribers import Listeners, attempt, follow_task, owed, subscribe, take

if TYPE_CHECKING:
    from tests.conftest import Ledger


@pytest.fixture
def heard(open_ledger: Callable[..., Any]) -> Any:
    return open_ledger(assemble=Listeners)


def tell(ledger: "Ledger", tasks: int = 2, each: int = 3) -> list[Any]:
    opened = [ledger.open_accepted(f"g{number}") for number in range(tasks)]
    for task in opened:
        for percent in range(1, each):
            ledger.record(task, status="IN_PROGRESS", progress=percent)
    return opened


def states(ledger: "Ledger", subscription: str = "shop") -> list[str]:
    return [state for _, state in owed(ledger, subscription)]


def test_a_subscription_is_disabled_once_and_that_is_told(heard: "Ledger") -> None:
    subscribe(heard, events=("task.*",))
    subscribe(heard, "other")
    told = [heard.do(disable_subscription, "shop", reason) for reason in ("gone", "again")]
    assert told == [heard.ask(read_subscription, "shop")] * 2
    assert (told[0].state, told[0].reason) == ("disabled", "gone")
    (event,) = heard.ask(list_events, types=(SUBSCRIPTION_DISABLED,))[0]
    assert event.task is None
    assert event.data == {
        "source": "service",
        "subscription_id": "shop",
        "host": "shop.example:443",
        "reason": "gone",
        "failing_since": None,
    }
    assert owed(heard, "other") == [(SUBSCRIPTION_DISABLED, "planned")]


def test_what_is_enabled_hears_what_comes_and_not_yet_what_was_held(heard: "Ledger") -> None:
    subscribe(heard, events=("task.*",))
    (task,) = tell(heard, tasks=1, each=1)
    heard.do(disable_subscription, "shop", "gone")
    while heard.do(sweep_deliveries):
        pass
    heard.record(task, status="IN_PROGRESS", progress=5)
    enabled = heard.do(enable_subscription, "shop")
    assert (enabled.state, enabled.reason, enabled.failing_since) == ("active", None, None)
    assert heard.do(enable_subscription, "shop") == enabled
    heard.record(task, status="IN_PROGRESS", progress=6)
    assert states(heard) == ["held", "held", "planned"]


@pytest.mark.parametrize("verb", [disable_subscription, enable_subscription])
def test_there_must_be_one(heard: "Ledger", verb: Any) -> None:
    with pytest.raises(NoSuchSubscription):
        heard.do(verb, "nobody", **({"reason": "r"} if verb is disable_subscription else {}))


@pytest.mark.parametrize(("off", "state"), [(disable_subscription, "held"), (delete_subscription, "cancelled")])
def test_what_is_owed_is_laid_aside_in_slices(heard: "Ledger", off: Any, state: str) -> None:
    subscribe(heard, events=("task.*",))
    subscribe(heard, "other", events=("task.*",))
    tell(heard)
    assert not heard.ask(has_unswept)
    heard.do(off, "shop", **({"reason": "r"} if off is disable_subscription else {}))
    assert "held" not in states(heard), "turning it off is one row, however much it is owed"
    swept = list[int]()
    while heard.ask(has_unswept):
        before = states(heard).count(state)
        assert heard.do(sweep_deliveries, limit=2)
        swept.append(states(heard).count(state) - before)
    assert swept == [2, 2, 2, 0]
    assert heard.do(sweep_deliveries) == 0
    assert states(heard) == [state] * 6
    assert set(states(heard, "other")) == {"planned", "waiting"}


def test_what_is_enabled_halfway_goes_on_in_its_order(heard: "Ledger") -> None:
    subscribe(heard, events=("task.*",))
    tell(heard)
    heard.do(disable_subscription, "shop", "gone")
    heard.do(sweep_deliveries, limit=2)
    heard.do(enable_subscription, "shop")
    assert not heard.ask(has_unswept)
    sent = list[int]()
    while taken := take(heard):
        for each in taken:
            sent.append(each.id)
            heard.do(finish_deliveries, [attempt(each)])
    assert len(sent) == 4
    assert sorted(states(heard)) == ["delivered"] * 4 + ["held"] * 2


def test_many_small_ones_are_laid_aside_in_slices_too(heard: "Ledger") -> None:
    opened = [heard.open() for _ in range(5)]
    subscriptions = [follow_task(heard, task) for task in opened]
    heard.record(opened[0], gateway_id="g", status="SUBMITTED")
    for each in subscriptions:
        heard.do(delete_subscription, each.id)
    steps = 0
    while heard.ask(has_unswept):
        assert heard.do(sweep_deliveries, limit=2)
        steps += 1
    assert steps <= 5
    assert heard.sql("SELECT DISTINCT state FROM deliveries") == [("cancelled",)]
