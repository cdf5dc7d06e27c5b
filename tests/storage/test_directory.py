"""Finding tasks by any name, in pages, in the order of a queue."""

from typing import Any

from storage.directory import find_named, list_queue, read_page
from storage.gateway_ids import keep_gateway_id
from storage.queue import count_ahead
from storage.submissions import doubt, reject


def test_a_task_is_found_by_our_id_and_by_those_of_its_gateway(ledger: Any) -> None:
    first, second = ledger.open_accepted("17"), ledger.open_accepted("18")
    ledger.do(keep_gateway_id, second.id, "19")
    found = ledger.ask(find_named, [first.id, "17", "18", "19", "20"], ["g"])
    assert {name: task.id for name, task in found.items()} == {
        **{first.id: first.id, "17": first.id, "18": second.id, "19": second.id}
    }
    assert ledger.ask(find_named, ["17"], ["other"]) == {}
    assert ledger.ask(find_named, [], ["g"]) == {}


def test_of_two_tasks_with_one_gateway_id_the_older_is_meant(ledger: Any) -> None:
    older, _ = ledger.open_accepted("17"), ledger.open_accepted("17")
    assert ledger.ask(find_named, ["17"], ["g"])["17"].id == older.id


def test_of_two_gateways_with_one_id_the_earlier_is_meant(ledger: Any) -> None:
    here, there = ledger.open(gateway="g"), ledger.open(gateway="h")
    for task in (here, there):
        ledger.do(keep_gateway_id, task.id, "17")
    assert ledger.ask(find_named, ["17"], ["g", "h"])["17"].id == here.id
    assert ledger.ask(find_named, ["17"], ["h", "g"])["17"].id == there.id


def test_a_page_tells_how_many_there_are_in_all(ledger: Any) -> None:
    tasks = [ledger.open(prompt=f"Cat {number}", state="s") for number in range(5)]
    page = ledger.ask(read_page, state="s", offset=1, limit=2)
    assert ([task.id for task in page.tasks], page.total) == ([tasks[3].id, tasks[2].id], 5)
    assert [task.id for task in ledger.ask(read_page, newest_first=False, limit=1).tasks] == [tasks[0].id]
    assert ledger.ask(read_page, ids=[]) == ([], 0)


def test_a_page_is_searched_by_the_gateways_own_words_too(ledger: Any) -> None:
    task = ledger.open_accepted(prompt="Cat")
    ledger.open(prompt="Cat")
    ledger.record(task, status="FAILURE", fail_reason="任务超时", properties={"action": "EDITS", "promptEn": "A Cat"})
    for wanted in (
        {"action": "EDITS"},
        {"status": ["FAILURE"]},
        {"texts": {"failReason": "超时"}},
        {"texts": {"promptEn": "a cat", "prompt": "CAT"}},
    ):
        assert [each.id for each in ledger.ask(read_page, **wanted).tasks] == [task.id], wanted


def test_the_queue_holds_what_waits_and_what_is_at_work(ledger: Any) -> None:
    refused, doubtful, sending = ledger.open(), ledger.open(), ledger.open()
    ledger.claim()
    ledger.do(reject, ledger.submission(refused).id, reason="no", kind="unknown", answer=None)
    ledger.do(doubt, ledger.submission(doubtful).id, reason="?")
    working, done, waiting = ledger.open_accepted("1"), ledger.open_grid("2"), ledger.open()
    queue = [task.id for task in ledger.ask(list_queue, limit=10)]
    assert queue == [doubtful.id, sending.id, working.id, waiting.id]
    assert done.id not in queue
    assert len(ledger.ask(list_queue, limit=2)) == 2


def test_a_place_in_the_line_counts_those_before_at_the_same_gateway(ledger: Any) -> None:
    ledger.open_accepted("1")
    first, _, third = ledger.open(), ledger.open(gateway="h"), ledger.open()
    assert ledger.ask(count_ahead, ledger.submission(first).id) == 0
    assert ledger.ask(count_ahead, ledger.submission(third).id) == 1
