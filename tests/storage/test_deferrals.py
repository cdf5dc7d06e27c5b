"""Firings that wait are decided about again when they are due, or sooner where there is reason to."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from storage.deferrals import drop_waiting, hasten, resume_due
from storage.openings import open_click
from storage.reactions import LONGEST_WAIT, ROOM_FOR, Click, Decision, Firing
from storage.records import Task
from storage.submissions import reject
from storage.withdrawals import withdraw
from tests.storage.conftest import Script, decide

if TYPE_CHECKING:
    from tests.conftest import Ledger

HOUR = 3_600_000  # milliseconds


def defer(ledger: "Ledger", script: Script, *rules: tuple[str, int]) -> Task:
    """A grid about which these rules wait for a budget, each for so many milliseconds."""
    now = ledger.store.now()
    waiting = [
        decide(Click(button=ledger.grid[4]), rule=rule, outcome="deferred", reason="budget", next_at=now + milliseconds)
        for rule, milliseconds in rules
    ]
    script.on["task.succeeded"] = lambda task, _facts: waiting if task.depth == 0 else ()
    return ledger.open_grid()


def test_they_are_taken_up_when_they_are_due_oldest_first(scripted: "Ledger", script: Script) -> None:
    task = defer(scripted, script, ("late", 3 * HOUR), ("one", 2 * HOUR), ("two", HOUR))
    asked: list[str] = []

    def due(firing: Firing, task: Task, facts: Any) -> Decision:
        asked.append(firing.rule)
        return decide(Click(button=scripted.grid[4]), rule=firing.rule)

    script.due = due
    now = scripted.store.now()
    assert scripted.do(resume_due) == now + HOUR
    assert asked == []
    scripted.clock.now += 2 * HOUR / 1000
    assert scripted.do(resume_due, limit=1) == now + HOUR, "more is due at once"
    assert scripted.do(resume_due) == now + 3 * HOUR
    assert asked == ["one", "two"]
    assert [(each.rule, each.outcome, each.next_at) for each in scripted.firings(task)] == [
        ("late", "deferred", now + 3 * HOUR),
        ("one", "fired", None),
        ("two", "fired", None),
    ]
    assert len(scripted.children(task)) == 2
    scripted.clock.now += HOUR / 1000
    assert scripted.do(resume_due) is None


def test_one_that_has_to_wait_on_is_never_due_at_once_again(scripted: "Ledger", script: Script) -> None:
    defer(scripted, script, ("r", 1))
    script.due = lambda firing, *_: decide(outcome="deferred", reason="quiet_hours", next_at=0)
    scripted.clock.now += 1
    assert scripted.do(resume_due) == scripted.store.now() + 1


def test_rules_that_raise_then_leave_it_blocked(scripted: "Ledger", script: Script) -> None:
    task = defer(scripted, script, ("r", 1))

    def due(*_: Any) -> Decision:
        raise ZeroDivisionError

    script.due = due
    scripted.clock.now += 1
    assert scripted.do(resume_due) is None
    (firing,) = scripted.firings(task)
    assert (firing.outcome, firing.reason, firing.detail) == (
        "blocked",
        "error",
        "the rule failed: ZeroDivisionError",
    )


def test_after_the_clock_stepped_back_nothing_waits_for_years(scripted: "Ledger", script: Script) -> None:
    task = defer(scripted, script, ("r", HOUR))
    scripted.clock.now -= 365 * 24 * 3600
    assert scripted.do(resume_due) is None
    assert scripted.firings(task)[0].outcome == "blocked", "it was decided about"


def test_a_ledger_without_rules_lets_none_of_them_wait(
    scripted: "Ledger", script: Script, open_ledger: "Callable[..., Ledger]"
) -> None:
    task = defer(scripted, script, ("r", 1))
    scripted.store.close()
    ledger = open_ledger(clock=scripted.clock)
    ledger.clock.now += 1
    assert ledger.do(resume_due) is None
    (firing,) = ledger.firings(task)
    assert (firing.outcome, firing.reason) == ("blocked", "paused")


def test_one_that_was_deferred_before_the_clock_stepped_back_begins_anew(scripted: "Ledger", script: Script) -> None:
    task = defer(scripted, script, ("r", HOUR))
    scripted.clock.now -= 8 * 24 * 3600

    def pause(firing: Firing, _task: Task, facts: Any) -> Decision:
        """As a backoff of an hour is reckoned."""
        due = firing.created_at + HOUR
        return decide() if facts.now >= due else decide(outcome="deferred", reason="backoff", next_at=due)

    script.due = pause
    now = scripted.store.now()
    assert scripted.do(resume_due) == now + HOUR, "it is not asked about again and again"
    assert scripted.firings(task)[0].created_at == now
    scripted.clock.now += HOUR / 1000
    assert scripted.do(resume_due) is None


def test_however_late_a_rule_wants_to_be_asked_it_is_asked_within_a_week(scripted: "Ledger", script: Script) -> None:
    task = defer(scripted, script, ("r", 99 * LONGEST_WAIT))
    now = scripted.store.now()
    assert scripted.firings(task)[0].next_at == scripted.do(resume_due) == now + LONGEST_WAIT


def test_what_seems_to_be_due_in_years_is_told_to_be_due_now(scripted: "Ledger", script: Script) -> None:
    defer(scripted, script, ("one", HOUR), ("two", HOUR))
    scripted.clock.now -= 365 * 24 * 3600
    assert scripted.do(resume_due, limit=1) == scripted.store.now()


def test_when_the_first_of_a_line_finds_no_room_those_behind_it_wait_with_it(
    scripted: "Ledger", script: Script
) -> None:
    tasks = [defer(scripted, script, ("r", 1), ("other", 1)) for _ in range(3)]
    asked: list[tuple[str, str]] = []
    now = scripted.store.now()

    def due(firing: Firing, task: Task, _facts: Any) -> Decision:
        asked.append((firing.rule, task.id))
        if firing.rule == "other":
            return decide(Click(button=scripted.grid[5]), rule="other")
        return decide(rule="r", outcome="deferred", reason="budget", detail="no room", next_at=now + HOUR)

    script.due = due
    scripted.clock.now += 1
    assert scripted.do(resume_due) == now + HOUR
    assert asked == [("r", tasks[0].id), *(("other", task.id) for task in tasks)]
    lines = [firing for task in tasks for firing in scripted.firings(task) if firing.rule == "r"]
    assert [(each.outcome, each.detail, each.next_at) for each in lines] == [("deferred", "no room", now + HOUR)] * 3


def test_what_waits_for_something_else_is_asked_one_by_one(scripted: "Ledger", script: Script) -> None:
    tasks = [defer(scripted, script, ("r", 1)) for _ in range(2)]
    scripted.do(lambda tx: tx.execute("UPDATE firings SET reason = 'quiet_hours'").rowcount)
    script.due = lambda *_: decide(outcome="deferred", reason="budget", next_at=scripted.store.now() + HOUR)
    scripted.clock.now += 1
    scripted.do(resume_due)
    assert [scripted.firings(task)[0].reason for task in tasks] == ["budget", "budget"]


LINE = [False] * ROOM_FOR + [True]


@pytest.mark.parametrize("how", ["refused", "withdrawn"])
@pytest.mark.parametrize(("origin", "wakes"), [("rule:x", True), ("then", True), ("api", False)])
def test_when_a_share_comes_back_the_oldest_are_looked_at(
    scripted: "Ledger", script: Script, how: str, origin: str, wakes: bool
) -> None:
    tasks = [defer(scripted, script, ("a", HOUR), *([("b", HOUR)] if last else [])) for last in LINE]
    task = tasks[-1]
    child, _ = scripted.do(open_click, task, scripted.grid[4], origin=origin)
    if how == "refused":
        scripted.do(reject, scripted.submission(child).id, reason="no", kind="gateway", answer=None)
    else:
        scripted.do(withdraw, child.id)
    now = scripted.store.now()
    due = [firing.next_at for each in tasks for firing in scripted.firings(each)]
    # The last one of the long line, and the only one of the other: each rule has a line of its own.
    assert due == ([now] * ROOM_FOR + [now + HOUR, now] if wakes else [now + HOUR] * (ROOM_FOR + 2))


def test_under_other_rules_all_are_looked_at_and_so_they_are_after_a_start(
    scripted: "Ledger", script: Script, open_ledger: "Callable[..., Ledger]"
) -> None:
    task = defer(scripted, script, ("one", HOUR), ("two", 2 * HOUR))
    now = scripted.store.now()
    scripted.do(hasten)
    assert [firing.next_at for firing in scripted.firings(task)] == [now, now]
    script.due = lambda firing, *_: decide(rule=firing.rule, outcome="deferred", reason="backoff", next_at=now + HOUR)
    assert scripted.do(resume_due) == now + HOUR
    scripted.store.close()
    ledger = open_ledger(clock=scripted.clock, react=script)
    assert [firing.next_at for firing in ledger.firings(task)] == [now, now]


def test_what_is_dropped_says_what_it_was_to_do(scripted: "Ledger", script: Script) -> None:
    task, other = defer(scripted, script, ("r", HOUR), ("s", HOUR)), defer(scripted, script, ("r", HOUR))
    assert scripted.do(drop_waiting, "because", rule="r") == 2
    dropped, waiting = scripted.firings(task)
    assert (dropped.outcome, dropped.reason, dropped.detail, dropped.next_at) == ("blocked", "paused", "because", None)
    assert dropped.actions == ({"action": "click", "button": "V1", "result": "would"},)
    assert (waiting.rule, waiting.outcome) == ("s", "deferred")
    assert scripted.firings(other)[0].outcome == "blocked"
    assert scripted.do(drop_waiting, "because", root_id=task.id) == 1
