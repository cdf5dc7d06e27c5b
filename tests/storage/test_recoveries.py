"""Deliveries that are sent after all."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from storage.deliveries import read_delivery
from storage.errors import NoSuchDelivery, NoSuchSubscription, SubscriptionDisabled
from storage.outcomes import exhaust_delivery, finish_deliveries, retry_delivery
from storage.recoveries import count_owed, count_recoverable, hurry_some, recover_some, redeliver
from storage.subscriptions import change_subscription, delete_subscription
from storage.suspensions import disable_subscription, enable_subscription
from tests.storage.subscribers import Listeners, attempt, owed, subscribe, take

if TYPE_CHECKING:
    from tests.conftest import Ledger


@pytest.fixture
def heard(open_ledger: Callable[..., Any]) -> Any:
    return open_ledger(assemble=Listeners)


def states(ledger: "Ledger") -> list[str]:
    return [state for _, state in owed(ledger, "shop")]


def miss_five(ledger: "Ledger") -> Any:
    """A subscription that was off while a task went on: five events, a second apart, are held. Gives the task."""
    subscribe(ledger, events=("task.*",))
    ledger.do(disable_subscription, "shop", "gone")
    task = ledger.open_accepted()
    for percent in range(1, 5):
        ledger.clock.now += 1
        ledger.record(task, status="IN_PROGRESS", progress=percent)
    ledger.do(enable_subscription, "shop")
    return task


def test_what_was_missed_comes_back_in_its_order_slice_by_slice(heard: "Ledger") -> None:
    task = miss_five(heard)
    assert heard.ask(count_recoverable, "shop", 0) == 5
    heard.record(task, status="IN_PROGRESS", progress=50)
    assert states(heard) == ["held"] * 5 + ["planned"]
    assert [heard.do(recover_some, "shop", 0, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert states(heard) == ["planned"] + ["waiting"] * 5
    sent = list[int]()
    while taken := take(heard):
        (each,) = taken
        sent.append(each.seq)
        heard.do(finish_deliveries, [attempt(each)])
    assert sent == sorted(sent)
    assert len(sent) == 6


def test_one_that_is_under_way_meanwhile_is_not_doubled(heard: "Ledger") -> None:
    task = miss_five(heard)
    heard.record(task, status="IN_PROGRESS", progress=50)
    (taken,) = take(heard)
    heard.do(recover_some, "shop", 0)
    assert states(heard) == ["waiting"] * 5 + ["sending"]
    heard.do(finish_deliveries, [attempt(taken)])
    assert states(heard) == ["planned"] + ["waiting"] * 4 + ["delivered"]


def test_what_is_older_stays(heard: "Ledger") -> None:
    miss_five(heard)
    since = heard.store.now() - 1000
    assert heard.ask(count_recoverable, "shop", since) == 2
    assert heard.do(recover_some, "shop", since) == 2
    assert states(heard) == ["held"] * 3 + ["planned", "waiting"]
    assert heard.ask(count_recoverable, "shop", since) == 0


def test_what_was_given_up_comes_back_with_its_whole_schedule(heard: "Ledger") -> None:
    subscribe(heard, events=("task.submitted",))
    heard.open_accepted()
    (taken,) = take(heard)
    heard.do(exhaust_delivery, attempt(taken, "status"))
    assert heard.do(recover_some, "shop", 0) == 1
    back = heard.ask(read_delivery, taken.id)
    assert (back.state, back.attempts, back.tries, back.done_at) == ("planned", 1, 0, None)


def test_what_comes_back_to_an_unordered_subscription_waits_for_nothing(heard: "Ledger") -> None:
    miss_five(heard)
    heard.do(change_subscription, "shop", ordered=False)
    heard.do(recover_some, "shop", 0)
    assert states(heard) == ["planned"] * 5


def test_a_person_has_one_sent_once_more_beside_all_others(heard: "Ledger") -> None:
    subscribe(heard, events=("task.*",))
    task = heard.open_accepted()
    (taken,) = take(heard)
    heard.do(finish_deliveries, [attempt(taken)])
    heard.record(task, status="IN_PROGRESS", progress=1)
    heard.record(task, status="IN_PROGRESS", progress=2)
    again = heard.do(redeliver, taken.id)
    assert (again.state, again.apart, again.attempts, again.tries, again.done_at) == ("planned", True, 1, 0, None)
    assert [each.id for each in take(heard)] == [2, 1] or states(heard) == ["sending", "sending", "waiting"]
    heard.do(finish_deliveries, [attempt(heard.ask(read_delivery, taken.id))])
    assert states(heard) == ["delivered", "sending", "waiting"], "it holds nobody up, and lets nobody pass"


def test_one_that_is_still_owed_keeps_its_place_and_its_order_goes_on_now(heard: "Ledger") -> None:
    subscribe(heard, events=("task.*",))
    task = heard.open_accepted()
    heard.record(task, status="IN_PROGRESS", progress=1)
    for asked in (1, 2):  # the head, and the one behind it
        (taken,) = take(heard)
        heard.do(retry_delivery, attempt(taken, "status"), next_at=heard.store.now() + 3_600_000)
        assert take(heard) == []
        again = heard.do(redeliver, asked)
        assert not again.apart
        assert states(heard) == ["planned", "waiting"]
        head = heard.ask(read_delivery, 1)
        assert (head.next_at, head.tries) == (heard.store.now(), asked)


def test_what_waits_for_its_next_try_can_be_hurried_slice_by_slice(heard: "Ledger") -> None:
    subscribe(heard, events=("task.*",))
    for _ in range(3):
        heard.open_accepted()
    for taken in take(heard, each=3):
        heard.do(retry_delivery, attempt(taken, "status"), next_at=heard.store.now() + 3_600_000)
    assert heard.ask(count_owed, "shop") == 3
    assert take(heard, each=3) == []
    assert [heard.do(hurry_some, "shop", limit=2) for _ in range(3)] == [2, 1, 0]
    assert len(take(heard, each=3)) == 3


def test_one_that_is_under_way_is_left_to_that(heard: "Ledger") -> None:
    subscribe(heard, events=("task.*",))
    heard.open_accepted()
    (taken,) = take(heard)
    assert heard.do(redeliver, taken.id) == taken


def test_nothing_goes_to_who_is_off_or_not_there(heard: "Ledger") -> None:
    miss_five(heard)
    heard.do(disable_subscription, "shop", "gone")
    for verb, given in ((redeliver, (1,)), (recover_some, ("shop", 0))):
        with pytest.raises(SubscriptionDisabled):
            heard.do(verb, *given)
    heard.do(delete_subscription, "shop")
    for verb, given in ((redeliver, (1,)), (recover_some, ("shop", 0))):
        with pytest.raises(NoSuchSubscription):
            heard.do(verb, *given)
    with pytest.raises(NoSuchDelivery):
        heard.do(redeliver, 99)
