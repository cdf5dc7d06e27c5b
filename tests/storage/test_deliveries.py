"""Deliveries and attempts, read; and that no question walks through all of them."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args

import pytest

from storage.deliveries import count_deliveries, list_attempts, list_deliveries, read_delivery
from storage.errors import NoSuchDelivery
from storage.outbox import claim_deliveries, list_turns, read_parcels
from storage.outcomes import exhaust_delivery, finish_deliveries, prune_deliveries, retry_delivery
from storage.records_of_deliveries import DeliveryState
from storage.recoveries import count_recoverable, recover_some, redeliver
from storage.subscriptions import delete_subscription, readdress, take_up_hooks
from storage.suspensions import disable_subscription, enable_subscription, has_unswept, sweep_deliveries
from tests.storage.subscribers import Listeners, attempt, follow_task, subscribe, take

if TYPE_CHECKING:
    from tests.conftest import Ledger


@pytest.fixture
def heard(open_ledger: Callable[..., Any]) -> Any:
    return open_ledger(assemble=Listeners)


def ids(ledger: "Ledger", **filters: Any) -> list[int]:
    return [each.id for each in ledger.ask(list_deliveries, **filters)]


def test_they_are_listed_newest_first_by_whose_they_are_and_how_they_stand(heard: "Ledger") -> None:
    subscribe(heard, "a", events=("task.*",))
    subscribe(heard, "b", events=("task.submitted",))
    task = heard.open_accepted()
    heard.record(task, status="IN_PROGRESS", progress=1)
    other = heard.open_accepted("g2")
    assert ids(heard) == [5, 4, 3, 2, 1]
    assert ids(heard, limit=2) == [5, 4]
    assert ids(heard, before=4, limit=2) == [3, 2]
    for each in (1, 2):
        (taken,) = heard.do(claim_deliveries, [each])
        if each == 1:
            heard.do(finish_deliveries, [attempt(taken)])
        else:
            heard.do(exhaust_delivery, attempt(taken, "status"))
    rows = {each.id: each for each in heard.ask(list_deliveries)}
    for subscription in (None, "a", "b"):
        for about in (None, task.id, other.id):
            for state in (None, *get_args(DeliveryState)):
                filters = {"subscription": subscription, "task": about, "state": state}
                wanted = [
                    key
                    for key, row in sorted(rows.items(), reverse=True)
                    if (subscription is None or row.subscription_id == subscription)
                    and (about is None or row.task_id == about)
                    and (state is None or row.state == state)
                ]
                assert ids(heard, **filters) == wanted, filters


def test_one_can_be_read_and_one_that_is_not_there_cannot(heard: "Ledger") -> None:
    subscribe(heard)
    heard.open_accepted()
    assert heard.ask(read_delivery, 1) == heard.ask(list_deliveries)[0]
    assert heard.ask(list_attempts, 1) == []
    with pytest.raises(NoSuchDelivery):
        heard.ask(read_delivery, 2)


def test_all_but_the_delivered_ones_are_counted(heard: "Ledger") -> None:
    subscribe(heard, "a", events=("task.*",))
    subscribe(heard, "b", events=("task.*",))
    task = heard.open_accepted()
    heard.record(task, status="IN_PROGRESS", progress=1)
    heard.record(task, status="IN_PROGRESS", progress=2)
    *_, oldest = heard.ask(list_deliveries, subscription="a")
    (taken,) = heard.do(claim_deliveries, [oldest.id])
    heard.do(finish_deliveries, [attempt(taken)])
    heard.do(disable_subscription, "b", "gone")
    while heard.do(sweep_deliveries):
        pass
    assert heard.ask(count_deliveries) == {("a", "planned"): 1, ("a", "waiting"): 1, ("b", "held"): 3}


def test_no_question_walks_through_all_deliveries(heard: "Ledger") -> None:
    asked = list[str]()
    tell = asked.append
    heard.ask(lambda db: db.set_trace_callback(tell))
    heard.store._connection.set_trace_callback(tell)
    subscribe(heard, "a", events=("task.*",))
    task = heard.open()
    one = follow_task(heard, task, task_id=task.id)
    heard.record(task, gateway_id="g", status="IN_PROGRESS", progress=1)
    for taken in take(heard, each=1):
        heard.do(finish_deliveries, [attempt(taken)])
    for verb, given in ((retry_delivery, {"next_at": 0}), (exhaust_delivery, {})):
        for taken in take(heard, each=1):
            heard.do(verb, attempt(taken, "status"), **given)
    heard.ask(read_parcels, heard.ask(list_deliveries, subscription="a"), now=heard.store.now())
    heard.do(readdress, task.id, "h:1", "s")
    heard.do(redeliver, 1)
    heard.do(disable_subscription, "a", "gone")
    heard.do(sweep_deliveries)
    heard.ask(has_unswept)
    heard.do(enable_subscription, "a")
    heard.ask(count_recoverable, "a", 0)
    heard.do(recover_some, "a", 0)
    heard.do(delete_subscription, one.id)
    heard.do(take_up_hooks, str, str)
    heard.do(prune_deliveries, 1)
    heard.ask(count_deliveries)
    heard.ask(list_turns, now=9)
    for state in get_args(DeliveryState):
        heard.ask(list_deliveries, subscription="a", state=state)
        heard.ask(list_deliveries, subscription="a", task=task.id, state=state)
    heard.ask(list_deliveries, task=task.id)
    heard.ask(list_deliveries, subscription="a", before=3)
    heard.store._connection.set_trace_callback(None)
    heard.ask(lambda db: db.set_trace_callback(None))
    steps = {
        (step[-1], statement)
        for statement in asked
        if statement.startswith(("SELECT", "UPDATE", "DELETE", "INSERT", "WITH"))
        for step in heard.sql(f"EXPLAIN QUERY PLAN {statement}")
    }
    assert {
        each for each in steps if re.fullmatch(r"SCAN (deliveries|attempts|subscriptions|tasks|events)", each[0])
    } == set()
    turn = {step for step, statement in steps if "INDEXED BY deliveries_due" in statement and "LIMIT" in statement}
    assert not [step for step in turn if "TEMP B-TREE" in step], "who is next is read off the index"
