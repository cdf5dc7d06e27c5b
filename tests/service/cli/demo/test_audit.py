"""What the gateway's own books prove."""

import pytest

from service.cli.demo.audit import count_overtaken, find_purchases, find_unrecorded


def test_everything_acknowledged_was_known_by_then(record):
    assert find_unrecorded(record) == []


def test_a_callback_is_unrecorded_when_no_event_knew_of_it_by_then(record):
    # The reconciler brought 62 % at the third second; whoever said 200 before that had not written it down.
    record.books["acknowledged_log"][1][3] -= 1000
    assert find_unrecorded(record) == [{"task": "8000000000000000", "status": "IN_PROGRESS", "progress": "62%"}]


@pytest.mark.parametrize(("status", "progress"), [("SUBMITTED", "0%"), ("SUBMITTED", None), ("FAILURE", "100%")])
def test_a_callback_about_a_task_without_events_is_unrecorded(record, status, progress):
    record.books["acknowledged_log"].append(["upscale 3", status, progress, 2 * 10**12])
    assert [each["task"] for each in find_unrecorded(record)] == ["8100000000000003"]


def test_an_ending_that_was_only_seen_in_progress_is_unrecorded(record):
    del record.events[3]
    assert [each["status"] for each in find_unrecorded(record)] == ["SUCCESS"]


def test_a_callback_after_a_later_one_of_its_task_is_overtaken_and_a_double_is_not(record):
    assert count_overtaken(record.books) == 1
    record.books["acknowledged_log"] += [["grid 0", "SUCCESS", "100%", 9], ["grid 1", "SUBMITTED", "0%", 9]]
    assert count_overtaken(record.books) == 1


def test_a_grid_and_each_of_its_pictures_are_bought_apart(record):
    record.books["submissions"] += [record.books["submissions"][1] | {"index": 2, "id": "another"}]
    assert set(find_purchases(record.books).values()) == {1}
    assert len(find_purchases(record.books)) == 13
