"""Taking back what nobody has sent: money that is not spent."""

from typing import TYPE_CHECKING, Any

import pytest

from storage.openings import open_click
from storage.reactions import Click
from storage.records import Task
from storage.withdrawals import CANCELLED, CHAIN_CANCELLED, DROPPED, count_unsent, withdraw_chain, withdraw_follow_ups
from tests.storage.conftest import Script, decide

if TYPE_CHECKING:
    from tests.conftest import Ledger


def open_chain(ledger: "Ledger", script: Script) -> Task:
    """A grid of which r and `then` have planned a click each, of which r waits elsewhere, and a person's own click."""
    waits = {"outcome": "deferred", "reason": "budget", "next_at": ledger.store.now() + 1000}
    click = Click(button=ledger.grid[4])
    decisions: list[Any] = [
        decide(click),
        decide(click, rule="then", origin="then"),
        decide(click, rule="other", **waits),
    ]
    script.on["task.succeeded"] = lambda _task, _facts: [decide(click, **waits)]
    ledger.open_grid("g2")
    script.on["task.succeeded"] = lambda _task, _facts: decisions
    grid = ledger.open_grid()
    ledger.do(open_click, grid, ledger.grid[4], origin="api")
    return grid


def list_origins(ledger: "Ledger", status: str) -> list[str]:
    return [origin for (origin,) in ledger.sql("SELECT origin FROM tasks WHERE status = ? ORDER BY id", status)]


@pytest.mark.parametrize(
    ("rule", "unsent", "origin"), [("r", (1, 1), "rule:r"), ("then", (1, 0), "then"), ("x", (0, 0), None)]
)
def test_what_a_rule_has_planned_is_taken_back_and_what_waits_is_dropped(
    scripted: "Ledger", script: Script, rule: str, unsent: tuple[int, int], origin: str | None
) -> None:
    open_chain(scripted, script)
    assert scripted.ask(count_unsent, rule) == unsent
    assert scripted.do(withdraw_follow_ups, rule) == (unsent[0], 0)  # what would be sent goes first
    assert scripted.do(withdraw_follow_ups, rule) == (0, unsent[1])
    assert scripted.do(withdraw_follow_ups, rule) == (0, 0)
    assert scripted.ask(count_unsent, rule) == (0, 0)
    assert list_origins(scripted, "CANCEL") == ([origin] if origin else [])
    reasons = {reason for (reason,) in scripted.sql("SELECT fail_reason FROM tasks WHERE status = 'CANCEL'")}
    assert reasons == ({DROPPED} if origin else set())
    dropped = scripted.sql("SELECT rule, reason, detail FROM firings WHERE outcome = 'blocked'")
    assert dropped == ([("r", "paused", DROPPED)] if rule == "r" else [])


def test_a_firing_says_what_of_it_was_taken_back(scripted: "Ledger", script: Script) -> None:
    grid = open_chain(scripted, script)
    scripted.do(withdraw_follow_ups, "then")
    results = {firing.rule: [action["result"] for action in firing.actions] for firing in scripted.firings(grid)}
    assert results["then"] == ["withdrawn"]
    assert "withdrawn" not in results["r"]


def test_what_was_sent_stays(scripted: "Ledger", script: Script) -> None:
    open_chain(scripted, script)
    scripted.claim()
    assert scripted.do(withdraw_follow_ups, "then") == (0, 0)
    assert list_origins(scripted, "CANCEL") == []


def test_a_chain_is_taken_back_whoever_asked_and_the_others_go_on(scripted: "Ledger", script: Script) -> None:
    grid = open_chain(scripted, script)
    assert scripted.do(withdraw_chain, grid.id, limit=2) == (2, 0)
    assert scripted.do(withdraw_chain, grid.id, limit=2) == (1, 0)
    assert scripted.do(withdraw_chain, grid.id) == (0, 1)
    assert scripted.do(withdraw_chain, grid.id) == (0, 0)
    assert list_origins(scripted, "CANCEL") == ["rule:r", "then", "api"]
    assert {task.fail_reason for task in scripted.children(grid)} == {CANCELLED}
    (dropped,) = (firing for firing in scripted.firings(grid) if firing.rule == "other")
    assert (dropped.outcome, dropped.detail) == ("blocked", CHAIN_CANCELLED)
    assert scripted.sql("SELECT count(*) FROM firings WHERE outcome = 'deferred'") == [(1,)]
    assert scripted.sql("SELECT count(*) FROM events WHERE type = 'chain.settled'") == [(1,)]
