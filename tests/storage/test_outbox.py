"""Whose turn it is, who takes it, and what one POST takes."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from storage.deliveries import read_delivery
from storage.outbox import LEASE, LONGEST_PAUSE, Turn, claim_deliveries, list_turns, read_parcels
from storage.outcomes import retry_delivery
from storage.subscriptions import change_subscription, delete_subscription
from storage.suspensions import disable_subscription
from storage.webhook_secrets import add_secret
from tests.storage.subscribers import Listeners, attempt, follow_task, subscribe, take

if TYPE_CHECKING:
    from tests.conftest import Ledger


@pytest.fixture
def heard(open_ledger: Callable[..., Any]) -> Any:
    return open_ledger(assemble=Listeners)


def turns(ledger: "Ledger", **given: Any) -> list[Turn]:
    found: list[Turn] = ledger.ask(list_turns, now=ledger.store.now(), **given)
    return found


def fail(ledger: "Ledger", delivery: Any, seconds: float) -> None:
    ledger.do(retry_delivery, attempt(delivery, "status"), next_at=ledger.store.now() + int(seconds * 1000))


def test_each_lane_has_its_turn_with_what_its_subscription_bears(heard: "Ledger") -> None:
    subscribe(heard, "fast", events=("task.submitted",), concurrency=9)
    subscribe(heard, "slow", events=("task.submitted",), rate=0.5)
    task = heard.open()
    follow_task(heard, task)
    heard.record(task, gateway_id="g1", status="SUBMITTED")
    heard.open_accepted("g2")
    found = {turn.lane: turn for turn in turns(heard, each=5)}
    assert {lane: (len(turn.first), turn.concurrency, turn.rate) for lane, turn in found.items()} == {
        "fast": (2, 9, None),
        "slow": (2, 4, 0.5),
        "c.example:443": (1, 4, None),
    }
    assert [len(turn.first) for turn in turns(heard, each=1)] == [1, 1, 1]


def test_what_is_taken_is_under_way_for_the_time_of_its_lease(heard: "Ledger") -> None:
    subscribe(heard, events=("task.submitted",))
    heard.open_accepted()
    (taken,) = take(heard)
    assert (taken.state, taken.attempts, taken.tries) == ("sending", 1, 1)
    assert taken.next_at == heard.store.now() + LEASE
    assert taken == heard.ask(read_delivery, taken.id)
    (turn,) = turns(heard)
    assert (turn.first, turn.again, turn.next_at) == ((), (), taken.next_at), "then it is given up"
    assert turns(heard, held=(taken.id,)) == []
    assert heard.do(claim_deliveries, [taken.id]) == [], "nobody else has it"
    heard.clock.now += LEASE / 1000
    assert turns(heard, held=(taken.id,)) == [], "who holds it needs no second one"
    assert [turn.again for turn in turns(heard)] == [(taken.id,)]
    (again,) = take(heard)
    assert (again.attempts, again.tries) == (2, 2)


def test_a_lease_that_a_clock_gave_before_it_stepped_back_is_over(heard: "Ledger") -> None:
    subscribe(heard, events=("task.submitted",))
    heard.open_accepted()
    (taken,) = take(heard)
    heard.clock.now -= 3600
    assert [turn.again for turn in turns(heard)] == [(taken.id,)]
    assert [each.id for each in take(heard)] == [taken.id]


def test_one_that_failed_is_due_at_its_time(heard: "Ledger") -> None:
    subscribe(heard, events=("task.submitted",))
    heard.open_accepted()
    (taken,) = take(heard)
    fail(heard, taken, 5)
    due = heard.store.now() + 5000
    began = heard.store.now()
    assert turns(heard) == [Turn(lane="shop", first=(), again=(), next_at=due, changed_at=began)]
    heard.clock.now += 5
    assert turns(heard) == [Turn(lane="shop", first=(), again=(taken.id,), next_at=None, changed_at=began)]


@pytest.mark.parametrize("days", [2, 4000])
def test_a_clock_that_stepped_back_strands_no_retry(heard: "Ledger", days: int) -> None:
    subscribe(heard, events=("task.submitted",))
    heard.open_accepted()
    (taken,) = take(heard)
    fail(heard, taken, 5)
    heard.clock.now -= days * 86_400
    assert [turn.again for turn in turns(heard)] == [(taken.id,)]
    assert LONGEST_PAUSE < 2 * 86_400_000


def test_a_first_attempt_is_due_whatever_the_clock_says(heard: "Ledger") -> None:
    subscribe(heard, events=("task.submitted",))
    heard.open_accepted()
    heard.clock.now -= 3600
    (turn,) = turns(heard)
    assert len(turn.first) == 1


def test_a_disabled_subscription_has_no_turn_and_nothing_of_it_is_taken(heard: "Ledger") -> None:
    subscribe(heard, events=("task.submitted",))
    task = heard.open()
    one = follow_task(heard, task)
    heard.record(task, gateway_id="g1", status="SUBMITTED")
    ids = [key for turn in turns(heard) for key in turn.first]
    assert len(ids) == 2
    for name in ("shop", one.id):
        heard.do(disable_subscription, name, "a person")
    assert turns(heard) == []
    assert heard.do(claim_deliveries, ids) == []


def test_they_are_taken_in_the_order_that_is_asked_for(heard: "Ledger") -> None:
    subscribe(heard, events=("task.submitted",))
    for name in ("a", "b", "c"):
        heard.open_accepted(name)
    assert [each.id for each in heard.do(claim_deliveries, [3, 1, 2])] == [3, 1, 2]


def test_a_parcel_has_all_that_a_post_takes(heard: "Ledger") -> None:
    subscribe(heard, events=("task.submitted",))
    task = heard.open_accepted()
    (taken,) = take(heard)
    heard.record(task, status="SUCCESS", progress=100)
    shop = heard.do(change_subscription, "shop", sealed="s:new")
    heard.do(add_secret, "shop", "one")
    heard.do(add_secret, "shop", "two")
    (parcel,) = heard.ask(read_parcels, [taken], now=heard.store.now())
    assert (parcel.delivery, parcel.subscription, parcel.secrets) == (taken, shop, ("two", "one"))
    assert parcel.event == heard.events(task)[0], "the task as it was then"
    assert parcel.event.task.status == "NOT_START"


def test_of_what_was_deleted_meanwhile_there_is_no_parcel(heard: "Ledger") -> None:
    subscribe(heard, "a", events=("task.submitted",))
    subscribe(heard, "b", events=("task.submitted",))
    heard.open_accepted()
    taken = take(heard)
    heard.do(delete_subscription, "a")
    parcels = heard.ask(read_parcels, taken, now=heard.store.now())
    assert [each.subscription.id for each in parcels] == ["b"]
