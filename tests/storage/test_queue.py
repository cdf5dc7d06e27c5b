"""The line in front of each gateway: who is next, for whom, and how much is out there already."""

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.adoption import adopt
from storage.ledger import open_window
from storage.openings import open_click, open_task
from storage.queue import claim_due, count_orphans, count_outstanding, count_places, list_sent_since, read_next_due
from storage.records import Button, NewTask, Progress, Task
from storage.submissions import acknowledge, doubt, lose_task, postpone, reject
from storage.transaction import Transaction
from storage.windows import answer_window

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Ledger

FOREVER = 10**15  # milliseconds; later than any news of these tests
FULL = {"code": 23}
LINES = count()
REGION = Button(label="Vary (Region)", custom_id="MJ::Inpaint::1::x::SOLO", kind="Inpaint", opens_modal=True)


def claim(ledger: "Ledger", gateway: str = "g", *, groups: tuple[str, ...] = (), limit: int = 100) -> list[str]:
    claims = ledger.do(claim_due, gateway=gateway, groups=groups, limit=limit)
    return [each.task.id for each in claims]


def refuse(ledger: "Ledger", task: Task, seconds: float = 0.0) -> None:
    ledger.do(postpone, ledger.submission(task).id, seconds=seconds, answer=FULL)


# --- groups


def test_what_was_submitted_to_a_group_is_taken_by_whoever_asks_for_the_group(ledger: "Ledger") -> None:
    grouped, alone = ledger.open(request={"group": "all"}), ledger.open()
    assert claim(ledger, "h") == []
    assert claim(ledger, "h", groups=("others",)) == []
    assert claim(ledger, "h", groups=("others", "all")) == [grouped.id]
    assert ledger.task(grouped).gateway == "h", "it is that gateway's from here on"
    assert (ledger.task(alone).gateway, claim(ledger)) == ("g", [alone.id])


def test_a_group_is_due_for_whoever_asks_for_it(ledger: "Ledger") -> None:
    ledger.open(request={"group": "all"})
    now = ledger.store.now()
    assert ledger.ask(read_next_due, "h", now=now, groups=["others"]) is None
    assert ledger.ask(read_next_due, "h", now=now, groups=["all"]) == now
    assert ledger.ask(read_next_due, "g", now=now) == now


def test_refused_by_one_it_may_be_taken_by_the_next_and_by_the_first_again(ledger: "Ledger") -> None:
    task = ledger.open(request={"group": "all"})
    for gateway in ("g", "h", "g"):
        assert claim(ledger, gateway, groups=("all",)) == [task.id]
        assert ledger.task(task).gateway == gateway
        refuse(ledger, task)
    assert ledger.submission(task).attempts == 3


@pytest.mark.parametrize("settle", ["sending", "unknown", "accepted", "rejected", "lost"])
def test_nobody_else_of_the_group_takes_what_may_have_been_made(ledger: "Ledger", settle: str) -> None:
    task = ledger.open(request={"group": "all"})
    claim(ledger)
    submission = ledger.submission(task).id
    if settle in ("unknown", "lost"):
        ledger.do(doubt, submission, reason="no answer")
    if settle == "lost":
        ledger.do(lose_task, task.id, reason="silence", silent_since=FOREVER)
    if settle == "accepted":
        ledger.do(acknowledge, submission, "g1", "submit", {"code": 1})
    if settle == "rejected":
        ledger.do(reject, submission, reason="no", kind="gateway", answer={"code": 4})
    ledger.clock.now += 86_400
    assert claim(ledger, "h", groups=("all",)) == []
    assert ledger.task(task).gateway == "g"


def test_follow_ups_stay_with_their_parents_gateway(ledger: "Ledger") -> None:
    parent = ledger.open_grid(request={"group": "all"})
    clicked, _ = ledger.do(open_click, parent, ledger.grid[0], origin="api")
    going_on = ledger.do(
        open_task,
        NewTask(gateway="h", action="VIDEO", origin="api", parent_id=parent.id, request={"group": "all"}),
    )
    assert (clicked.gateway, going_on.gateway) == ("g", "g")
    assert claim(ledger, "h", groups=("all",)) == []
    assert claim(ledger, "g") == [clicked.id, going_on.id]


def test_the_answer_to_a_window_goes_to_the_gateway_that_opened_it(ledger: "Ledger") -> None:
    parent = ledger.open_grid(request={"group": "all"})
    child, _ = ledger.do(open_click, parent, REGION, origin="api")
    claim(ledger)
    ledger.do(open_window, ledger.submission(child).id, "g2", {"code": 21})
    ledger.do(answer_window, child.id, prompt="猫", mask=None)
    assert claim(ledger, "h", groups=("all",)) == []
    assert claim(ledger) == [child.id]


# --- order


@pytest.fixture(scope="module")
def shared(open_shared_ledger: "Callable[..., Ledger]") -> "Ledger":
    return open_shared_ledger()


@given(steps=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 4)), min_size=1, max_size=10))
def test_the_line_keeps_its_order_whatever_is_refused_for_want_of_room(
    shared: "Ledger", steps: list[tuple[int, int]]
) -> None:
    """Each step takes a few from the line, and a full gateway gives some of them back."""

    def stand(tx: Transaction) -> None:
        gateway = f"line {next(LINES)}"
        waiting = [open_task(tx, NewTask(gateway=gateway, action="IMAGINE", origin="api")).id for _ in range(8)]
        for limit, refused in (*steps, (8, 0)):
            claims = claim_due(tx, gateway=gateway, limit=limit)
            assert [each.task.id for each in claims] == waiting[:limit]
            taken = max(0, len(claims) - refused)
            for each in claims[:taken]:
                acknowledge(tx, each.submission.id, each.task.id, "submit")
            for each in claims[taken:]:
                postpone(tx, each.submission.id, seconds=0.0, answer=FULL)
            waiting = waiting[taken:]
        assert waiting == []

    shared.do(stand)


def test_who_was_put_off_keeps_its_place_in_the_line(ledger: "Ledger") -> None:
    first = ledger.open()
    claim(ledger)
    refuse(ledger, first, seconds=10)
    second = ledger.open()
    assert claim(ledger) == [second.id]
    refuse(ledger, second)
    ledger.clock.now += 20
    assert claim(ledger, limit=1) == [first.id], "it is due later than the other, and was there before it"


def test_what_waits_for_a_gateway_that_is_gone_is_counted(ledger: "Ledger") -> None:
    ledger.open(gateway="gone")
    ledger.open(gateway="gone")
    ledger.open()
    assert ledger.ask(count_orphans, ["g"]) == {"gone": 2}


# --- how much is out


def outstanding(ledger: "Ledger") -> Any:
    return ledger.ask(count_outstanding, "g")


def test_what_is_sent_perhaps_sent_or_at_work_is_outstanding_until_it_ends(ledger: "Ledger") -> None:
    task = ledger.open()
    ledger.open(gateway="h")
    claim(ledger, "h")
    assert outstanding(ledger) == 0
    claim(ledger)
    assert outstanding(ledger) == 1
    ledger.do(doubt, ledger.submission(task).id, reason="no answer")
    assert outstanding(ledger) == 1
    ledger.do(acknowledge, ledger.submission(task).id, "g1", "submit", {"code": 1})
    assert outstanding(ledger) == 1
    ledger.record(task, gateway_id="g1", status="SUCCESS", progress=100)
    assert outstanding(ledger) == 0


@pytest.mark.parametrize("end", ["postpone", "reject", "lose"])
def test_a_place_is_free_again_however_it_ends(ledger: "Ledger", end: str) -> None:
    task = ledger.open()
    claim(ledger)
    submission = ledger.submission(task).id
    if end == "postpone":
        refuse(ledger, task)
    if end == "reject":
        ledger.do(reject, submission, reason="no", kind="gateway", answer={"code": 4})
    if end == "lose":
        ledger.do(doubt, submission, reason="no answer")
        ledger.do(lose_task, task.id, reason="silence", silent_since=FOREVER)
    assert outstanding(ledger) == 0


def test_a_window_takes_no_place_and_its_answer_takes_one_until_it_ends(ledger: "Ledger") -> None:
    child, _ = ledger.do(open_click, ledger.open_grid(), REGION, origin="api")
    claim(ledger)
    assert outstanding(ledger) == 1
    ledger.do(open_window, ledger.submission(child).id, "g2", {"code": 21})
    assert outstanding(ledger) == 0
    ledger.do(answer_window, child.id, prompt="猫", mask=None)
    assert outstanding(ledger) == 0
    claim(ledger)
    assert outstanding(ledger) == 1
    ledger.do(doubt, ledger.submission(child).id, reason="no answer")
    assert outstanding(ledger) == 1
    ledger.do(acknowledge, ledger.submission(child).id, "g2", "submit", {"code": 1})
    assert outstanding(ledger) == 1, "the gateway works on it, and has not said so yet"
    ledger.record(child, gateway_id="g2", status="IN_PROGRESS", progress=3)
    assert outstanding(ledger) == 1
    ledger.record(child, gateway_id="g2", status="SUCCESS", progress=100)
    assert outstanding(ledger) == 0


def test_an_answer_that_was_refused_leaves_a_window_that_takes_no_place(ledger: "Ledger") -> None:
    child, _ = ledger.do(open_click, ledger.open_grid(), REGION, origin="api")
    claim(ledger)
    ledger.do(open_window, ledger.submission(child).id, "g2", {"code": 21})
    ledger.do(answer_window, child.id, prompt="猫", mask=None)
    claim(ledger)
    ledger.do(reject, ledger.submission(child).id, reason="no", kind="unknown", answer={"code": 4})
    assert outstanding(ledger) == 0


def test_the_places_of_many_in_any_state_are_the_sum_of_each(ledger: "Ledger") -> None:
    def begin(tx: Transaction, count: int) -> None:
        for _ in range(count):
            open_task(tx, NewTask(gateway="g", action="IMAGINE", origin="api"))

    ledger.do(begin, 30)
    assert [len(claim(ledger, limit=7)) for _ in range(3)] == [7, 7, 7]
    assert outstanding(ledger) == 21


def places(ledger: "Ledger", seconds: float = 60) -> Any:
    return ledger.ask(count_places, "g", since=ledger.store.now() - int(seconds * 1000))


def test_what_brings_no_news_takes_no_place_for_ever_and_one_again_with_its_next_news(ledger: "Ledger") -> None:
    task = ledger.open_accepted()
    working = {"gateway_id": "g1", "status": "IN_PROGRESS"}
    ledger.record(task, **working, progress=40)
    ledger.clock.now += 59
    assert places(ledger) == 1
    ledger.clock.now += 1
    ledger.record(task, **working, progress=40)
    assert (places(ledger), outstanding(ledger), ledger.task(task).status) == (0, 1, "IN_PROGRESS")
    ledger.record(task, **working, progress=41)
    assert places(ledger) == 1


def test_what_is_being_sent_takes_a_place_however_long_it_has_waited(ledger: "Ledger") -> None:
    ledger.open()
    ledger.clock.now += 3600
    claim(ledger)
    assert places(ledger) == 1


def test_what_was_adopted_takes_no_place(ledger: "Ledger") -> None:
    ledger.do(adopt, "g", "17", Progress(gateway_id="17", status="IN_PROGRESS", progress=3))
    assert (places(ledger), outstanding(ledger)) == (0, 1)


# --- how much was sent


def sent_since(ledger: "Ledger", seconds: float) -> list[float]:
    """The ages, in seconds, of what was sent within so many."""
    now = ledger.store.now()
    sent = ledger.ask(list_sent_since, "g", now - int(seconds * 1000), now)
    return [(now - each) / 1000 for each in sent]


def test_what_was_sent_within_a_while_is_listed_oldest_first(ledger: "Ledger") -> None:
    for _ in range(3):
        ledger.open()
        claim(ledger)
        ledger.clock.now += 20
    ledger.open(gateway="h")
    claim(ledger, "h")
    assert sent_since(ledger, 60) == [40, 20]
    assert sent_since(ledger, 61) == [60, 40, 20]


def test_what_is_sent_again_counts_when_it_was_sent_last(ledger: "Ledger") -> None:
    task = ledger.open()
    claim(ledger)
    refuse(ledger, task)
    ledger.clock.now += 30
    claim(ledger)
    assert sent_since(ledger, 60) == [0]


def test_a_clock_that_stepped_back_lets_nothing_count_for_hours(ledger: "Ledger") -> None:
    ledger.open()
    claim(ledger)
    ledger.clock.now -= 7200
    ledger.open()
    claim(ledger)
    assert sent_since(ledger, 60) == [0]
