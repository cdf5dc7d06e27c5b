"""A window: opened by a click, answered once, and closed by whatever shows that the gateway went on."""

from collections.abc import Callable
from contextlib import suppress
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import NoSuchTask, NoWindow
from storage.events import list_events
from storage.ledger import open_window, record
from storage.openings import open_click, open_task
from storage.queue import claim_due
from storage.records import JSON, Button, NewTask, Progress, Submission, Task
from storage.submissions import (
    acknowledge,
    doubt,
    list_submissions,
    lose_overdue,
    lose_task,
    postpone,
    reject,
)
from storage.tasks import read_task
from storage.transaction import Transaction
from storage.windows import answer_window

if TYPE_CHECKING:
    from tests.conftest import Ledger

REGION = Button(
    label="Vary (Region)", custom_id="MJ::Inpaint::1::x::SOLO", kind="Inpaint", index=None, opens_modal=True
)
MASK = "5" * 64  # a name as attachments have it
BEGUN = Progress(gateway_id="g2", status="IN_PROGRESS", progress=15)


def click(ledger: "Ledger", **request: Any) -> Task:
    """A click of Vary (Region) that is being sent."""
    child, _ = ledger.do(open_click, ledger.open_grid("g1"), REGION, origin="api", request=request)
    ledger.claim()
    return child


def open_one(ledger: "Ledger", **request: Any) -> Task:
    """A task whose window is open; its gateway calls it g2."""
    task = click(ledger, **request)
    ledger.do(open_window, ledger.submission(task).id, "g2", {"code": 21})
    return ledger.task(task)


def answer(ledger: "Ledger", task: Task, prompt: str | None = "更大的猫", mask: str | None = MASK) -> Submission:
    ledger.do(answer_window, task.id, prompt=prompt, mask=mask)
    return ledger.submission(task)


def send(ledger: "Ledger", task: Task) -> Submission:
    """Answer its window; the answer is being sent."""
    answer(ledger, task)
    ledger.claim()
    return ledger.submission(task)


def states(ledger: "Ledger", task: Task) -> list[tuple[str, str]]:
    return [(each.kind, each.state) for each in ledger.ask(list_submissions, task.id)]


def test_the_answer_is_a_second_submission_of_the_same_task(ledger: "Ledger") -> None:
    task = open_one(ledger)
    planned = ledger.do(answer_window, task.id, prompt="更大的猫", mask=MASK)
    assert (planned.id, planned.status, planned.submission) == (task.id, "MODAL", "planned")
    modal = ledger.submission(task)
    assert (modal.kind, modal.request) == ("modal", {"prompt": "更大的猫", "mask": MASK})
    first, second = ledger.ask(list_submissions, task.id)
    assert first.nonce != second.nonce
    (claim,) = ledger.claim()
    assert (claim.submission.id, claim.task.gateway_id, claim.task.status) == (modal.id, "g2", "MODAL")


def test_the_answer_is_given_in_the_mode_of_the_click(ledger: "Ledger") -> None:
    task = open_one(ledger, options={"mode": "turbo", "extra": {"strong": True}})
    assert answer(ledger, task).request == {"prompt": "更大的猫", "mask": MASK, "options": {"mode": "turbo"}}


@pytest.mark.parametrize("state", ["planned", "sending", "unknown", "accepted"])
def test_a_window_that_was_answered_is_not_answered_again(ledger: "Ledger", state: str) -> None:
    task = open_one(ledger)
    modal = answer(ledger, task)
    if state != "planned":
        ledger.claim()
    if state == "unknown":
        ledger.do(doubt, modal.id, reason="no answer")
    if state == "accepted":
        ledger.do(acknowledge, modal.id, "g2", "submit", {"code": 1})
    with pytest.raises(NoWindow, match=f"answered already; that submission is {state}"):
        answer(ledger, task)
    assert states(ledger, task) == [("submit", "accepted"), ("modal", state)]


def test_what_has_no_window_cannot_be_answered(ledger: "Ledger") -> None:
    for task, status in ((ledger.open(), "NOT_START"), (ledger.open_grid(), "SUCCESS")):
        with pytest.raises(NoWindow, match=f"no open window: it is {status}"):
            answer(ledger, task)
    with pytest.raises(NoSuchTask):
        ledger.do(answer_window, "8000000000000001", prompt="x", mask=None)


def test_an_answer_that_is_refused_leaves_the_window_open_and_says_why(ledger: "Ledger") -> None:
    task = open_one(ledger)
    modal = send(ledger, task)
    ledger.do(reject, modal.id, reason="prompt不能为空", kind="unknown", answer={"code": 4})
    after = ledger.task(task)
    assert (after.status, after.submission, after.fail_reason, after.finished_at) == ("MODAL", "accepted", None, None)
    last = ledger.events(task)[-1]
    assert (last.type, last.data["reason"], last.task) == ("task.modal", "prompt不能为空", after)
    again = answer(ledger, task, prompt="一只猫")
    assert again.id != modal.id
    assert states(ledger, task) == [("submit", "accepted"), ("modal", "rejected"), ("modal", "planned")]


def test_a_day_without_room_leaves_the_window_open_too(ledger: "Ledger") -> None:
    task = open_one(ledger)
    modal = send(ledger, task)
    ledger.do(postpone, modal.id, seconds=100_000, answer={"code": 23})
    assert (ledger.task(task).status, ledger.submission(task).state) == ("MODAL", "rejected")
    assert ledger.told(task)[-1] == "task.modal"


def test_an_answer_without_an_answer_is_in_doubt_and_then_lost_and_may_be_given_again(ledger: "Ledger") -> None:
    task = open_one(ledger)
    modal = send(ledger, task)
    ledger.do(doubt, modal.id, reason="no answer")
    assert ledger.task(task).submission == "unknown"
    ledger.clock.now += 7200
    assert ledger.do(lose_overdue, before=ledger.store.now()) == 1
    assert ledger.told(task)[-2:] == ["task.unknown", "task.lost"]
    assert answer(ledger, task).id != modal.id
    # What was lost and answered again is a task like any other: it is proven by the same evidence.
    ledger.claim()
    nonce = ledger.ask(list_submissions, task.id)[0].nonce
    assert ledger.record(task, nonce=nonce, gateway_id="g2", status="SUCCESS", progress=100) == "news"
    after = ledger.task(task)
    assert (after.status, after.submission) == ("SUCCESS", "accepted")


@pytest.mark.parametrize("state", ["sending", "unknown", "lost"])
@pytest.mark.parametrize(
    ("voice", "gateway_id"),
    [("first", "g2"), ("first", "g3"), ("second", "g2"), ("second", "g3"), ("fetch", "g2")],
)
def test_whatever_shows_that_the_gateway_went_on_proves_the_answer(
    ledger: "Ledger", state: str, voice: str, gateway_id: str
) -> None:
    task = open_one(ledger)
    modal = send(ledger, task)
    if state != "sending":
        ledger.do(doubt, modal.id, reason="no answer")
    if state == "lost":
        ledger.do(lose_task, task.id, reason="silence", silent_since=10**15)
    first, second = ledger.ask(list_submissions, task.id)
    nonce = {"first": first.nonce, "second": second.nonce, "fetch": None}[voice]
    news = Progress(gateway_id=gateway_id, status="IN_PROGRESS", progress=15)
    said = ledger.do(record, task.id, nonce, news, "fetch" if nonce is None else "callback")
    after = ledger.task(task)
    assert (said, after.status, after.submission, after.gateway_id) == ("news", "IN_PROGRESS", "accepted", gateway_id)
    assert ledger.submission(task).state == "accepted"
    # The answer to its POST comes late, and changes nothing any more, whatever it says.
    ledger.do(doubt, modal.id, reason="no answer")
    ledger.do(postpone, modal.id, seconds=1, answer={"code": 23})
    ledger.do(reject, modal.id, reason="no", kind="unknown", answer={"code": 4})
    assert (ledger.task(task).submission, ledger.submission(task).attempts) == ("accepted", 1)
    assert ledger.task(task).status == "IN_PROGRESS"
    assert ledger.claim() == []


@pytest.mark.parametrize("state", ["sending", "unknown", "lost"])
def test_a_fetch_that_still_shows_the_window_proves_nothing(ledger: "Ledger", state: str) -> None:
    task = open_one(ledger)
    modal = send(ledger, task)
    if state != "sending":
        ledger.do(doubt, modal.id, reason="no answer")
    if state == "lost":
        ledger.do(lose_task, task.id, reason="silence", silent_since=10**15)
    assert ledger.do(record, task.id, None, Progress(gateway_id="g2", status="MODAL"), "fetch") == "known"
    assert ledger.submission(task).state == state


def test_a_callback_under_the_hook_of_the_answer_proves_that_it_came(ledger: "Ledger") -> None:
    task = open_one(ledger)
    modal = send(ledger, task)
    ledger.do(doubt, modal.id, reason="no answer")
    assert ledger.record(task, nonce=modal.nonce, gateway_id="g2", status="MODAL") == "known"
    assert ledger.submission(task).state == "accepted"


def test_a_gateway_that_refused_an_answer_and_works_on_it_is_believed(ledger: "Ledger") -> None:
    task = open_one(ledger)
    modal = send(ledger, task)
    ledger.do(reject, modal.id, reason="no", kind="gateway", answer={"code": 9})
    assert ledger.record(task, nonce=modal.nonce, gateway_id="g2", status="MODAL") == "known"
    assert ledger.submission(task).state == "rejected", "that shows no work"
    submitted_at = ledger.task(task).submitted_at
    ledger.clock.now += 1
    assert ledger.record(task, nonce=modal.nonce, gateway_id="g2", status="IN_PROGRESS", progress=3) == "news"
    after = ledger.task(task)
    assert (after.status, after.submission, after.submitted_at) == ("IN_PROGRESS", "accepted", submitted_at)
    assert ledger.submission(task).state == "accepted"
    assert "task.contradicted" not in ledger.told(task)


def test_a_planned_answer_is_withdrawn_when_its_task_goes_on_without_it(ledger: "Ledger") -> None:
    for status, percent in (("FAILURE", None), ("SUCCESS", 100), ("IN_PROGRESS", 3)):
        task = open_one(ledger)
        answer(ledger, task)
        nonce = ledger.ask(list_submissions, task.id)[0].nonce
        ledger.record(task, nonce=nonce, gateway_id="g2", status=status, progress=percent)
        after = ledger.task(task)
        assert (after.status, after.submission, ledger.submission(task).state) == (status, "accepted", "rejected")
        assert ledger.events(task)[-1].task == after
        assert ledger.claim() == []


# --- the answer that came with the click


def test_a_click_that_came_with_its_answer_gives_it_as_soon_as_the_window_opens(ledger: "Ledger") -> None:
    task = open_one(ledger, window={"prompt": "更大的猫", "mask": MASK})
    assert ledger.submission(task).request == {"prompt": "更大的猫", "mask": MASK}
    assert ledger.told(task) == ["task.submitted", "task.modal"]
    assert ledger.task(task).submission == "planned"


def test_the_answer_is_given_as_it_came_even_with_a_nothing_in_it(ledger: "Ledger") -> None:
    task = open_one(ledger, window={"prompt": "一只\0猫", "mask": None})
    assert ledger.submission(task).request["prompt"] == "一只\0猫"


@pytest.mark.parametrize("nonce", ["callback", "fetch"])
def test_it_is_given_behind_gateways_whose_answer_tells_of_no_window(ledger: "Ledger", nonce: str) -> None:
    task = click(ledger, window={"prompt": "更大的猫", "mask": None})
    submission = ledger.submission(task)
    ledger.do(acknowledge, submission.id, "g2", "submit", {"code": 1})
    modal = Progress(gateway_id="g2", status="MODAL")
    ledger.do(record, task.id, submission.nonce if nonce == "callback" else None, modal, nonce)
    assert states(ledger, task) == [("submit", "accepted"), ("modal", "planned")]


def test_it_is_given_once_however_often_the_window_is_told_of(ledger: "Ledger") -> None:
    task = click(ledger, window={"prompt": "更大的猫", "mask": None})
    first = ledger.submission(task)
    modal = Progress(gateway_id="g2", status="MODAL")
    ledger.do(record, task.id, first.nonce, modal, "callback")  # it overtakes the answer
    ledger.do(open_window, first.id, "g2", {"code": 21})
    ledger.do(record, task.id, None, modal, "fetch")
    assert states(ledger, task) == [("submit", "accepted"), ("modal", "planned")]
    # Refused, it is not given again by itself: that would be refused for ever.
    ledger.claim()
    ledger.do(reject, ledger.submission(task).id, reason="no", kind="unknown", answer={"code": 4})
    ledger.do(record, task.id, first.nonce, Progress(gateway_id="g2", status="MODAL", progress=0), "callback")
    assert states(ledger, task) == [("submit", "accepted"), ("modal", "rejected")]


def test_a_click_that_opened_no_window_needs_no_answer(ledger: "Ledger") -> None:
    task = click(ledger, window={"prompt": "更大的猫", "mask": None})
    ledger.do(acknowledge, ledger.submission(task).id, "g2", "submit", {"code": 1})
    ledger.record(task, gateway_id="g2", status="SUCCESS", progress=100)
    assert states(ledger, task) == [("submit", "accepted")]


def test_a_window_of_a_click_without_an_answer_waits(ledger: "Ledger") -> None:
    task = open_one(ledger)
    assert states(ledger, task) == [("submit", "accepted")]
    assert ledger.do(claim_due, gateway="g", limit=9) == []


# --- any order


@pytest.fixture(scope="module")
def shared(open_shared_ledger: "Callable[..., Ledger]") -> "Ledger":
    return open_shared_ledger()


def start(tx: Transaction, window: JSON | None = None) -> str:
    """A click that is being sent; gives its task."""
    parent = open_task(tx, NewTask(gateway="g", action="IMAGINE", prompt="猫", origin="api"))
    claim_due(tx, gateway="g", limit=100)
    acknowledge(tx, list_submissions(tx, parent.id)[-1].id, "g1", "submit")
    task, _ = open_click(tx, parent, REGION, origin="api", request={"window": window} if window else {})
    claim_due(tx, gateway="g", limit=100)
    return task.id


STORY = (
    Progress(gateway_id="g2", status="MODAL"),
    Progress(gateway_id="g2", status="SUBMITTED", progress=0),
    Progress(gateway_id="g2", status="IN_PROGRESS", progress=31),
    Progress(gateway_id="g2", status="SUCCESS", progress=100, image_url="https://cdn.example/1.png"),
)


@given(
    story=st.permutations(STORY).flatmap(lambda told: st.lists(st.sampled_from(told)).map(lambda more: told + more)),
    voices=st.lists(st.sampled_from(["first", "second", "fetch"]), min_size=1, max_size=4),
    settle=st.sampled_from(["acknowledge", "doubt", "reject", "postpone"]),
)
def test_any_order_of_news_about_an_answered_window_leaves_one_row(
    shared: "Ledger", story: list[Progress], voices: list[str], settle: str
) -> None:
    """The callbacks of a task whose answer is being sent, from whatever hook, and then the answer to that POST."""

    def play(tx: Transaction) -> tuple[Task, list[Submission]]:
        task_id = start(tx, {"prompt": "更大的猫", "mask": None})
        open_window(tx, list_submissions(tx, task_id)[0].id, "g2", {"code": 21})
        claim_due(tx, gateway="g", limit=100)
        first, second = list_submissions(tx, task_id)
        for progress, voice in zip(story, cycle(voices)):
            nonce = {"first": first.nonce, "second": second.nonce, "fetch": None}[voice]
            record(tx, task_id, nonce, progress, "callback" if nonce else "fetch")
        settle_post(tx, second.id, settle)
        assert claim_due(tx, gateway="g", limit=100) == [], "nothing of it is sent again"
        return read_task(tx, task_id), list_submissions(tx, task_id)

    task, submissions = shared.do(play)
    assert (task.status, task.progress, task.image_url) == ("SUCCESS", 100, "https://cdn.example/1.png")
    assert (task.submission, task.gateway_id) == ("accepted", "g2")
    assert [(each.kind, each.state, each.attempts) for each in submissions] == [
        ("submit", "accepted", 1),
        ("modal", "accepted", 1),
    ]
    told = shared.told(task)
    assert (told[:2], told[-1]) == (["task.submitted", "task.modal"], "task.succeeded")
    assert told.count("task.modal") == 1


def settle_post(tx: Transaction, submission_id: int, settle: str) -> None:
    """What a submitter writes down of a POST."""
    match settle:
        case "acknowledge":
            acknowledge(tx, submission_id, "g2", "submit", {"code": 1})
        case "doubt":
            doubt(tx, submission_id, reason="no answer")
        case "reject":
            reject(tx, submission_id, reason="no", kind="unknown", answer={"code": 4})
        case "postpone":
            postpone(tx, submission_id, seconds=0.0, answer={"code": 23})


STEPS = (
    *("answer", "claim", "acknowledge", "doubt", "reject", "postpone", "expire", "lose"),
    *(f"{voice} {status}" for voice in ("first", "second", "fetch") for status in ("MODAL", "IN_PROGRESS", "SUCCESS")),
)


def take_step(tx: Transaction, task_id: str, step: str) -> None:
    """One verb of the ledger, whatever state the task is in."""
    first, latest = (submissions := list_submissions(tx, task_id))[0], submissions[-1]
    match step.split():
        case ["answer"]:
            with suppress(NoWindow):
                answer_window(tx, task_id, prompt="猫", mask=None)
        case ["claim"]:
            claim_due(tx, gateway="g", limit=100)
        case ["expire"]:
            postpone(tx, latest.id, seconds=100_000, answer={"code": 23})
        case ["lose"]:
            lose_task(tx, task_id, reason="silence", silent_since=10**15)
        case [voice, status]:
            nonce = {"first": first.nonce, "second": latest.nonce, "fetch": None}[voice]
            percent = {"SUCCESS": 100, "IN_PROGRESS": 31}.get(status)
            progress = Progress(gateway_id="g2", status=status, progress=percent)
            record(tx, task_id, nonce, progress, "callback" if nonce else "fetch")
        case [settle]:
            if latest.state != "planned":
                settle_post(tx, latest.id, settle)


@given(script=st.lists(st.sampled_from(STEPS), min_size=3, max_size=12))
def test_no_script_answers_a_window_twice_or_sends_an_answer_twice(shared: "Ledger", script: list[str]) -> None:
    def live(tx: Transaction) -> str:
        task_id = start(tx)
        open_window(tx, list_submissions(tx, task_id)[0].id, "g2", {"code": 21})
        before: dict[int, Submission] = {}
        for step in script:
            tx.now += 1000
            take_step(tx, task_id, step)
            task, (first, *modals) = read_task(tx, task_id), list_submissions(tx, task_id)
            standing = [each.state for each in modals if each.state not in ("rejected", "lost")]
            assert len(standing) <= 1, "its window is answered once"
            for each in modals:
                known = before.get(each.id)
                if known is not None and each.attempts > known.attempts:
                    assert (known.state, each.state) == ("planned", "sending")
                if known is not None and known.state in ("accepted", "unknown", "lost", "rejected"):
                    assert each.state not in ("planned", "sending"), "it would be sent a second time"
                if known is not None and known.state == "accepted":
                    assert each.state in ("accepted", "lost")
            stands = next(each.state for each in (*reversed(modals), first) if each.state != "rejected")
            assert task.submission == stands or "lose" in script
            if task.status != "MODAL":
                assert standing in ([], ["accepted"]) or task.submission == "lost", "nothing waits for a closed window"
            before = {each.id: each for each in modals}
        return task_id

    events, _ = shared.ask(list_events, task=shared.do(live))
    statuses = [event.task.status for event in events if event.task]
    assert statuses == sorted(statuses, key=["NOT_START", "MODAL", "IN_PROGRESS", "SUCCESS"].index)
