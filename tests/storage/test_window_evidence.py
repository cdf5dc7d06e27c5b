"""What a gateway says of a window beside its opening: again, with a percentage, or under another id."""

from typing import TYPE_CHECKING

import pytest

from storage.ledger import close_window, open_window, record
from storage.openings import open_click
from storage.records import Button, Progress, Submission, Task
from storage.submissions import acknowledge, doubt, list_submissions, reject
from storage.windows import answer_window

if TYPE_CHECKING:
    from tests.conftest import Ledger

ZOOM = Button(label="Custom Zoom", custom_id="MJ::CustomZoom::x", kind="CustomZoom", opens_modal=True)
AGAIN = Progress(gateway_id="77", status="MODAL", progress=0)


def open_one(ledger: "Ledger") -> tuple[Task, Submission]:
    """A task whose window is open, with its answer planned; its click's submission."""
    task, _ = ledger.do(open_click, ledger.open_grid("g1"), ZOOM, origin="api")
    ledger.claim()
    click = ledger.submission(task)
    ledger.do(open_window, click.id, "77", {"code": 21})
    ledger.do(answer_window, task.id, prompt="更大 --zoom 2", mask=None)
    return task, click


def answer_of(ledger: "Ledger", task: Task) -> Submission:
    return ledger.ask(list_submissions, task.id)[-1]


@pytest.mark.parametrize("source", ["callback", "fetch"])
def test_a_window_that_is_told_of_again_is_as_open_as_before(ledger: "Ledger", source: str) -> None:
    task, click = open_one(ledger)
    ledger.do(record, task.id, click.nonce if source == "callback" else None, AGAIN, source)
    assert answer_of(ledger, task).state == "planned"
    (claim,) = ledger.claim()
    assert claim.submission.kind == "modal"


def test_doubt_about_an_answer_is_not_settled_by_the_window_itself(ledger: "Ledger") -> None:
    task, click = open_one(ledger)
    ledger.claim()
    ledger.do(doubt, answer_of(ledger, task).id, reason="no answer")
    ledger.do(record, task.id, click.nonce, AGAIN, "callback")
    assert answer_of(ledger, task).state == "unknown"


def test_a_refusal_after_the_window_was_told_of_again_counts(ledger: "Ledger") -> None:
    task, click = open_one(ledger)
    ledger.claim()
    ledger.do(record, task.id, click.nonce, AGAIN, "callback")
    ledger.do(reject, answer_of(ledger, task).id, reason="bad mask", kind="gateway", answer={"code": 4})
    assert answer_of(ledger, task).state == "rejected"
    ledger.do(answer_window, task.id, prompt="noch einmal", mask=None)


def test_the_hook_of_an_answer_may_name_the_task_anew_until_it_is_known_to_be_accepted(ledger: "Ledger") -> None:
    task, _ = open_one(ledger)
    ledger.claim()
    answer = answer_of(ledger, task)
    begun = Progress(gateway_id="78", status="IN_PROGRESS", progress=5)
    assert ledger.do(record, task.id, answer.nonce, begun, "callback") == "news"
    assert ledger.task(task).gateway_id == "78"
    other = Progress(gateway_id="evil", status="IN_PROGRESS", progress=50)
    assert ledger.do(record, task.id, answer.nonce, other, "callback") == "foreign"
    assert ledger.task(task).gateway_id == "78"


def test_after_the_end_nothing_names_the_task_anew(ledger: "Ledger") -> None:
    task, click = open_one(ledger)
    ledger.claim()
    done = Progress(gateway_id="77", status="SUCCESS", progress=100)
    ledger.do(record, task.id, click.nonce, done, "callback")
    ledger.do(acknowledge, answer_of(ledger, task).id, None, "submit", {})
    evil = Progress(gateway_id="evil", status="SUCCESS", progress=100)
    assert ledger.do(record, task.id, answer_of(ledger, task).nonce, evil, "callback") == "foreign"
    assert ledger.task(task).gateway_id == "77"


def test_an_answer_that_was_taken_closes_the_window_for_whoever_looks(ledger: "Ledger") -> None:
    task, click = open_one(ledger)
    ledger.claim()
    ledger.do(close_window, answer_of(ledger, task).id, "78", "submit", {"code": 1})
    shown = ledger.task(task)
    assert (shown.status, shown.submission, shown.gateway_id) == ("SUBMITTED", "accepted", "78")
    assert ledger.do(record, task.id, click.nonce, AGAIN, "callback") == "known"
    assert ledger.task(task).status == "SUBMITTED"


def test_an_answer_that_was_taken_takes_nothing_back_from_a_task_that_has_gone_on(ledger: "Ledger") -> None:
    task, click = open_one(ledger)
    ledger.claim()
    done = Progress(gateway_id="77", status="SUCCESS", progress=100)
    ledger.do(record, task.id, click.nonce, done, "callback")
    ledger.do(close_window, answer_of(ledger, task).id, "77", "submit", {"code": 1})
    assert ledger.task(task).status == "SUCCESS"
