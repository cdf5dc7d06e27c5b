"""What rules learn of the ledger is what stands in it at that very moment, inside the transaction."""

import sqlite3
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from storage.errors import LedgerUnavailable
from storage.facts import LedgerFacts
from storage.openings import open_click, open_retry
from storage.pauses import pause
from storage.reactions import Click, Notify, Spending
from storage.records import Task
from storage.submissions import acknowledge, reject
from storage.windows import answer_window
from tests.storage.conftest import Script, decide

if TYPE_CHECKING:
    from tests.conftest import Ledger

T = TypeVar("T")


def facts(ledger: "Ledger", ask: Callable[[LedgerFacts], T]) -> T:
    return ledger.do(lambda tx: ask(LedgerFacts(tx, now=tx.now)))


def spending(ledger: "Ledger", window: int | None, **of: Any) -> list[Spending]:
    """What was reserved, one by one; its number and its sum must agree."""

    def ask(ask: LedgerFacts) -> list[Spending]:
        found = list(ask.iter_spending(window, **of))
        assert ask.count_follow_ups(window, **of) == len(found)
        assert ask.sum_costs(window, **of) == sum(each.cost or 0 for each in found)
        return found

    return facts(ledger, ask)


def follow_up(ledger: "Ledger", parent: Task, origin: str, cost: float | None = None) -> Task:
    return ledger.do(open_click, parent, ledger.grid[4], origin=origin, cost=cost)[0]


def test_they_tell_of_the_task_its_chain_its_mode_and_its_own_list(ledger: "Ledger") -> None:
    task = ledger.open_grid(then=("U1",), request={"options": {"mode": "turbo"}})
    bare = ledger.open()
    assert facts(ledger, lambda ask: ask.now) == ledger.store.now()
    assert facts(ledger, lambda ask: ask.task(task.id)) == task
    assert facts(ledger, lambda ask: ask.chain(task.id)).tasks == 1
    assert facts(ledger, lambda ask: [ask.then(each.id) for each in (task, bare)]) == [("U1",), ()]
    assert facts(ledger, lambda ask: [ask.mode(each.id) for each in (task, bare)]) == ["turbo", None]


def test_they_tell_what_would_cost_nothing(ledger: "Ledger") -> None:
    grid, failed = ledger.open_grid(), ledger.open_accepted("g2")
    ledger.do(open_click, grid, ledger.grid[0], origin="api")
    ledger.record(failed, status="FAILURE")
    assert facts(ledger, lambda ask: [ask.has_click(grid, ledger.grid[place]) for place in (0, 1)]) == [True, False]
    assert not facts(ledger, lambda ask: ask.is_answered(ledger.task(failed)))
    ledger.do(open_retry, ledger.task(failed), origin="api")
    assert facts(ledger, lambda ask: ask.is_answered(ledger.task(failed)))


def test_they_tell_whether_a_rule_is_paused(ledger: "Ledger") -> None:
    ledger.do(pause, "cats", origin="api")
    assert facts(ledger, lambda ask: [ask.is_paused(rule) for rule in ("cats", "dogs")]) == [True, False]


def test_spending_is_of_rules_and_then_alone_and_what_was_refused_gives_its_share_back(ledger: "Ledger") -> None:
    grid, other = ledger.open_grid(), ledger.open_grid("g2")
    begun = ledger.store.now()
    for origin, cost in (("rule:a", 0.5), ("then", None), ("api", 9.0), ("rule:b", 0.25), ("cli", 9.0)):
        ledger.clock.now += 1
        follow_up(ledger, grid, origin, cost)
    ledger.clock.now += 1
    refused, late = follow_up(ledger, grid, "rule:a", 4.0), follow_up(ledger, other, "rule:a", 2.0)
    ledger.do(reject, ledger.submission(refused).id, reason="no", kind="gateway", answer=None)
    assert spending(ledger, 6001) == [
        Spending(time=begun + 1000, cost=0.5),
        Spending(time=begun + 2000, cost=None),
        Spending(time=begun + 4000, cost=0.25),
        Spending(time=begun + 6000, cost=2.0),
    ]
    assert [each.time - begun for each in spending(ledger, 4000)] == [4000, 6000]
    assert [each.cost for each in spending(ledger, 6000, rule="a")] == [0.5, 2.0]
    assert [each.cost for each in spending(ledger, None, rule="then")] == [None]
    assert [each.cost for each in spending(ledger, None, rule="a", root_id=other.id)] == [ledger.submission(late).cost]


def test_a_refused_one_on_which_its_gateway_works_is_spent_after_all(ledger: "Ledger") -> None:
    task = follow_up(ledger, ledger.open_grid(), "rule:a", 0.5)
    ledger.do(reject, ledger.submission(task).id, reason="no", kind="gateway", answer=None)
    assert spending(ledger, None) == []
    ledger.record(task, status="SUCCESS", progress=100)
    assert len(spending(ledger, None)) == 1


def test_what_was_answered_with_another_ones_task_still_counts(ledger: "Ledger") -> None:
    task = follow_up(ledger, ledger.open_grid(), "then", 0.5)
    ledger.do(acknowledge, ledger.submission(task).id, "g7", "submit", {"code": 21}, is_new=False)
    assert len(spending(ledger, None)) == 1


def test_only_firings_that_opened_something_count_for_the_fuse(scripted: "Ledger", script: Script) -> None:
    notify = Notify(address="0123456789abcdef", text="x")
    root = scripted.open_grid()
    decisions: list[Any] = [
        decide(notify),
        decide(notify, Click(button=scripted.grid[4])),
        decide(Click(button=scripted.grid[4]), outcome="blocked", reason="dry_run"),
        decide(Click(button=scripted.grid[4]), Click(button=scripted.grid[5])),
    ]
    script.on["task.succeeded"] = lambda _task, _facts: [decisions.pop(0)]
    for child in [follow_up(scripted, root, "api") for _ in decisions]:
        scripted.claim()
        scripted.record(child, status="SUCCESS", progress=100)
    assert facts(scripted, lambda ask: ask.count_firings("r", root.id)) == 2
    assert facts(scripted, lambda ask: ask.count_firings("other", root.id)) == 0


def test_they_tell_what_moderation_refused(ledger: "Ledger") -> None:
    grid = ledger.open_grid()
    for place, kind in ((0, "moderation"), (1, "timeout")):
        child, _ = ledger.do(open_click, grid, ledger.grid[place], origin="api")
        ledger.claim()
        ledger.record(child, status="FAILURE", fail_kind=kind)
    asked = facts(ledger, lambda ask: [ask.was_refused(grid, ledger.grid[place]) for place in (0, 1, 4)])
    assert asked == [True, False, False]


def test_what_a_clock_that_was_ahead_has_opened_counts_for_a_window_and_no_longer(ledger: "Ledger") -> None:
    grid = ledger.open_grid()
    ledger.clock.now += 3600
    follow_up(ledger, grid, "rule:a", 0.5)
    ledger.clock.now -= 3600
    assert [len(spending(ledger, window)) for window in (3_600_000, 3_599_999, None)] == [1, 0, 1]


def test_a_windows_answer_is_no_follow_up_of_its_own(ledger: "Ledger") -> None:
    child = follow_up(ledger, ledger.open_grid(), "rule:a", 0.5)
    ledger.claim()
    ledger.record(child, gateway_id="g2", status="MODAL")
    ledger.do(answer_window, child.id, prompt="x", mask=None)
    assert spending(ledger, None) == [Spending(time=ledger.store.now(), cost=0.5)]


def test_what_was_spent_is_read_once_until_it_is_forgotten(ledger: "Ledger") -> None:
    grid = ledger.open_grid()

    def ask(tx: Any) -> list[int]:
        found, told = LedgerFacts(tx, tx.now), []
        told.append(found.count_follow_ups(None))
        open_click(tx, grid, ledger.grid[0], origin="rule:r")
        told.append(found.count_follow_ups(None))
        found.forget()
        return [*told, found.count_follow_ups(None)]

    assert ledger.do(ask) == [0, 0, 1]


def test_trouble_in_the_database_is_the_ledgers(ledger: "Ledger") -> None:
    broken = LedgerFacts(sqlite3.connect(":memory:"), 1)
    task = ledger.open()
    for ask in (
        lambda: broken.chain(task.id),
        lambda: broken.is_answered(task),
        lambda: broken.sum_costs(1),
        lambda: list(broken.iter_spending(1)),
    ):
        with pytest.raises(LedgerUnavailable):
            ask()


@pytest.mark.parametrize(
    ("of", "index"),
    [
        ({}, "follow_ups"),
        ({"rule": "r"}, "follow_ups_of_a_rule"),
        ({"rule": "r", "root_id": "8000000000000001"}, "tasks_of_a_chain"),
    ],
)
def test_what_was_spent_is_found_by_its_own_index(ledger: "Ledger", of: dict[str, Any], index: str) -> None:
    def explain(db: sqlite3.Connection) -> list[str]:
        asked: list[str] = []
        db.set_trace_callback(asked.append)
        spent = LedgerFacts(db, 9)
        spent.count_follow_ups(1, **of), spent.sum_costs(1, **of), list(spent.iter_spending(1, **of))
        db.set_trace_callback(None)
        return [db.execute(f"EXPLAIN QUERY PLAN {each}").fetchone()[3] for each in asked]

    assert [f"INDEX {index} (" in step for step in ledger.ask(explain)] == [True] * 3
