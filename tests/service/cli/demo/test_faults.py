"""Whether a performance was as promised."""

import pytest

from service.cli.demo.books import strike_balance
from service.cli.demo.faults import find_faults
from tests.service.cli.demo.conftest import COUNTS, grid_bought, hear, settle, upscale_bought


def faults_of(record):
    return find_faults(record, strike_balance(record))


def test_a_good_performance_has_no_fault(record):
    assert faults_of(record) == []


def test_a_grid_that_did_not_succeed_is_a_fault(record, a_task):
    record.chains[2] = [a_task(status="IN_PROGRESS")]
    assert faults_of(record) == ["一只猫: the grid is IN_PROGRESS (accepted)"]


def test_a_grid_without_its_upscale_is_a_fault(record):
    del record.chains[2][1]
    assert faults_of(record) == ["一只猫: 0 upscales, and 0 follow-ups in all; wanted one"]


def test_a_second_upscale_is_a_fault(record):
    record.chains[2].append(record.chains[2][1] | {"id": "8200000000000002", "status": "FAILURE"})
    assert faults_of(record) == ["一只猫: 2 upscales, and 2 follow-ups in all; wanted one"]


def test_an_upscale_that_did_not_succeed_is_a_fault(record):
    record.chains[2][1] |= {"status": "NOT_START", "submission": "lost"}
    assert faults_of(record) == ["一只猫: its U1 is NOT_START (lost)"]


@pytest.mark.parametrize("actions", [None, [], [{"task_id": "8100000000000003"}]])
def test_an_upscale_that_no_firing_accounts_for_is_a_fault(record, actions):
    if actions is None:
        del record.firings[2]
    else:
        record.firings[2] |= {"actions": actions}
    assert faults_of(record) == ["一只猫: no firing of the rule first-pick tells why its U1 was clicked"]


@pytest.mark.parametrize(
    ("again", "what"),
    [
        (grid_bought(3) | {"id": "another"}, "the grid of task 8000000000000003"),
        (upscale_bought(3), "UPSCALE 1 of task 8000000000000003"),
        (upscale_bought(3) | {"id": "another", "state": "another task"}, "UPSCALE 1 of task 8000000000000003"),
    ],
)
def test_what_was_bought_twice_is_a_fault(record, again, what):
    record.books["submissions"].append(again)
    assert strike_balance(record).spent_twice == 1
    assert faults_of(record) == [f"the gateway was paid 2 times for {what}"]


def test_a_purchase_too_many_is_a_fault(record):
    record.books["counts"]["clicks"] = 7
    assert faults_of(record) == ["the gateway was paid for 6 grids and 7 upscales"]


@pytest.mark.parametrize("name", sorted(COUNTS.keys() - {"imagine", "clicks", "refused_by_receiver"}))
def test_a_callback_that_is_not_accounted_for_is_a_fault(record, name):
    record.books["counts"][name] += 1
    assert faults_of(record) == ["the books do not balance: a callback is not accounted for"]


def test_an_acknowledged_callback_that_was_not_recorded_is_a_fault_although_it_was_asked_for_later(record):
    for event in record.events:
        event["time"] = event["time"].replace("01:00:0", "01:00:1")  # all of it came ten seconds later
    assert faults_of(record) == [
        "4 of 30 acknowledged callbacks were not in the ledger then, the first one IN_PROGRESS 31% of 8000000000000000"
    ]


@pytest.mark.parametrize("streamed", [[1, 3], [1, 1], [3]])
def test_a_stream_with_a_gap_or_a_repetition_is_a_fault(record, streamed):
    record.streamed = streamed
    assert faults_of(record) == ["the event stream skipped an event, or repeated one"]


def test_a_hook_in_the_ledgers_file_is_a_fault(record):
    record.hooks_kept = 2
    assert faults_of(record) == ["the ledger's file holds 2 hooks, which nobody but their gateway may know"]


def test_a_submission_without_a_hook_is_a_fault(record):
    record.books["submissions"][3]["hook"] = False
    assert faults_of(record) == ["1 paid submissions named no hook to call"]


def test_a_server_that_lived_and_refused_callbacks_is_a_fault(record):
    record.books["counts"] |= {"acknowledged": 28, "refused_by_receiver": 7}
    assert faults_of(record) == ["2 callbacks were refused by a server that was alive"]


def test_a_performance_without_an_acknowledged_callback_is_a_fault(record):
    record.books["counts"] |= {"acknowledged": 0, "refused_by_receiver": 0, "callbacks_sent": 0, "callbacks_made": 0}
    record.books["counts"] |= {"lost": 0, "doubled": 0}
    record.books["acknowledged_log"] = []
    record.dead_ends = 0
    assert faults_of(record) == ["no callback was acknowledged"]


# --- what the subscriber was told


def test_a_wrong_signature_is_a_fault(record):
    record.heard.append(hear(record.events[0], genuine=False))
    assert faults_of(record) == ["1 deliveries had a wrong signature"]


def test_an_event_that_comes_after_a_later_one_of_its_task_is_a_fault(record):
    record.heard[0], record.heard[1] = record.heard[1], record.heard[0]
    assert faults_of(record) == ["1 deliveries came out of order"]


def test_what_comes_once_more_is_not_out_of_order(record):
    record.heard.append(record.heard[0])
    assert faults_of(record) == []


def test_an_event_that_was_never_told_is_a_fault(record):
    del record.heard[1]
    assert faults_of(record) == ["the subscriber was not told of 1 events"]


def test_an_event_that_never_was_is_a_fault(record):
    record.heard.append(hear(record.events[0] | {"id": "evt_99", "seq": 99}))
    assert faults_of(record) == ["the subscriber was told of 1 events that did not happen"]


def test_a_repetition_that_says_something_else_is_a_fault(record):
    record.heard.append(hear(record.events[0] | {"type": "task.failed"}))
    assert faults_of(record) == ["a delivery that was repeated had changed"]


def test_a_settled_chain_without_all_its_pictures_is_a_fault(record):
    last = record.events[-1]
    last["data"]["chain"] = settle(last["task"])
    record.heard[9] = hear(last)
    assert faults_of(record) == ["the subscriber was told with all pictures of 5 chains; wanted 6"]


def test_an_event_about_no_task_has_no_order(record):
    event = record.events[0] | {"id": "evt_11", "seq": 11, "task": None}
    record.events.append(record.events[-1] | {"id": "evt_11", "seq": 11})
    record.heard.append(hear(event))
    assert faults_of(record) == []
