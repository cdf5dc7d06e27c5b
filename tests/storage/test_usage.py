"""What was spent, out of the ledger."""

from typing import Any

import pytest

from storage.adoption import adopt
from storage.openings import open_click, open_task
from storage.queue import claim_due
from storage.records import NewTask, Progress
from storage.submissions import acknowledge, reject
from storage.usage import sum_usage
from storage.windows import answer_window
from storage.withdrawals import withdraw

DAY = 24 * 3600


def buy(ledger: Any, cost: float | None = None, *, gateway: str = "g", is_new: bool = True, **fields: Any) -> Any:
    """A task that its gateway took, at a price."""
    new = NewTask(**{"gateway": gateway, "action": "IMAGINE", "prompt": "x", "origin": "api"} | fields)
    task = ledger.do(open_task, new)
    ledger.do(claim_due, gateway=gateway, limit=100, price=lambda *_: cost)
    ledger.do(acknowledge, ledger.submission(task).id, f"g{task.id}", "submit", is_new=is_new)
    return ledger.task(task)


def summed(ledger: Any, by: str, since: int = 0) -> dict[str | None, tuple[int, float, int]]:
    return {each.key: (each.tasks, each.cost, each.unpriced) for each in ledger.ask(sum_usage, by=by, since=since)}


def test_costs_are_summed_by_group(ledger: Any) -> None:
    buy(ledger, 0.1, tags=("a", "b"))
    buy(ledger, 0.2, tags=("b",), gateway="other")
    buy(ledger, None, action="BLEND", origin="rule:cats")
    assert summed(ledger, "tag") == {"b": (2, 0.3, 0), "a": (1, 0.1, 0), None: (1, 0.0, 1)}
    assert summed(ledger, "gateway") == {"other": (1, 0.2, 0), "g": (2, 0.1, 1)}
    assert summed(ledger, "action") == {"IMAGINE": (2, 0.3, 0), "BLEND": (1, 0.0, 1)}
    assert summed(ledger, "rule") == {None: (2, 0.3, 0), "cats": (1, 0.0, 1)}


def test_days_come_newest_first(ledger: Any) -> None:
    buy(ledger, 1)
    ledger.clock.now += DAY
    buy(ledger, 2)
    assert list(summed(ledger, "day").values()) == [(1, 2.0, 0), (1, 1.0, 0)]
    assert list(summed(ledger, "day")) == ["2027-01-16", "2027-01-15"]
    since = int(ledger.clock.now * 1000)
    assert list(summed(ledger, "day", since).values()) == [(1, 2.0, 0)]


def test_what_was_never_bought_does_not_count(ledger: Any) -> None:
    ledger.do(withdraw, ledger.open().id)
    refused = ledger.open()
    ledger.claim()
    ledger.do(reject, ledger.submission(refused).id, reason="no", kind="moderation", answer={"code": 24})
    ledger.open()
    ledger.do(adopt, "g", "999", Progress(gateway_id="999", status="SUCCESS"))
    assert summed(ledger, "day") == {}


def test_what_existed_before_costs_nothing(ledger: Any) -> None:
    buy(ledger, 0.5, is_new=False)
    assert summed(ledger, "action") == {"IMAGINE": (1, 0.0, 0)}


def test_the_answer_to_a_window_belongs_to_its_click(ledger: Any) -> None:
    grid = ledger.open_grid()
    child, _ = ledger.do(open_click, grid, ledger.grid[0], origin="api")
    ledger.do(claim_due, gateway="g", limit=1, price=lambda *_: 2.0)
    ledger.do(acknowledge, ledger.submission(child).id, "g2", "submit")
    ledger.record(child, status="MODAL")
    ledger.do(answer_window, child.id, prompt="x", mask=None)
    ledger.claim()
    assert summed(ledger, "action")["UPSCALE"] == (1, 2.0, 0)


@pytest.mark.parametrize("ended", [True, False])
def test_only_what_waits_can_be_withdrawn(ledger: Any, ended: bool) -> None:
    task = ledger.open_accepted()
    if ended:
        ledger.record(task, status="SUCCESS")
    assert ledger.do(withdraw, task.id) is False
    assert ledger.task(task).status == ("SUCCESS" if ended else "NOT_START")
    waiting = ledger.open()
    assert ledger.do(withdraw, waiting.id) is True
    assert ledger.do(withdraw, waiting.id) is False
    assert ledger.told(waiting) == ["task.cancelled"]
    assert ledger.claim() == []


def test_a_tasks_own_list_is_a_group_beside_the_rules(ledger: Any) -> None:
    grid = ledger.open_grid()
    for place, origin in enumerate(("rule:cats", "then", "api")):
        ledger.do(open_click, grid, ledger.grid[place], origin=origin)
    for number, claim in enumerate(ledger.do(claim_due, gateway="g", limit=9, price=lambda *_: 2.0)):
        ledger.do(acknowledge, claim.submission.id, f"c{number}", "submit")
    assert summed(ledger, "rule") == {"cats": (1, 2.0, 0), "then": (1, 2.0, 0), None: (2, 2.0, 1)}
