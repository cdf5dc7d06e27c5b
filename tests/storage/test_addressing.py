"""Whom an event is owed to: rows of the event's own transaction."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from storage.audience import fits
from storage.events import append_event, list_events
from storage.ledger import record
from storage.openings import open_click
from storage.outcomes import finish_deliveries
from storage.records import Chain, Progress, Task
from storage.records_of_deliveries import Subscription
from storage.subscriptions import change_subscription, delete_subscription
from storage.suspensions import disable_subscription
from tests.storage.subscribers import Listeners, attempt, follow_task, owed, subscribe, take

if TYPE_CHECKING:
    from tests.conftest import Ledger


@pytest.fixture
def heard(open_ledger: Callable[..., Any]) -> Any:
    """A ledger with an audience."""
    return open_ledger(assemble=Listeners)


def test_an_event_is_owed_to_everyone_whose_types_fit(heard: "Ledger") -> None:
    subscribe(heard, "all")
    subscribe(heard, "endings", events=("task.succeeded", "task.failed"))
    subscribe(heard, "chains", events=("chain.*",))
    heard.open_grid()
    assert owed(heard, "all") == [
        ("task.submitted", "planned"),
        ("task.succeeded", "waiting"),
        ("chain.settled", "waiting"),
    ]
    assert owed(heard, "endings") == [("task.succeeded", "planned")]
    assert owed(heard, "chains") == [("chain.settled", "planned")]


@pytest.mark.parametrize(
    ("patterns", "event_type", "wanted"),
    [
        (("*",), "rule.paused", True),
        (("task.*",), "task.modal", True),
        (("task.*",), "chain.settled", False),
        (("task.succeeded",), "task.succeeded", True),
        ((), "task.succeeded", False),
    ],
)
def test_types_may_be_wildcards(patterns: tuple[str, ...], event_type: str, wanted: bool) -> None:
    assert fits(patterns, event_type) is wanted


def test_the_task_is_shown_as_the_event_shows_it_and_the_chain_with_its_settling(open_ledger: Any) -> None:
    asked = list[Listeners]()

    def assemble(subscriptions: Sequence[Subscription]) -> Listeners:
        asked.append(Listeners(subscriptions))
        return asked[-1]

    ledger = open_ledger(assemble=assemble)
    subscribe(ledger)
    grid = ledger.open_grid()
    shown = {event_type: (task, chain) for event_type, task, chain in asked[-1].shown}
    for event in ledger.ask(list_events)[0]:
        assert shown[event.type][0] == event.task
    assert shown["task.succeeded"][1] is None
    chain = shown["chain.settled"][1]
    assert (chain.root_id, chain.tasks) == (grid.id, 1)


def test_a_match_decides_about_the_task(heard: "Ledger") -> None:
    subscribe(heard, "grids", match={"action": "IMAGINE"})
    subscribe(heard, "videos", match={"action": "VIDEO"})
    heard.open_accepted()
    heard.do(append_event, None, "rule.paused", "service", {}, {"rule": "r"})
    assert owed(heard, "grids") == [("task.submitted", "planned")]
    assert owed(heard, "videos") == []


def test_an_event_that_is_not_kept_is_owed_to_nobody(heard: "Ledger") -> None:
    subscribe(heard)
    task = heard.open_accepted()
    nonce = heard.submission(task).nonce

    def record_and_fail(tx: Any) -> None:
        record(tx, task.id, nonce, Progress(status="SUCCESS"), "callback")
        raise ValueError

    with pytest.raises(ValueError):
        heard.do(record_and_fail)
    assert owed(heard, "shop") == [("task.submitted", "planned")]


def test_a_change_that_is_not_kept_is_none(heard: "Ledger") -> None:
    subscribe(heard, events=("task.succeeded",))

    def change_and_fail(tx: Any) -> None:
        change_subscription(tx, "shop", events=("*",))
        append_event(tx, None, "rule.paused", "service", {}, {})
        raise ValueError

    with pytest.raises(ValueError):
        heard.do(change_and_fail)
    heard.do(append_event, None, "rule.paused", "service", {}, {})
    assert owed(heard, "shop") == []


def test_a_change_counts_from_the_next_event_of_the_same_transaction_on(heard: "Ledger") -> None:
    def add_and_tell(tx: Any) -> None:
        change_subscription(tx, "shop", events=("rule.*",))
        append_event(tx, None, "rule.paused", "service", {}, {})

    subscribe(heard, events=("task.*",))
    heard.do(add_and_tell)
    assert owed(heard, "shop") == [("rule.paused", "planned")]


def test_while_a_subscription_is_disabled_events_are_held_for_it(heard: "Ledger") -> None:
    subscribe(heard, events=("task.*",))
    heard.do(disable_subscription, "shop", "a person")
    heard.open_accepted()
    assert owed(heard, "shop") == [("task.submitted", "held")]
    assert heard.sql("SELECT done_at FROM deliveries") == [(heard.store.now(),)]


def test_a_deleted_subscription_hears_nothing(heard: "Ledger") -> None:
    subscribe(heard)
    task = heard.open()
    one = follow_task(heard, task)
    heard.do(delete_subscription, "shop")
    heard.do(delete_subscription, one.id)
    heard.open_accepted()
    assert heard.sql("SELECT * FROM deliveries") == []


def test_news_about_a_subscription_never_goes_to_it(heard: "Ledger") -> None:
    subscribe(heard, "a")
    subscribe(heard, "b")
    task = heard.open_accepted()
    one = follow_task(heard, task)
    heard.do(append_event, None, "subscription.disabled", "service", {}, {"subscription_id": "a"})
    heard.do(append_event, task.id, "delivery.exhausted", "service", {}, {"subscription_id": one.id})
    assert [each for each, _ in owed(heard, "a")] == ["task.submitted", "delivery.exhausted"]
    assert [each for each, _ in owed(heard, "b")] == ["task.submitted", "subscription.disabled", "delivery.exhausted"]
    assert owed(heard, one.id) == []


def test_a_chains_own_subscription_hears_of_its_chain_alone(heard: "Ledger") -> None:
    root, stranger = heard.open(), heard.open()
    one = follow_task(heard, root, events=("task.succeeded", "chain.settled"))
    only = follow_task(heard, root, task_id=root.id, events=("task.*",), format="gateway", origin="facade")
    for task in (root, stranger):
        heard.record(task, gateway_id=f"g{task.id}", status="SUCCESS", progress=100, buttons=heard.grid)
    child, _ = heard.do(open_click, heard.task(root), heard.grid[0], origin="api")
    heard.record(child, gateway_id="gc", status="SUCCESS", progress=100)
    assert [each for each, _ in owed(heard, one.id)] == ["task.succeeded", "chain.settled"] * 2
    assert [each for each, _ in owed(heard, only.id)] == ["task.submitted", "task.succeeded"]
    assert heard.sql("SELECT DISTINCT task_id FROM deliveries WHERE subscription_id = ?", only.id) == [(root.id,)]
    assert heard.sql("SELECT DISTINCT lane FROM deliveries") == [("c.example:443",)], "all of one host take turns"


def test_one_of_a_task_waits_for_the_one_before_it(heard: "Ledger") -> None:
    subscribe(heard, "ordered", events=("task.*",))
    subscribe(heard, "unordered", events=("task.*",), ordered=False)
    task = heard.open_accepted()
    heard.record(task, status="IN_PROGRESS", progress=10)
    heard.open_accepted("g2")
    assert [state for _, state in owed(heard, "ordered")] == ["planned", "waiting", "planned"]
    assert [state for _, state in owed(heard, "unordered")] == ["planned"] * 3
    for each in take(heard):
        heard.do(finish, each)
    heard.record(task, status="IN_PROGRESS", progress=20)
    assert [state for _, state in owed(heard, "ordered")] == ["delivered", "planned", "delivered", "waiting"]


def finish(tx: Any, delivery: Any) -> None:
    finish_deliveries(tx, [attempt(delivery)])


class Broken(Listeners):
    """Raises at each question."""

    def choose(self, event_type: str, task: Task | None, chain: Chain | None) -> Sequence[Subscription]:
        raise ZeroDivisionError


def explode(subscriptions: Sequence[Subscription]) -> Listeners:
    raise ZeroDivisionError


@pytest.mark.parametrize("assemble", [Broken, explode])
def test_an_audience_that_raises_costs_no_callback_and_nobody_elses_delivery(open_ledger: Any, assemble: Any) -> None:
    ledger = open_ledger(assemble=assemble)
    subscribe(ledger, "plain")
    subscribe(ledger, "picky", match={"action": "IMAGINE"})
    task = ledger.open_accepted()
    assert ledger.told(task) == ["task.submitted"]
    assert owed(ledger, "plain") == [("task.submitted", "planned")]
    assert owed(ledger, "picky") == []


def test_whoever_is_named_twice_is_owed_an_event_once(open_ledger: Any) -> None:
    class Twice(Listeners):
        def choose(self, event_type: str, task: Task | None, chain: Chain | None) -> Sequence[Subscription]:
            return [*super().choose(event_type, task, chain)] * 2

    ledger = open_ledger(assemble=Twice)
    subscribe(ledger)
    ledger.open_accepted()
    assert owed(ledger, "shop") == [("task.submitted", "planned")]


def test_without_a_service_nobody_listens(ledger: "Ledger") -> None:
    subscribe(ledger)
    ledger.open_accepted()
    assert ledger.sql("SELECT * FROM deliveries") == []
