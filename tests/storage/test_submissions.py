"""Every paid POST, from planned to what became of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from hooks import backoff
from storage.errors import NoSuchSubmission
from storage.openings import EXPIRES_AFTER, open_click
from storage.queue import LONGEST_PAUSE, claim_due, count_orphans, read_next_due
from storage.records import Task
from storage.submissions import (
    acknowledge,
    doubt,
    doubt_interrupted,
    hold,
    list_submissions,
    lose_overdue,
    lose_task,
    postpone,
    read_submission,
    reject,
)

FOREVER = 10**15  # milliseconds; later than any news of these tests

if TYPE_CHECKING:
    from tests.conftest import Ledger


def bring(ledger: "Ledger", state: str) -> Task:
    """A task whose submission is in that state; "forgotten" is lost after it was accepted."""
    task = ledger.open()
    submission = ledger.submission(task).id
    if state == "planned":
        return task
    ledger.claim()
    if state in ("unknown", "lost"):
        ledger.do(doubt, submission, reason="no answer")
    if state == "rejected":
        ledger.do(reject, submission, reason="违规", kind="moderation", answer={"code": 24})
    if state in ("accepted", "forgotten"):
        ledger.do(acknowledge, submission, "g1", "submit", {"code": 1})
    if state in ("lost", "forgotten"):
        ledger.do(lose_task, task.id, reason="silence", silent_since=FOREVER)
    return ledger.task(task)


def test_a_new_task_is_planned_and_due_at_once(ledger: "Ledger") -> None:
    task = ledger.open()
    (submission,) = ledger.ask(list_submissions, task.id)
    assert (submission.state, submission.attempts, submission.sent_at, submission.answer) == ("planned", 0, None, None)
    assert submission.next_at == ledger.store.now()
    assert submission.expires_at == ledger.store.now() + 24 * 60 * 60 * 1000
    assert len(submission.nonce) == 11
    assert ledger.told(task) == []


def test_a_claim_marks_it_sending_and_brings_what_the_sender_must_know(ledger: "Ledger") -> None:
    parent = ledger.open_grid("g1")
    child, _ = ledger.do(open_click, parent, ledger.grid[0], origin="api")
    ledger.clock.now += 5
    (claim,) = ledger.claim()
    assert (claim.task.id, claim.parent_gateway_id) == (child.id, "g1")
    assert (claim.submission.state, claim.submission.attempts) == ("sending", 1)
    assert claim.submission.sent_at == ledger.store.now()
    assert claim.submission.request["button"]["custom_id"] == ledger.grid[0].custom_id
    assert ledger.submission(child) == claim.submission, "what the sender holds is what was committed"
    assert ledger.task(child).submission == "sending"


def test_claims_take_the_oldest_first_and_no_more_than_asked(ledger: "Ledger") -> None:
    tasks = [ledger.open() for _ in range(5)]
    ledger.do(claim_due, gateway="g", limit=1)
    ledger.do(postpone, ledger.submission(tasks[0]).id, seconds=2, answer={"code": 23})
    ledger.clock.now += 10
    assert [claim.task.id for claim in ledger.claim(2)] == [tasks[0].id, tasks[1].id], "it was first in line"
    assert [claim.task.id for claim in ledger.claim(2)] == [tasks[2].id, tasks[3].id]
    assert [claim.task.id for claim in ledger.claim(2)] == [tasks[4].id]
    assert ledger.claim() == []


def test_no_two_claims_take_the_same_submission(ledger: "Ledger") -> None:
    tasks = {ledger.open().id for _ in range(30)}
    claims = [ledger.store.submit(claim_due, gateway="g", limit=7) for _ in range(6)]
    taken = [claim.task.id for future in claims for claim in future.result(10)]
    assert len(taken) == len(set(taken)) == 30
    assert set(taken) == tasks


def test_what_is_not_due_or_of_another_gateway_is_left_alone(ledger: "Ledger") -> None:
    later, other, due = ledger.open(), ledger.open(gateway="other"), ledger.open()
    ledger.do(claim_due, gateway="g", limit=1)
    ledger.do(postpone, ledger.submission(later).id, seconds=30, answer={"code": 23})
    now = ledger.store.now()
    assert ledger.ask(read_next_due, now=now) == now
    assert ledger.ask(count_orphans, ("g",)) == {"other": 1}
    assert ledger.ask(count_orphans, ("g", "other")) == {}
    assert [claim.task.id for claim in ledger.claim()] == [due.id]
    assert ledger.ask(read_next_due, "g", now=now) == now + 30_000
    assert ledger.ask(read_next_due, "nobody's", now=now) is None
    ledger.clock.now += 29.9
    assert ledger.claim() == []
    assert [claim.task.id for claim in ledger.do(claim_due, gateway="other", limit=9)] == [other.id]
    ledger.clock.now += 0.1
    assert [claim.task.id for claim in ledger.claim()] == [later.id]


def test_postponed_it_waits_and_is_tried_again(ledger: "Ledger") -> None:
    task = bring(ledger, "sending")
    ledger.do(postpone, ledger.submission(task).id, seconds=1.5, answer={"code": 23})
    submission = ledger.submission(task)
    assert (submission.state, submission.next_at) == ("planned", ledger.store.now() + 1500)
    assert (submission.answer, ledger.task(task).submission) == ({"code": 23}, "planned")
    assert ledger.told(task) == [], "waiting is no news"
    ledger.clock.now += 1.5
    (claim,) = ledger.claim()
    assert (claim.submission.attempts, claim.submission.nonce) == (2, submission.nonce)


@pytest.mark.parametrize("postponed", [False, True])
def test_what_a_clock_planned_that_stepped_back_is_due(ledger: "Ledger", postponed: bool) -> None:
    task = ledger.open()
    if postponed:
        ledger.claim()
        ledger.do(postpone, ledger.submission(task).id, seconds=LONGEST_PAUSE / 1000, answer={"code": 23})
    due = ledger.submission(task).next_at or 0
    ledger.clock.now = (due - LONGEST_PAUSE) / 1000
    assert ledger.ask(read_next_due, "g", now=ledger.store.now()) == due, "so long may a pause be"
    assert ledger.claim() == []
    ledger.clock.now -= 0.001
    assert ledger.ask(read_next_due, "g", now=ledger.store.now()) == ledger.store.now()
    assert [claim.task.id for claim in ledger.claim()] == [task.id]


def test_nobody_postpones_for_longer_than_the_longest_pause() -> None:
    assert max(backoff.CAPACITY_CEILING, backoff.UNSENT_CEILING, *backoff.NOT_YET) * 1000 <= LONGEST_PAUSE


def test_after_a_day_of_waiting_it_is_refused(ledger: "Ledger") -> None:
    task = bring(ledger, "sending")
    ledger.clock.now += EXPIRES_AFTER / 1000 - 30
    ledger.do(postpone, ledger.submission(task).id, seconds=30, answer={"code": 23})
    assert ledger.submission(task).state == "planned", "the day is not over"
    ledger.clock.now += 30
    ledger.claim()
    ledger.do(postpone, ledger.submission(task).id, seconds=0.001, answer={"code": 23})
    task = ledger.task(task)
    assert (task.submission, task.status, task.fail_kind) == ("rejected", "FAILURE", "gateway")
    assert ledger.told(task) == ["task.failed"]
    assert ledger.submission(task).next_at is None


def test_an_accepted_task_tells_it_once_and_knows_when(ledger: "Ledger") -> None:
    task = bring(ledger, "sending")
    ledger.clock.now += 3
    for _ in range(2):
        ledger.do(acknowledge, ledger.submission(task).id, "g1", "submit", {"code": 1})
        ledger.clock.now += 3
    task = ledger.task(task)
    assert (task.submission, task.status, task.gateway_id) == ("accepted", "NOT_START", "g1")
    assert task.submitted_at == 1_800_000_003_000
    assert ledger.told(task) == ["task.submitted"]
    assert ledger.submission(task).next_at is None


def test_a_refusal_fails_the_task_with_the_gateways_words(ledger: "Ledger") -> None:
    task = bring(ledger, "rejected")
    assert (task.submission, task.status, task.fail_reason, task.fail_kind) == (
        "rejected",
        "FAILURE",
        "违规",
        "moderation",
    )
    assert task.finished_at == ledger.store.now()
    assert ledger.told(task) == ["task.failed"]
    assert ledger.submission(task).answer == {"code": 24}


def test_a_planned_one_may_be_refused_before_it_is_sent(ledger: "Ledger") -> None:
    task = ledger.open()
    ledger.do(reject, ledger.submission(task).id, reason="no such gateway", kind="gateway", answer=None)
    assert ledger.claim() == []
    assert ledger.task(task).status == "FAILURE"


def test_a_doubt_is_told_with_its_reason_and_never_sent_again(ledger: "Ledger") -> None:
    task = bring(ledger, "unknown")
    (event,) = ledger.events(task)
    assert (event.type, event.data) == ("task.unknown", {"source": "service", "reason": "no answer"})
    ledger.clock.now += 10**6
    assert ledger.claim() == []
    assert ledger.ask(read_next_due, now=ledger.store.now()) is None


def test_what_a_dead_process_was_sending_is_in_doubt(open_ledger: "Callable[..., Ledger]") -> None:
    ledger = open_ledger()
    sending, accepted = ledger.open(), ledger.open()
    ledger.claim()
    ledger.do(acknowledge, ledger.submission(accepted).id, "g1", "submit")
    planned = ledger.open()
    ledger.store.close()
    ledger = open_ledger()
    assert ledger.store.doubted == 1
    assert [ledger.task(each).submission for each in (sending, accepted, planned)] == ["unknown", "accepted", "planned"]
    assert ledger.told(sending) == ["task.unknown"]
    assert ledger.do(doubt_interrupted) == 0


def test_without_evidence_a_doubt_is_lost_in_the_end(ledger: "Ledger") -> None:
    task = bring(ledger, "unknown")
    sent = ledger.submission(task).sent_at
    assert sent is not None
    assert ledger.do(lose_overdue, before=sent) == 0
    assert ledger.do(lose_overdue, before=sent + 1) == 1
    assert (ledger.task(task).submission, ledger.submission(task).state) == ("lost", "lost")
    assert ledger.task(task).settled
    assert ledger.told(task) == ["task.unknown", "task.lost"]
    assert ledger.do(lose_overdue, before=sent + 1) == 0


def test_an_accepted_task_that_its_gateway_forgot_is_lost_too(ledger: "Ledger") -> None:
    task = bring(ledger, "accepted")
    assert ledger.do(lose_overdue, before=10**15) == 0, "silence of an accepted task is the reconciler's to judge"
    ledger.do(lose_task, task.id, reason="Its gateway does not know it any more.", silent_since=FOREVER)
    assert ledger.told(task) == ["task.submitted", "task.lost"]


@pytest.mark.parametrize("state", ["planned", "sending", "rejected"])
def test_what_was_not_sent_or_is_settled_cannot_be_lost(ledger: "Ledger", state: str) -> None:
    task = bring(ledger, state)
    ledger.do(lose_task, task.id, reason="silence", silent_since=FOREVER)
    assert ledger.do(lose_overdue, before=10**15) == 0
    assert ledger.task(task) == task
    assert ledger.submission(task).state == state


def test_a_task_that_ended_cannot_be_lost(ledger: "Ledger") -> None:
    task = ledger.open_grid()
    ledger.do(lose_task, task.id, reason="silence", silent_since=FOREVER)
    assert ledger.task(task).submission == "accepted"
    assert "task.lost" not in ledger.told(task)


@pytest.mark.parametrize("state", ["planned", "sending", "unknown", "lost", "forgotten"])
@pytest.mark.parametrize("evidence", ["callback", "answer"])
def test_evidence_settles_every_state(ledger: "Ledger", state: str, evidence: str) -> None:
    task = bring(ledger, state)
    if evidence == "answer":
        ledger.do(acknowledge, ledger.submission(task).id, "g1", "submit", {"code": 1})
    else:
        ledger.record(task, gateway_id="g1", status="IN_PROGRESS", progress=5)
    submission = ledger.submission(task)
    assert (submission.state, submission.next_at, ledger.task(task).submission) == ("accepted", None, "accepted")
    assert ledger.told(task).count("task.submitted") == 1
    ledger.clock.now += 10**6
    assert ledger.claim() == [], "it would be paid for twice"
    assert ledger.sql("SELECT asked_at FROM tasks WHERE id = ?", task.id) != [(None,)], "it is watched again"


LATE = {
    "accepted": lambda ledger, key: ledger.do(acknowledge, key, None, "submit", {"late": 1}),
    "postponed": lambda ledger, key: ledger.do(postpone, key, seconds=1, answer={"late": 1}),
    "rejected": lambda ledger, key: ledger.do(reject, key, reason="late", kind="gateway", answer={"late": 1}),
    "doubted": lambda ledger, key: ledger.do(doubt, key, reason="late", answer={"late": 1}),
}


@pytest.mark.parametrize("answer", LATE)
@pytest.mark.parametrize("state", ["accepted", "rejected", "unknown", "lost", "forgotten"])
def test_a_late_answer_takes_nothing_back_and_is_kept(ledger: "Ledger", state: str, answer: str) -> None:
    """`accepted` never goes back, a refusal stands, and a doubt ends only in acceptance."""
    task = bring(ledger, state)
    before = ledger.submission(task).state
    LATE[answer](ledger, ledger.submission(task).id)
    expected = "accepted" if answer == "accepted" and before != "rejected" else before
    assert (ledger.submission(task).state, ledger.task(task).submission) == (expected, expected)
    assert ledger.submission(task).answer == {"late": 1}
    ledger.clock.now += 10**6
    assert ledger.claim() == []


def test_an_answer_after_the_ending_changes_only_itself(ledger: "Ledger") -> None:
    task = bring(ledger, "sending")
    ledger.record(task, gateway_id="g1", status="SUCCESS", progress=100)
    before = ledger.task(task)
    for answer in LATE.values():
        answer(ledger, ledger.submission(task).id)
    assert ledger.task(task) == before
    assert ledger.told(task) == ["task.submitted", "task.succeeded"]
    assert ledger.sql("SELECT asked_at FROM tasks") == [(None,)], "nobody need ask about it"


def test_a_submission_that_is_not_there_is_said(ledger: "Ledger") -> None:
    with pytest.raises(NoSuchSubmission):
        ledger.ask(read_submission, 7)
    for verb in (acknowledge, doubt, postpone, reject):
        arguments: dict[str, Any] = {
            acknowledge: {"gateway_id": None, "source": "submit"},
            doubt: {"reason": ""},
            postpone: {"seconds": 1, "answer": {}},
            reject: {"reason": "", "kind": "", "answer": None},
        }[verb]
        with pytest.raises(NoSuchSubmission):
            ledger.do(verb, 7, **arguments)


def test_news_that_came_after_the_question_keeps_a_task_from_being_lost(ledger: "Ledger") -> None:
    task = ledger.open_accepted("g1")
    asked = ledger.task(task).updated_at
    ledger.clock.now += 1
    ledger.record(task, gateway_id="g1", status="IN_PROGRESS", progress=1)
    ledger.do(lose_task, task.id, reason="Its gateway does not know it any more.", silent_since=asked)
    assert (ledger.task(task).submission, ledger.told(task)[-1]) == ("accepted", "task.progressed")


def test_a_lost_task_that_shows_up_again_is_told_of_even_when_it_has_not_moved(ledger: "Ledger") -> None:
    task = ledger.open_accepted("g1")
    ledger.record(task, gateway_id="g1", status="IN_PROGRESS", progress=1)
    ledger.do(lose_task, task.id, reason="silence", silent_since=FOREVER)
    assert ledger.record(task, gateway_id="g1", status="IN_PROGRESS", progress=1) == "known"
    assert ledger.told(task) == ["task.submitted", "task.progressed", "task.lost", "task.progressed"]
    latest = ledger.events(task)[-1].task
    assert latest is not None
    assert (latest.submission, latest.progress) == ("accepted", 1)


def test_what_is_held_is_as_planned_as_before(ledger: "Ledger") -> None:
    task = ledger.open()
    before = ledger.submission(task)
    ledger.claim()
    ledger.do(hold, before.id)
    assert ledger.submission(task) == before
    assert ledger.task(task).submission == "planned"


def test_what_evidence_has_settled_is_not_held(ledger: "Ledger") -> None:
    task = ledger.open_accepted()
    ledger.do(hold, ledger.submission(task).id)
    assert (ledger.submission(task).state, ledger.submission(task).attempts) == ("accepted", 1)
