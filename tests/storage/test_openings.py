"""New tasks: what they take from their parent, and what their first submission says."""

from typing import TYPE_CHECKING, Any

import pytest

from storage.adoption import adopt
from storage.errors import NoRequest, NoSuchTask
from storage.openings import open_click, open_retry, open_task
from storage.records import Button, NewTask, Progress, Task
from storage.standing import find_answer, find_click
from storage.submissions import acknowledge, list_submissions, lose_task, reject
from storage.windows import answer_window

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


def test_what_goes_on_from_a_task_inherits_tags_and_state_unless_they_are_given(ledger: "Ledger") -> None:
    parent = ledger.open(tags=("红",), state="mine")
    base: dict[str, Any] = {"gateway": "g", "action": "IMAGINE", "origin": "api", "parent_id": parent.id}
    heir = ledger.do(open_task, NewTask(**base))
    own = ledger.do(open_task, NewTask(**base, tags=(), state="its own"))
    assert (heir.tags, heir.state) == (("红",), "mine")
    assert (own.tags, own.state) == ((), "its own")
    assert (ledger.open().tags, ledger.open().state) == ((), None)


def test_what_it_will_cost_is_kept_when_it_is_opened(ledger: "Ledger") -> None:
    task = ledger.do(open_task, NewTask(gateway="g", action="IMAGINE", origin="api"), cost=0.5)
    assert (ledger.submission(task).cost, task.cost) == (0.5, None), "nothing is spent yet"
    child, _ = ledger.do(open_click, ledger.open_grid(), ledger.grid[0], origin="api", cost=0.25)
    assert ledger.submission(child).cost == 0.25


class TestRetries:
    """A task is asked for once more as it was asked for, and once."""

    def fail(self, ledger: "Ledger", task: Task) -> Task:
        ledger.claim()
        ledger.record(task, status="FAILURE", fail_kind="timeout")
        return ledger.task(task)

    def test_a_root_is_asked_for_once_more_in_its_own_chain(self, ledger: "Ledger") -> None:
        request = {"options": {"mode": "turbo"}, "pictures": ["abc"], "group": "all"}
        asked = {"prompt": "猫 --ar 16:9", "params": {"ar": "16:9"}, "tags": ("红",), "state": "mine"}
        task = self.fail(ledger, ledger.open(**asked, then=("U1", "V2"), request=request))
        retry, is_new = ledger.do(open_retry, task, origin="rule:r", cost=0.5)
        assert is_new
        assert (retry.parent_id, retry.root_id, retry.depth) == (None, task.id, 0)
        assert (retry.retry_of, retry.attempt, retry.origin) == (task.id, 2, "rule:r")
        assert (retry.prompt, retry.params, retry.tags, retry.state) == tuple(asked.values())
        assert (retry.status, retry.fail_kind, retry.submission) == ("NOT_START", None, "planned")
        submission = ledger.submission(retry)
        del request["group"]  # what a rule asks for stays at its gateway, whose price it knows
        assert (submission.request, submission.cost) == (request, 0.5)
        assert ledger.sql('SELECT "then" FROM tasks WHERE id = ?', retry.id) == [('["U1","V2"]',)]
        assert retry == ledger.task(retry)

    def test_a_click_is_clicked_once_more(self, ledger: "Ledger") -> None:
        parent = ledger.open_grid(request={"options": {"mode": "relax"}})
        child, request = click(ledger, parent)
        retry, _ = ledger.do(open_retry, self.fail(ledger, child), origin="api")
        assert (retry.parent_id, retry.root_id, retry.depth) == (parent.id, parent.id, 1)
        assert (retry.action, retry.button, retry.index) == ("UPSCALE", "U1", 1)
        assert ledger.submission(retry).request == request
        assert ledger.do(open_click, parent, ledger.grid[0], origin="api") == (ledger.task(retry), False)

    def test_it_stands_already_when_it_was_asked_for_once_more_before(self, ledger: "Ledger") -> None:
        task = self.fail(ledger, ledger.open())
        retry, _ = ledger.do(open_retry, task, origin="api")
        assert ledger.do(open_retry, task, origin="rule:r") == (retry, False)
        again, is_new = ledger.do(open_retry, self.fail(ledger, retry), origin="api")
        assert (again.attempt, is_new, again.root_id) == (3, True, task.id)

    def test_a_picture_that_somebody_clicked_again_meanwhile_is_not_bought_twice(self, ledger: "Ledger") -> None:
        parent = ledger.open_grid()
        child = self.fail(ledger, click(ledger, parent)[0])
        another, _ = click(ledger, parent)
        assert ledger.do(open_retry, child, origin="api") == (another, False)
        other = self.fail(ledger, click(ledger, parent, 4)[0])
        click(ledger, parent, 4)
        assert ledger.do(open_retry, other, origin="api")[1], "variations may be bought again and again"

    def test_what_its_gateway_has_done_after_all_is_not_bought_twice(self, ledger: "Ledger") -> None:
        task = self.fail(ledger, ledger.open())
        assert ledger.do(find_answer, task) is None
        ledger.record(task, status="SUCCESS", progress=100)
        assert ledger.told(task)[-1] == "task.contradicted"
        assert ledger.do(open_retry, task, origin="api") == (task, False)

    def test_what_is_lost_may_be_asked_for_once_more(self, ledger: "Ledger") -> None:
        task = ledger.open_accepted()
        ledger.do(lose_task, task.id, reason="silence", silent_since=10**15)
        assert ledger.do(open_retry, ledger.task(task), origin="api")[1]

    def test_what_a_person_asks_for_may_go_to_any_gateway_of_its_group(self, ledger: "Ledger") -> None:
        task = self.fail(ledger, ledger.open(request={"group": "all"}))
        retry, _ = ledger.do(open_retry, task, origin="api")
        assert ledger.submission(retry).request == {"group": "all"}

    @pytest.mark.parametrize("status", ["IN_PROGRESS", "SUCCESS"])
    def test_what_was_lost_and_has_come_back_is_not_bought_twice(self, ledger: "Ledger", status: str) -> None:
        task = ledger.open_accepted()
        ledger.do(lose_task, task.id, reason="silence", silent_since=10**15)
        lost = ledger.task(task)
        ledger.record(task, status=status, progress=50)
        assert ledger.do(open_retry, lost, origin="rule:r") == (ledger.task(task), False)

    @pytest.mark.parametrize(("action", "known"), [("IMAGINE", True), ("BLEND", False)])
    def test_what_was_submitted_elsewhere_is_asked_for_again_only_by_its_prompt(
        self, ledger: "Ledger", action: str, known: bool
    ) -> None:
        properties = {"action": action, "prompt": "a cat"}
        claim = Progress(gateway_id="77", status="IN_PROGRESS", progress=5, properties=properties)
        task, _ = ledger.do(adopt, "g", "77", claim)
        ledger.record(task, status="FAILURE")
        if known:
            assert ledger.do(open_retry, ledger.task(task), origin="rule:r")[1]
            return
        with pytest.raises(NoRequest, match="Submit it anew"):
            ledger.do(open_retry, ledger.task(task), origin="rule:r")

    def test_a_window_that_was_answered_by_hand_is_answered_so_again(self, ledger: "Ledger") -> None:
        child, _ = click(ledger, ledger.open_grid(), 8)
        ledger.claim()
        ledger.record(child, gateway_id="g2", status="MODAL")
        ledger.do(answer_window, child.id, prompt="更大", mask=None)
        retry, _ = ledger.do(open_retry, self.fail(ledger, child), origin="api")
        (submission,) = ledger.ask(list_submissions, retry.id)
        assert submission.request["window"] == {"prompt": "更大", "mask": None}
        assert submission.request["button"]["label"] == "🔄"


def test_only_buttons_that_buy_a_picture_hold_a_place(ledger: "Ledger") -> None:
    parent = ledger.open_grid()
    child, _ = click(ledger, parent)
    click(ledger, parent, 4)
    assert ledger.do(find_click, parent, ledger.grid[0]) == child
    assert ledger.do(find_click, parent, ledger.grid[1]) is None
    assert ledger.do(find_click, parent, ledger.grid[4]) is None
