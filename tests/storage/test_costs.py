"""What a task costs: known when it is sent, spent when the gateway has it, once, whoever proves that."""

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.ledger import finish, open_window, record
from storage.openings import open_click, open_task
from storage.queue import claim_due
from storage.records import JSON, Button, NewTask, Progress, Task
from storage.submissions import acknowledge, doubt, list_submissions, lose_task, postpone, read_submission, reject
from storage.tasks import read_task
from storage.transaction import Transaction
from storage.windows import answer_window

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Ledger

FOREVER = 10**15  # milliseconds; later than any news of these tests
DONE = Progress(gateway_id="g1", status="SUCCESS", progress=100)
REGION = Button(label="Vary (Region)", custom_id="MJ::Inpaint::1::x::SOLO", kind="Inpaint", opens_modal=True)


def price(task: Task, request: JSON) -> float | None:
    fast = request.get("options", {}).get("mode") == "fast"
    return {"IMAGINE": 1.0 if fast else 0.25, "INPAINT": 0.5}.get(task.action)


def claim(ledger: "Ledger") -> None:
    ledger.do(claim_due, gateway="g", limit=100, price=price)


def send(ledger: "Ledger", **fields: Any) -> Task:
    """A task that is being sent, for 0.25."""
    task = ledger.open(**fields)
    claim(ledger)
    return task


def test_nothing_is_spent_before_the_gateway_has_it(ledger: "Ledger") -> None:
    task = ledger.open()
    assert (ledger.submission(task).cost, ledger.task(task).cost) == (None, None)
    claim(ledger)
    assert (ledger.submission(task).cost, ledger.task(task).cost) == (0.25, None)
    ledger.do(acknowledge, ledger.submission(task).id, "g1", "submit", {"code": 1})
    assert ledger.task(task).cost == 0.25


def test_the_price_is_that_of_the_mode_that_was_asked_for(ledger: "Ledger") -> None:
    task = send(ledger, request={"options": {"mode": "fast"}})
    ledger.do(acknowledge, ledger.submission(task).id, "g1", "submit", {"code": 1})
    assert ledger.task(task).cost == 1.0


def test_where_nobody_said_a_price_a_cost_is_unknown_and_not_zero(ledger: "Ledger") -> None:
    task = send(ledger, action="DANCE")
    ledger.do(acknowledge, ledger.submission(task).id, "g1", "submit", {"code": 1})
    assert ledger.task(task).cost is None


def test_what_was_reserved_stays_where_nobody_knows_the_price_any_more(ledger: "Ledger") -> None:
    grid = ledger.open_grid()
    child, _ = ledger.do(open_click, grid, ledger.grid[0], origin="rule:r", cost=0.75)
    claim(ledger)
    assert ledger.submission(child).cost == 0.75


def test_a_raised_price_is_written_down_as_it_is(ledger: "Ledger") -> None:
    task = ledger.do(open_task, NewTask(gateway="g", action="IMAGINE", origin="rule:r"), cost=0.1)
    claim(ledger)
    assert ledger.submission(task).cost == 0.25


def test_a_gateway_without_prices_does_not_cost_what_another_one_of_its_group_does(ledger: "Ledger") -> None:
    task = send(ledger, request={"group": "all"})
    ledger.do(postpone, ledger.submission(task).id, seconds=0, answer={})
    ledger.do(claim_due, gateway="h", groups=("all",), limit=1)
    assert ledger.submission(task).cost is None


def test_what_existed_before_costs_nothing(ledger: "Ledger") -> None:
    task = send(ledger)
    ledger.do(acknowledge, ledger.submission(task).id, "g1", "submit", {"code": 21}, is_new=False)
    ledger.record(task, gateway_id="g1", status="SUCCESS", progress=100)
    assert ledger.task(task).cost is None


@pytest.mark.parametrize("source", ["callback", "fetch"])
def test_who_proves_it_first_spends_it_and_nobody_again(ledger: "Ledger", source: str) -> None:
    task = send(ledger)
    submission = ledger.submission(task)
    ledger.do(record, task.id, submission.nonce if source == "callback" else None, DONE, source)
    assert ledger.task(task).cost == 0.25
    ledger.do(acknowledge, submission.id, "g1", "submit", {"code": 1})
    ledger.record(task, gateway_id="g1", status="SUCCESS", progress=100, image_url="https://cdn.example/1.png")
    assert ledger.task(task).cost == 0.25


@pytest.mark.parametrize("way", ["refused", "full"])
def test_what_was_refused_costs_nothing_until_the_gateway_works_on_it(ledger: "Ledger", way: str) -> None:
    task = send(ledger)
    submission = ledger.submission(task)
    if way == "full":
        ledger.do(postpone, submission.id, seconds=1, answer={"code": 23})
    else:
        ledger.do(reject, submission.id, reason="no", kind="gateway", answer={"code": 9})
    assert ledger.task(task).cost is None
    ledger.record(task, gateway_id="g1", status="SUCCESS", progress=100)
    assert (ledger.task(task).cost, ledger.submission(task).state) == (0.25, "accepted")


@pytest.mark.parametrize("before", ["accepted", "unknown"])
def test_what_was_lost_and_comes_back_is_spent_once(ledger: "Ledger", before: str) -> None:
    task = send(ledger)
    submission = ledger.submission(task)
    if before == "accepted":
        ledger.do(acknowledge, submission.id, "g1", "submit", {"code": 1})
    else:
        ledger.do(doubt, submission.id, reason="no answer")
    ledger.do(lose_task, task.id, reason="silence", silent_since=FOREVER)
    spent = 0.25 if before == "accepted" else None
    assert ledger.task(task).cost == spent, "the budget stays spent"
    ledger.record(task, gateway_id="g1", status="SUCCESS", progress=100)
    assert ledger.task(task).cost == 0.25
    assert ledger.events(task)[-1].task == ledger.task(task)


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("first", ["answer", "callback", "fetch"])
def test_what_existed_before_costs_nothing_whoever_told_of_it_first(ledger: "Ledger", first: str, lost: bool) -> None:
    """Evidence cannot tell what is new there: the answer decides, whenever it comes."""
    task = send(ledger)
    submission = ledger.submission(task)
    working = Progress(gateway_id="g1", status="IN_PROGRESS", progress=3)
    if first != "answer":
        ledger.do(record, task.id, submission.nonce if first == "callback" else None, working, first)
        assert ledger.task(task).cost == 0.25
    if lost:
        ledger.do(lose_task, task.id, reason="silence", silent_since=FOREVER)
    ledger.do(acknowledge, submission.id, "g1", "submit", {"code": 21}, is_new=False)
    assert ledger.task(task).cost is None
    ledger.record(task, gateway_id="g1", status="SUCCESS", progress=100)
    assert ledger.task(task).cost is None
    assert ledger.events(task)[-1].task == ledger.task(task)


def test_an_answer_to_a_window_that_existed_takes_nothing_back(ledger: "Ledger") -> None:
    child, _ = ledger.do(open_click, ledger.open_grid(), REGION, origin="api")
    claim(ledger)
    ledger.do(open_window, ledger.submission(child).id, "g2", {"code": 21})
    ledger.do(answer_window, child.id, prompt="猫", mask=None)
    claim(ledger)
    ledger.do(acknowledge, ledger.submission(child).id, "g2", "submit", {"code": 21}, is_new=False)
    assert ledger.task(child).cost == 0.5


def test_what_existed_was_lost_and_comes_back_costs_nothing(ledger: "Ledger") -> None:
    task = send(ledger)
    ledger.do(acknowledge, ledger.submission(task).id, "g1", "submit", {"code": 21}, is_new=False)
    ledger.do(lose_task, task.id, reason="silence", silent_since=FOREVER)
    ledger.record(task, gateway_id="g1", status="SUCCESS", progress=100)
    assert ledger.task(task).cost is None


def test_an_answer_to_a_window_costs_nothing_beside_its_click(ledger: "Ledger") -> None:
    child, _ = ledger.do(open_click, ledger.open_grid(), REGION, origin="api")
    claim(ledger)
    ledger.do(open_window, ledger.submission(child).id, "g2", {"code": 21})
    ledger.do(answer_window, child.id, prompt="猫", mask=None)
    claim(ledger)
    ledger.do(acknowledge, ledger.submission(child).id, "g2", "submit", {"code": 1})
    assert (ledger.submission(child).cost, ledger.task(child).cost) == (None, 0.5)


def test_what_is_done_with_its_answer_costs_its_price(ledger: "Ledger") -> None:
    task = send(ledger)
    ledger.do(finish, ledger.submission(task).id, ("https://cdn.example/1.png",), {"code": 1})
    assert (ledger.task(task).cost, ledger.task(task).image_url) == (0.25, "https://cdn.example/1.png")


def test_an_event_shows_what_had_been_spent_by_then(ledger: "Ledger") -> None:
    task = send(ledger)
    ledger.do(doubt, ledger.submission(task).id, reason="no answer")
    ledger.record(task, gateway_id="g1", status="IN_PROGRESS", progress=3)
    ledger.record(task, gateway_id="g1", status="SUCCESS", progress=100)
    shown = [(event.type, event.task.cost) for event in ledger.events(task) if event.task]
    assert shown == [
        ("task.unknown", None),
        ("task.submitted", 0.25),
        ("task.progressed", 0.25),
        ("task.succeeded", 0.25),
    ]


@pytest.fixture(scope="module")
def shared(open_shared_ledger: "Callable[..., Ledger]") -> "Ledger":
    return open_shared_ledger()


VERBS = ("claim", "acknowledge", "callback", "fetch", "postpone", "reject", "doubt", "lose")


@given(script=st.lists(st.sampled_from(VERBS), min_size=3, max_size=8))
def test_in_no_story_is_a_submission_paid_twice_or_a_payment_taken_back(shared: "Ledger", script: list[str]) -> None:
    def live(tx: Transaction) -> list[tuple[float | None, str]]:
        task = open_task(tx, NewTask(gateway="g", action="IMAGINE", prompt="猫", origin="api"))
        (submission,) = list_submissions(tx, task.id)
        lived = []
        for verb in ("claim", *script):
            tx.now += 1_000_000
            match verb:
                case "claim":
                    claim_due(tx, gateway="g", limit=100, price=price)
                case "acknowledge":
                    acknowledge(tx, submission.id, "g1", "submit", {"code": 1})
                case "callback":
                    record(tx, task.id, submission.nonce, DONE, "callback")
                case "fetch":
                    record(tx, task.id, None, DONE, "fetch")
                case "postpone":
                    postpone(tx, submission.id, seconds=10, answer={"code": 23})
                case "reject":
                    reject(tx, submission.id, reason="no", kind="gateway", answer={"code": 9})
                case "doubt":
                    doubt(tx, submission.id, reason="no answer")
                case "lose":
                    lose_task(tx, task.id, reason="silence", silent_since=FOREVER)
            known = read_submission(tx, submission.id)
            if known.attempts:  # what was never sent has no price
                lived.append((read_task(tx, task.id).cost, known.state))
        return lived

    lived = shared.do(live)
    spent = [cost for cost, _ in lived]
    assert set(spent) <= {None, 0.25}
    assert spent == sorted(spent, key=bool), "what is spent stays spent"
    assert all(cost == 0.25 for cost, state in lived if state == "accepted")
