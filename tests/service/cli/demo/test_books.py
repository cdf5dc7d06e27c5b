"""The balance of a performance."""

import pytest

from service.cli.demo.books import find_faults, strike_balance, summarise
from service.cli.demo.play import PROMPTS, Record

COUNTS = {
    "callbacks_made": 40, "lost": 10, "doubled": 5, "callbacks_sent": 35, "acknowledged": 30,
    "refused_by_receiver": 5, "imagine": 6, "clicks": 6,
}  # fmt: skip


def grid_bought(number):
    return {"parent": None, "action": "IMAGINE", "index": None, "state": f"grid {number}"}


def upscale_bought(number):
    return {"parent": f"gateway {number}", "action": "UPSCALE", "index": 1, "state": f"upscale {number}"}


@pytest.fixture
def record(a_task, a_child):
    """A performance in which all went well."""
    return Record(
        chains=[[a_task(), a_child()] for _ in PROMPTS],
        events=[
            {"seq": 1, "type": "task.submitted", "data": {"source": "callback"}},
            {"seq": 3, "type": "task.progressed", "data": {"source": "callback"}},
            {"seq": 4, "type": "task.succeeded", "data": {"source": "fetch"}},
        ],
        books={
            "counts": dict(COUNTS),
            "submissions": [bought(each) for each in range(6) for bought in (grid_bought, upscale_bought)],
        },
        dead_ends=5,
        streamed=[1, 3],
        breaks=1,
    )


def faults_of(record):
    return find_faults(record, strike_balance(record))


def test_a_good_performance_has_no_fault_and_adds_up(record):
    balance = strike_balance(record)
    assert find_faults(record, balance) == []
    assert balance.is_balanced
    assert (balance.news, balance.fetched, balance.spent_twice, balance.follow_ups) == (1, 1, 0, 6)


def test_the_summary_has_the_numbers_and_the_ledger(record, tmp_path):
    assert summarise(strike_balance(record), tmp_path / "ringback.db") == {
        "summary": {
            "tasks": 12,
            "callbacks": 30,
            "events": 3,
            "follow_ups": 6,
            "ledger": str(tmp_path / "ringback.db"),
        }
    }


def test_a_grid_that_did_not_succeed_is_a_fault(record, a_task):
    record.chains[2] = [a_task(status="IN_PROGRESS")]
    assert faults_of(record) == ["一只猫: the grid is IN_PROGRESS (accepted)"]


def test_a_grid_without_its_upscale_is_a_fault(record, a_task):
    record.chains[2] = [a_task()]
    assert faults_of(record) == ["一只猫: 0 upscales, and 0 follow-ups in all; wanted one"]


def test_a_second_upscale_is_a_fault(record, a_child):
    record.chains[2].append(a_child(id="8000000000000003", status="FAILURE"))
    assert faults_of(record) == ["一只猫: 2 upscales, and 2 follow-ups in all; wanted one"]


def test_an_upscale_that_did_not_succeed_is_a_fault(record, a_task, a_child):
    record.chains[2] = [a_task(), a_child(status="NOT_START", submission="lost")]
    assert faults_of(record) == ["一只猫: its U1 is NOT_START (lost)"]


@pytest.mark.parametrize("again", [grid_bought(3), upscale_bought(3), upscale_bought(3) | {"state": "another task"}])
def test_what_was_bought_twice_is_a_fault(record, again):
    record.books["submissions"].append(again)
    assert strike_balance(record).spent_twice == 1
    assert faults_of(record) == ["1 submissions were paid twice"]


def test_a_purchase_too_many_is_a_fault(record):
    record.books["counts"]["clicks"] = 7
    assert faults_of(record) == ["the gateway was paid for 6 grids and 7 upscales"]


@pytest.mark.parametrize("name", sorted(COUNTS.keys() - {"imagine", "clicks", "refused_by_receiver"}))
def test_a_callback_that_is_not_accounted_for_is_a_fault(record, name):
    record.books["counts"][name] += 1
    assert faults_of(record) == ["the books do not balance: a callback is not accounted for"]


@pytest.mark.parametrize("streamed", [[1, 4], [1, 1], [3]])
def test_a_stream_with_a_gap_or_a_repetition_is_a_fault(record, streamed):
    record.streamed = streamed
    assert faults_of(record) == ["the event stream skipped an event, or repeated one"]
