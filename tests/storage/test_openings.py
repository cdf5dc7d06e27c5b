"""New tasks: what they take from their parent, and what their first submission says."""

from typing import TYPE_CHECKING, Any

import pytest

from storage.errors import NoSuchTask
from storage.openings import open_click, open_task
from storage.records import NewTask, Task

if TYPE_CHECKING:
    from tests.conftest import Ledger


def finish(ledger: "Ledger", task: Task, gateway_id: str) -> Task:
    ledger.claim()
    ledger.record(task, gateway_id=gateway_id, status="SUCCESS", progress=100, buttons=ledger.grid)
    return ledger.task(task)


def click(ledger: "Ledger", parent: Task, place: int = 0, **given: Any) -> tuple[Task, Any]:
    """Click a button; gives the child and what its POST carries."""
    child, _ = ledger.do(open_click, parent, ledger.grid[place], origin="api", **given)
    return child, ledger.submission(child).request


def test_a_click_is_done_in_the_mode_of_what_it_clicks_on(ledger: "Ledger") -> None:
    grid = ledger.open_grid(request={"options": {"mode": "turbo", "bot_type": "NIJI_JOURNEY", "extra": {"x": 1}}})
    child, request = click(ledger, grid, 4)
    assert request["options"] == {"mode": "turbo"}
    # And so is what is clicked on that, however deep.
    _, request = click(ledger, finish(ledger, child, "g2"), 4)
    assert request["options"] == {"mode": "turbo"}


def test_a_click_of_a_task_without_a_mode_has_none(ledger: "Ledger") -> None:
    _, request = click(ledger, ledger.open_grid(request={"options": {"bot_type": "NIJI_JOURNEY"}}))
    assert "options" not in request


def test_a_click_may_ask_for_another_mode(ledger: "Ledger") -> None:
    grid = ledger.open_grid(request={"options": {"mode": "turbo"}})
    child, request = click(ledger, grid, 4, request={"options": {"mode": "relax"}, "window": {"prompt": "x"}})
    assert (request["options"], request["window"]) == ({"mode": "relax"}, {"prompt": "x"})
    assert request["button"]["label"] == "V1"
    assert child.gateway == grid.gateway


def test_options_of_a_click_that_name_no_mode_keep_the_parents(ledger: "Ledger") -> None:
    grid = ledger.open_grid(request={"options": {"mode": "turbo"}})
    _, request = click(ledger, grid, 4, request={"options": {"extra": {"strong": True}}})
    assert request["options"] == {"mode": "turbo", "extra": {"strong": True}}


def test_what_goes_on_from_a_task_belongs_to_its_chain_and_its_gateway(ledger: "Ledger") -> None:
    grid = ledger.open_grid()
    child, _ = click(ledger, grid)
    video = ledger.do(open_task, NewTask(gateway="elsewhere", action="VIDEO", origin="api", parent_id=child.id))
    assert (video.gateway, video.root_id, video.parent_id, video.depth) == ("g", grid.id, child.id, 2)
    with pytest.raises(NoSuchTask):
        ledger.do(open_task, NewTask(gateway="g", action="VIDEO", origin="api", parent_id="8000000000000001"))


def test_a_facades_clients_own_hook_is_kept_for_later(ledger: "Ledger") -> None:
    task = ledger.open(notify_hook="https://client.example/hook?x=1")
    assert ledger.sql("SELECT notify_hook FROM tasks WHERE id = ?", task.id) == [("https://client.example/hook?x=1",)]
