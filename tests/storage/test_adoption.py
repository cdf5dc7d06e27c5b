"""Tasks from before the move: they come in as they are, once, and from then on they are tasks like any other."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from storage.adoption import adopt, find_by_gateway_id
from storage.gateway_ids import list_silent
from storage.openings import open_click
from storage.queue import count_outstanding
from storage.records import Progress, Task
from storage.submissions import acknowledge
from storage.windows import answer_window

if TYPE_CHECKING:
    from tests.conftest import Ledger

RULES = (
    "id: cats, on: task.succeeded, match: {depth: 0}, do: [click: U1]",
    "id: again, on: task.failed, match: {depth: 0}, do: [submit: {prompt: again}]",
)
SAID = {"prompt": "一只猫", "action": "BLEND", "finalPrompt": "a cat"}
SUBMITTED_AT = 1_741_531_578_000  # milliseconds


@pytest.fixture
def ruled(open_ledger: "Callable[..., Ledger]", reactor: Any) -> "Ledger":
    return open_ledger(react=reactor(*RULES))


def take(ledger: "Ledger", gateway_id: str = "17", gateway: str = "g", **claims: Any) -> tuple[Task, bool]:
    claims = {"status": "SUCCESS", "progress": 100, "buttons": ledger.grid, "properties": SAID} | claims
    progress = Progress(gateway_id=gateway_id, **claims)
    return ledger.do(adopt, gateway, gateway_id, progress, state="theirs", submitted_at=SUBMITTED_AT)


def test_a_finished_task_comes_in_as_its_gateway_shows_it(ruled: "Ledger") -> None:
    task, new = take(ruled, started_at=1_741_531_579_000, finished_at=1_741_531_608_000, image_url="https://cdn/1.png")
    assert new
    assert (task.origin, task.action, task.prompt, task.state) == ("adopted", "BLEND", "一只猫", "theirs")
    assert (task.gateway_id, task.status, task.progress, task.submission) == ("17", "SUCCESS", 100, "accepted")
    assert (task.buttons, task.image_url, task.properties) == (ruled.grid, "https://cdn/1.png", SAID)
    assert (task.submitted_at, task.finished_at) == (SUBMITTED_AT, 1_741_531_608_000)
    assert task.cost is None, "it was paid elsewhere"
    assert ruled.task(task) == task


def test_one_event_tells_of_it_and_shows_it_whole(ruled: "Ledger") -> None:
    task, _ = take(ruled)
    (event,) = ruled.events(task)
    assert (event.type, event.task, event.data) == ("task.submitted", task, {"source": "fetch", "adopted": True})


@pytest.mark.parametrize("status", ["SUCCESS", "FAILURE"])
def test_no_rule_decides_about_what_had_ended_before(ruled: "Ledger", status: str) -> None:
    task, _ = take(ruled, status=status)
    # The gateway says the same once more, and says more.
    ruled.record(task, gateway_id="17", status=status, progress=100, buttons=ruled.grid, image_url="https://cdn/2.png")
    assert (ruled.firings(task), ruled.children(task)) == ([], [])


def test_nothing_of_it_is_sent_asked_about_or_outstanding(ruled: "Ledger") -> None:
    take(ruled)
    assert ruled.claim() == []
    assert ruled.ask(count_outstanding, "g") == 0
    assert ruled.ask(list_silent, gateway="g", now=10**15, silent_after=0, longest=0, limit=9) == []


def test_what_is_still_at_work_goes_on_like_any_other_task(ruled: "Ledger") -> None:
    task, _ = take(ruled, status="IN_PROGRESS", progress=31, buttons=())
    assert ruled.ask(count_outstanding, "g") == 1
    silent = ruled.ask(list_silent, gateway="g", now=10**15, silent_after=0, longest=0, limit=9)
    assert [(each.task_id, each.gateway_id) for each in silent] == [(task.id, "17")]
    ruled.record(task, gateway_id="17", status="SUCCESS", progress=100, buttons=ruled.grid)
    assert ruled.told(task) == ["task.submitted", "task.succeeded"]
    assert [each.outcome for each in ruled.firings(task)] == ["fired"]
    (child,) = ruled.children(task)
    assert (child.button, child.gateway) == ("U1", "g")


def test_adopted_twice_it_is_the_same_task(ruled: "Ledger") -> None:
    task, _ = take(ruled, status="IN_PROGRESS", progress=31)
    again, new = take(ruled)
    assert (again, new) == (task, False)
    assert len(ruled.events(task)) == 1


def test_what_was_submitted_through_us_is_not_adopted(ruled: "Ledger") -> None:
    ours = ruled.open_accepted("17")
    assert take(ruled) == (ours, False)


def test_one_id_at_two_gateways_is_two_tasks(ruled: "Ledger") -> None:
    (here, _), (there, new) = take(ruled), take(ruled, gateway="h")
    assert new
    assert here.id != there.id
    assert ruled.ask(find_by_gateway_id, "h", "17") == there
    assert ruled.ask(find_by_gateway_id, "x", "17") is None


def test_of_two_tasks_that_share_an_id_the_first_is_found(ruled: "Ledger") -> None:
    first = ruled.open_accepted("17")
    second = ruled.open()
    ruled.claim()
    ruled.do(acknowledge, ruled.submission(second).id, "17", "submit")
    assert ruled.ask(find_by_gateway_id, "g", "17") == ruled.task(first)
    assert take(ruled) == (ruled.task(first), False)


def test_a_task_is_found_under_each_of_its_ids(ruled: "Ledger") -> None:
    task = ruled.open_accepted("17")
    ruled.record(task, gateway_id="17", status="MODAL")
    ruled.record(task, gateway_id="18", status="IN_PROGRESS", progress=3)
    found = [ruled.ask(find_by_gateway_id, "g", each) for each in ("17", "18")]
    assert found == [ruled.task(task)] * 2


@pytest.mark.parametrize("said", [{}, {"prompt": 5, "action": None}])
def test_a_gateway_that_says_little_is_enough(ruled: "Ledger", said: dict[str, Any]) -> None:
    task, _ = ruled.do(adopt, "g", "17", Progress(gateway_id="17", status="SUCCESS", properties=said))
    assert (task.action, task.prompt, task.submitted_at) == ("IMAGINE", None, ruled.store.now())


def test_its_buttons_can_be_clicked_and_its_window_answered(ruled: "Ledger") -> None:
    task, _ = take(ruled)
    child, _ = ruled.do(open_click, task, ruled.grid[0], origin="api")
    (claim,) = ruled.claim()
    assert (claim.task.id, claim.parent_gateway_id) == (child.id, "17")
    window, _ = take(ruled, "18", status="MODAL", progress=None, buttons=())
    ruled.do(answer_window, window.id, prompt="猫", mask=None)
    (claim,) = ruled.claim()
    assert (claim.submission.kind, claim.task.gateway_id) == ("modal", "18")
