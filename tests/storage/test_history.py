"""The past, told again: the same events and the same tasks as they were."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.events import list_events
from storage.history import (
    find_latest_of_each,
    iter_events,
    list_decided,
    list_follow_ups,
    read_event,
    was_asked_again,
    was_clicked,
)
from storage.openings import open_click, open_retry
from storage.records import EVENT_TYPES

if TYPE_CHECKING:
    from tests.conftest import Ledger

ALWAYS = 10**15


def play(ledger: "Ledger", steps: list[int]) -> None:
    """Some tasks, each told of a few times, and time that goes by."""
    tasks = [ledger.open_accepted(f"g{number}", gateway="g") for number in range(3)]
    for step in steps:
        task = tasks[step % 3]
        if step < 9:
            ledger.record(task, status="IN_PROGRESS", progress=step * 10)
        else:
            ledger.record(task, status="SUCCESS" if step % 2 else "FAILURE", progress=100, buttons=ledger.grid)
        ledger.clock.now += 1


@pytest.fixture(scope="module")
def shared(open_shared_ledger: "Callable[..., Ledger]") -> "Ledger":
    return open_shared_ledger()


@given(steps=st.lists(st.integers(0, 11), max_size=12), types=st.sets(st.sampled_from(EVENT_TYPES)))
def test_every_event_comes_with_its_task_as_it_was(shared: "Ledger", steps: list[int], types: set[str]) -> None:
    since = shared.store.now()
    shared.clock.now += 1
    play(shared, steps)
    told = shared.ask(lambda db: list(iter_events(db, since + 1, types)))
    listed, _ = shared.ask(lambda db: list_events(db, types=sorted(types) or ("none",), limit=100_000))
    expected = [event for event in listed if event.time > since]
    assert [(each.seq, each.type, each.time, each.task) for each in told] == [
        (each.seq, each.type, each.time, each.task) for each in expected
    ]
    assert all((each.chain is not None) is (each.type == "chain.settled") for each in told)


def test_only_the_time_that_is_asked_for_is_told(ledger: "Ledger") -> None:
    begun = ledger.store.now()
    play(ledger, [1, 4, 7, 10])
    told = ledger.ask(lambda db: list(iter_events(db, begun + 1000, EVENT_TYPES, begun + 2000)))
    assert [event.time - begun for event in told] == [1000, 2000]
    assert told[0].task.action == "IMAGINE"  # what was before is folded in


def test_after_the_last_event_there_is_nothing(ledger: "Ledger") -> None:
    play(ledger, [1, 4])
    assert ledger.ask(lambda db: list(iter_events(db, ledger.store.now() + 1, EVENT_TYPES))) == []


def test_a_task_is_shown_as_it_was_at_its_latest_event_of_each_type(ledger: "Ledger") -> None:
    task = ledger.open_accepted()
    for progress in (10, 40):
        ledger.record(task, status="IN_PROGRESS", progress=progress)
    ledger.record(task, status="SUCCESS", progress=100, buttons=ledger.grid)
    found = ledger.ask(find_latest_of_each, task.id)
    events = [ledger.ask(read_event, task.id, seq) for seq in found.values()]
    assert [each.type for each in events] == ["task.submitted", "task.progressed", "task.succeeded", "chain.settled"]
    assert [each.type for each in events] == list(found)
    assert [each.task.progress for each in events] == [None, 40, 100, 100]
    assert [each.chain and each.chain.tasks for each in events] == [None, None, None, 1]
    assert ledger.ask(find_latest_of_each, "8000000000000009") == {}


def test_follow_ups_are_told_without_what_people_opened(
    open_ledger: "Callable[..., Ledger]", reactor: Callable[..., object]
) -> None:
    ledger = open_ledger(react=reactor("id: first, on: task.succeeded, match: {action: IMAGINE}, do: [click: U1]"))
    begun = ledger.store.now()
    grid = ledger.open_grid(then=("V1",))
    ledger.do(open_click, grid, grid.buttons[1], origin="api")
    now = ledger.store.now()
    told = ledger.ask(list_follow_ups, begun - 1, now + 1)
    assert [(each.origin, each.root_id) for each in told] == [("then", grid.id), ("rule:first", grid.id)]
    assert ledger.ask(list_follow_ups, begun - 1, begun) == []
    assert ledger.ask(list_decided, begun, now, "fired") == {("then", grid.id), ("first", grid.id)}
    assert ledger.ask(list_decided, now + 1, ALWAYS, "fired") == set()
    assert ledger.ask(list_decided, begun, now, "deferred") == set()


def test_a_click_stood_from_its_opening_until_it_failed(ledger: "Ledger") -> None:
    grid = ledger.open_grid()
    button = grid.buttons[0]
    opened = ledger.store.now()
    child, _ = ledger.do(open_click, grid, button, origin="api")
    ledger.clock.now += 10
    ledger.record(child, status="FAILURE")
    failed = ledger.store.now()

    def stood(now: int, since: int = 0) -> bool:
        found: bool = ledger.ask(was_clicked, grid, button, now, since)
        return found

    assert [stood(opened - 1), stood(opened), stood(failed - 1), stood(failed)] == [False, True, True, False]


def test_a_click_of_a_rule_stood_only_before_the_time_that_is_looked_at(ledger: "Ledger") -> None:
    grid = ledger.open_grid()
    button = grid.buttons[0]
    opened = ledger.store.now()
    ledger.do(open_click, grid, button, origin="rule:x")
    assert not ledger.ask(was_clicked, grid, button, opened, opened)
    assert ledger.ask(was_clicked, grid, button, opened, opened + 1)


def test_a_task_was_asked_for_again_by_whoever_did(ledger: "Ledger") -> None:
    grid = ledger.open_grid()
    child, _ = ledger.do(open_click, grid, grid.buttons[0], origin="api")
    ledger.record(child, status="FAILURE")
    ledger.clock.now += 10
    now = ledger.store.now()
    assert not ledger.ask(was_asked_again, ledger.task(child), now, 0)
    retry, _ = ledger.do(open_retry, ledger.task(child), origin="api")
    assert retry.retry_of == child.id
    assert not ledger.ask(was_asked_again, ledger.task(child), now - 1, 0)
    assert ledger.ask(was_asked_again, ledger.task(child), now, 0)
