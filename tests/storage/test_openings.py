"""New tasks: what they take from their parent, and what their first submission says."""

from typing import TYPE_CHECKING, Any

import pytest

from storage.adoption import adopt
from storage.errors import NoSuchTask
from storage.openings import open_click, open_task
from storage.records import Button, NewTask, Progress, Task
from storage.submissions import acknowledge, reject

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


def share(ledger: "Ledger", gateway_id: str = "g1", **claims: Any) -> Task:
    """A second order that its gateway answered with the task of the first one."""
    task = ledger.open()
    ledger.claim()
    ledger.do(acknowledge, ledger.submission(task).id, gateway_id, "submit", {"code": 21}, is_new=False)
    ledger.record(task, **{"gateway_id": gateway_id, "status": "SUCCESS", "buttons": ledger.grid} | claims)
    return ledger.task(task)


def test_one_button_of_one_gateway_task_is_bought_once_whichever_of_our_tasks_is_clicked(ledger: "Ledger") -> None:
    first, second = ledger.open_grid(), share(ledger)
    child, _ = ledger.do(open_click, first, ledger.grid[0], origin="api")
    for parent in (second, first, share(ledger)):
        again, is_new = ledger.do(open_click, parent, ledger.grid[0], origin="api")
        assert (again.id, is_new) == (child.id, False)
    assert ledger.children(second) == []
    other, is_new = ledger.do(open_click, second, ledger.grid[1], origin="api")
    assert (other.parent_id, is_new) == (second.id, True)
    # And so it is from the second one to the first.
    again, is_new = ledger.do(open_click, first, ledger.grid[1], origin="api")
    assert (again.id, is_new) == (other.id, False)


def test_a_button_of_what_was_adopted_and_is_ours_too_is_bought_once(ledger: "Ledger") -> None:
    """It was adopted while the answer to our own submission was still under way."""
    shown = Progress(gateway_id="g1", status="SUCCESS", buttons=ledger.grid)
    adopted, _ = ledger.do(adopt, "g", "g1", shown)
    child, _ = ledger.do(open_click, adopted, ledger.grid[0], origin="api")
    again, is_new = ledger.do(open_click, ledger.open_grid(), ledger.grid[0], origin="api")
    assert (again.id, is_new) == (child.id, False)


def test_a_customid_that_its_client_made_up_buys_no_second_one(ledger: "Ledger") -> None:
    first, second = ledger.open_grid(), share(ledger)
    child, _ = ledger.do(open_click, first, ledger.grid[0], origin="api")
    forged = Button(label="", custom_id="MJ::JOB::upsample::01::x", kind="upsample", index=1)
    assert ledger.do(open_click, second, forged, origin="api") == (child, False)


def test_two_tasks_under_one_id_whose_buttons_differ_are_two(ledger: "Ledger") -> None:
    own = Button(label="U1", custom_id="MJ::JOB::upsample::1::another", kind="upsample", index=1)
    first, second = ledger.open_grid(), share(ledger, buttons=(own,))
    child, _ = ledger.do(open_click, first, ledger.grid[0], origin="api")
    another, is_new = ledger.do(open_click, second, own, origin="api")
    assert (another.id != child.id, is_new) == (True, True)


def test_one_id_at_two_gateways_is_no_reason_to_buy_nothing(ledger: "Ledger") -> None:
    there, _ = ledger.do(adopt, "h", "g1", Progress(gateway_id="g1", status="SUCCESS", buttons=ledger.grid))
    ledger.do(open_click, there, ledger.grid[0], origin="api")
    assert ledger.do(open_click, ledger.open_grid(), ledger.grid[0], origin="api")[1]


def test_a_click_that_was_refused_holds_no_place_for_the_others_either(ledger: "Ledger") -> None:
    first, second = ledger.open_grid(), share(ledger)
    child, _ = ledger.do(open_click, first, ledger.grid[0], origin="api")
    ledger.claim()
    ledger.do(reject, ledger.submission(child).id, reason="no", kind="gateway", answer={"code": 4})
    assert ledger.do(open_click, second, ledger.grid[0], origin="api")[1]


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
