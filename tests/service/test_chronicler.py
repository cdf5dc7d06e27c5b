"""What the log tells of the ledger."""

from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from service.chronicler import PAGE, Chronicler
from storage.deferrals import resume_due
from storage.pauses import pause
from storage.submissions import lose_task, reject


@pytest.fixture
def chronicle(run_async):
    """Runs a chronicler over a ledger: what was there before `happen` is no news; gives the lines about the rest."""

    def tell(ledger, happen):
        async def scenario():
            chronicler = Chronicler(ledger.store, gathering=0)
            await chronicler.begin()
            happen()
            with capture_logs() as lines:
                await chronicler.tell()
                await chronicler.tell()
            return lines

        return run_async(scenario())

    return tell


def stamp(seconds):
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def test_an_ending_is_one_line_with_its_source_and_how_long_it_took(ledger, chronicle):
    told_before, task = ledger.open_grid("g0"), ledger.open_accepted("g1")

    def happen():
        ledger.clock.now += 8.25
        ledger.record(task, status="IN_PROGRESS", progress=50)
        ledger.record(task, status="SUCCESS", progress=100)
        ledger.record(told_before, status="SUCCESS", progress=100)

    ended, settled = chronicle(ledger, happen)
    assert [ended] == [
        {
            "event": "ended", "log_level": "info", "timestamp": stamp(ledger.clock.now),
            "task": task.id, "gateway": "g", "action": "IMAGINE",
            "status": "SUCCESS", "by": "callback", "took_ms": 8250,
        }
    ]  # fmt: skip
    assert settled["event"] == "chain settled"


def test_a_line_carries_the_time_of_what_it_tells_and_not_of_its_writing(ledger, chronicle):
    task, then = ledger.open_accepted("g1"), ledger.clock.now

    def happen():
        ledger.record(task, status="SUCCESS", progress=100)
        ledger.clock.now += 5

    assert {line["timestamp"] for line in chronicle(ledger, happen)} == {stamp(then)}


def test_a_refusal_and_a_loss_say_why(ledger, chronicle):
    refused, lost = ledger.open(), ledger.open_accepted("g2")

    def happen():
        ledger.do(reject, ledger.submission(refused).id, reason="banned 词", kind="moderation", answer=None)
        ledger.do(lose_task, lost.id, reason="Its gateway does not know it any more.", silent_since=10**14)

    failure, loss = (line for line in chronicle(ledger, happen) if line["event"] != "chain settled")
    assert (failure["status"], failure["by"], failure["why"]) == ("FAILURE", "submit", "banned 词")
    assert (loss["event"], loss["log_level"], loss["by"]) == ("lost", "warning", "service")
    assert loss["why"] == "Its gateway does not know it any more."


def test_a_rule_that_fires_is_a_line_and_so_is_one_that_is_blocked(open_ledger, reactor, chronicle):
    ledger = open_ledger(react=reactor("id: two, on: task.succeeded, match: {action: IMAGINE}, do: [click: [U1, U2]]"))
    full, bare = ledger.open_accepted("g1"), ledger.open_accepted("g2")

    def happen():
        ledger.record(full, status="SUCCESS", progress=100, buttons=ledger.grid)
        ledger.record(bare, status="SUCCESS", progress=100, buttons=ledger.grid[4:])

    *endings, fired, blocked = chronicle(ledger, happen)
    follow_ups = ",".join(child.id for child in ledger.children(full))
    assert fired == {
        "event": "rule fired", "log_level": "info", "timestamp": stamp(ledger.clock.now),
        "task": full.id, "rule": "two", "actions": "click U1,click U2",
        "follow_ups": follow_ups,
    }  # fmt: skip
    assert (blocked["event"], blocked["task"], blocked["rule"]) == ("rule blocked", bare.id, "two")
    assert "no button" in blocked["why"]
    assert [line["event"] for line in endings] == ["ended", "ended", "chain settled"]


def test_more_than_a_page_of_news_is_told_once_each(ledger, chronicle):
    tasks = [ledger.open_accepted(f"g{number}") for number in range(PAGE + 3)]

    def happen():
        for task in tasks:
            ledger.record(task, status="SUCCESS", progress=100)

    lines = chronicle(ledger, happen)
    assert [line["task"] for line in lines if line["event"] == "ended"] == [task.id for task in tasks]
    assert [line["root"] for line in lines if line["event"] == "chain settled"] == [task.id for task in tasks]


def test_a_chain_that_has_settled_is_a_line_with_what_became_of_it(open_ledger, reactor, chronicle):
    ledger = open_ledger(react=reactor("id: two, on: task.succeeded, match: {action: IMAGINE}, do: [click: [U1, U2]]"))
    root = ledger.open_grid()
    first, second = ledger.children(root)
    ledger.claim()

    def happen():
        ledger.record(first, status="SUCCESS", progress=100)
        ledger.record(second, status="FAILURE", fail_kind="timeout")

    (line,) = (line for line in chronicle(ledger, happen) if line["event"] == "chain settled")
    assert line == {
        "event": "chain settled", "log_level": "info", "timestamp": stamp(ledger.clock.now),
        "root": root.id, "succeeded": 2, "failed": 1,
    }  # fmt: skip


def test_a_rule_that_waits_is_a_line_and_so_is_what_becomes_of_it(open_ledger, reactor, chronicle):
    again = "id: again, on: task.failed, attempts: {max: 1, backoff: [30s]}, do: [{resubmit: {}}]"
    ledger = open_ledger(react=reactor(again))
    waits_already, task = ledger.open_accepted("g0"), ledger.open_accepted("g1")
    ledger.record(waits_already, status="FAILURE", fail_kind="timeout")
    ledger.clock.now += 10

    def happen():
        ledger.record(task, status="FAILURE", fail_kind="timeout")

    _, deferred = chronicle(ledger, happen)
    assert (deferred["event"], deferred["task"], deferred["rule"]) == ("rule deferred", task.id, "again")
    assert deferred["until"] == stamp(ledger.clock.now + 30)

    def wait():
        ledger.clock.now += 20
        ledger.do(resume_due)

    (fired,) = chronicle(ledger, wait)
    assert (fired["event"], fired["task"]) == ("rule fired", waits_already.id)
    assert (fired["timestamp"], fired["actions"]) == (stamp(ledger.clock.now), "resubmit")
    assert fired["follow_ups"] in {row[0] for row in ledger.sql("SELECT id FROM tasks WHERE retry_of IS NOT NULL")}


def test_a_rule_that_is_paused_is_a_warning_and_so_is_what_it_does_not_do(open_ledger, reactor, chronicle):
    ledger = open_ledger(react=reactor("id: one, on: task.succeeded, match: {action: IMAGINE}, do: [click: U1]"))

    def happen():
        ledger.do(pause, "one", origin="cli", detail="too dear")
        ledger.open_grid()

    lines = chronicle(ledger, happen)
    paused, blocked = lines[0], lines[-1]
    assert paused == {
        "event": "rule paused", "log_level": "warning", "timestamp": stamp(ledger.clock.now),
        "rule": "one", "by": "cli", "why": "too dear",
    }  # fmt: skip
    assert (blocked["event"], blocked["rule"]) == ("rule blocked", "one")
