"""Rows of a gateway become tasks of the ledger."""

from typing import Any

from hooks.wire import Listed
from service.gateways.adopter import take
from storage.records import Progress
from storage.submissions import acknowledge, doubt


def listed(gateway_id: str, state: str | None = None, **claims: Any) -> Listed:
    return Listed(state=state, progress=Progress(**{"gateway_id": gateway_id, "status": "SUCCESS"} | claims))


def test_a_strangers_task_is_adopted_once(ledger: Any) -> None:
    task, is_new = ledger.do(take, "g", "17", listed("17", "theirs", properties={"prompt": "Cat"}))
    assert (is_new, task.gateway_id, task.state, task.prompt, task.origin) == (True, "17", "theirs", "Cat", "adopted")
    assert ledger.do(take, "g", "17", listed("17", "theirs")) == (task, False)


def test_a_row_that_names_a_task_of_ours_is_that_task(ledger: Any) -> None:
    task = ledger.open()
    ledger.claim()
    ledger.do(doubt, ledger.submission(task).id, reason="no answer")
    taken, is_new = ledger.do(take, "g", "17", listed("17", task.id))
    assert (taken.id, taken.gateway_id, taken.submission, taken.status) == (task.id, "17", "accepted", "SUCCESS")
    assert not is_new


def test_a_row_that_names_our_task_and_is_another_is_adopted(ledger: Any) -> None:
    """Its client may have chosen a state that looks like an id of ours."""
    task = ledger.open_accepted("16")
    taken, is_new = ledger.do(take, "g", "17", listed("17", task.id))
    assert (is_new, taken.gateway_id, ledger.task(task).gateway_id) == (True, "17", "16")


def test_a_task_of_another_gateway_is_not_touched(ledger: Any) -> None:
    task = ledger.open(gateway="h")
    taken, is_new = ledger.do(take, "g", "17", listed("17", task.id))
    assert (is_new, taken.id == task.id) == (True, False)
    ledger.do(acknowledge, ledger.submission(task).id, "18", "submit")
    assert ledger.task(task).gateway_id == "18"
