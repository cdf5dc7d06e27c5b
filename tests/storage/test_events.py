"""Reading events: filters, cursors that skip nothing, and tasks as they were."""

import threading
from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from storage.events import has_ending_since, list_events, make_event_id, read_latest_seq
from storage.gateway_ids import list_silent, mark_asked
from storage.openings import open_click
from storage.submissions import doubt, lose_task, reject

FOREVER = 10**15  # milliseconds; later than any news of these tests

if TYPE_CHECKING:
    from tests.conftest import Ledger


@pytest.fixture(scope="module")
def told(open_shared_ledger: "Callable[..., Ledger]") -> "Ledger":
    """Two chains: a grid (tagged 红) with a click, and one that failed."""
    ledger = open_shared_ledger()
    grid = ledger.open_accepted("g1", state="grid", tags=("红",))
    failed = ledger.open_accepted("g2", state="failed")
    ledger.record(grid, status="IN_PROGRESS", progress=50)
    ledger.record(failed, status="FAILURE", fail_reason="超时")
    ledger.record(grid, status="SUCCESS", progress=100, buttons=ledger.grid)
    child, _ = ledger.do(open_click, grid, ledger.grid[0], origin="api")
    ledger.claim()
    ledger.do(doubt, ledger.submission(child).id, reason="no answer")
    return ledger


def brief(events: list[Any]) -> list[str]:
    return [f"{event.task.state} {event.type.removeprefix('task.')}" for event in events]


TASKS = [
    "grid submitted",
    "failed submitted",
    "grid progressed",
    "failed failed",
    "grid succeeded",
    "grid unknown",
]
EVERYTHING = [*TASKS[:4], "failed chain.settled", TASKS[4], "grid chain.settled", TASKS[5]]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, EVERYTHING),
        ({"after": 4}, EVERYTHING[4:]),
        ({"after": 8}, []),
        ({"after": 1000}, []),
        ({"limit": 3}, EVERYTHING[:3]),
        ({"types": ["task.succeeded", "task.failed"]}, ["failed failed", "grid succeeded"]),
        ({"types": ["task.*"]}, TASKS),
        ({"types": ["chain.*"]}, ["failed chain.settled", "grid chain.settled"]),
        ({"types": ["task.s*"]}, ["grid submitted", "failed submitted", "grid succeeded"]),
        ({"types": ["task"]}, []),
        ({"types": ["TASK.SUCCEEDED"]}, []),
        ({"types": ["task.succeeded' OR 1=1 --"]}, []),
        ({"tag": "红"}, [each for each in EVERYTHING if each.startswith("grid")]),
        ({"tag": "红", "types": ["task.un*"]}, ["grid unknown"]),
        ({"tag": "nobody's"}, []),
    ],
)
def test_filters_narrow_and_combine(told: "Ledger", filters: dict[str, Any], expected: list[str]) -> None:
    assert brief(told.ask(list_events, **filters)[0]) == expected


def test_a_task_and_a_chain_have_their_own_histories(told: "Ledger") -> None:
    (grid,) = {event.task.root_id for event in told.ask(list_events, tag="红")[0]}
    own = ["grid submitted", "grid progressed", "grid succeeded", "grid chain.settled"]
    assert brief(told.ask(list_events, task=grid)[0]) == own
    assert brief(told.ask(list_events, root=grid)[0])[-1] == "grid unknown"


@pytest.mark.parametrize(
    ("query", "horizon"),
    [
        ({}, 8),
        ({"types": ["task.failed"]}, 8),
        ({"types": ["of.the.future"]}, 8),
        ({"limit": 2}, 2),
        ({"types": ["task.submitted"], "limit": 2}, 2),
        ({"types": ["task.failed"], "limit": 1}, 4),
        ({"after": 8}, 8),
        ({"after": 1000}, 1000),
    ],
)
def test_the_horizon_is_how_far_was_looked(told: "Ledger", query: dict[str, Any], horizon: int) -> None:
    assert told.ask(list_events, **query)[1] == horizon


def test_an_event_shows_its_task_as_it_was_then(told: "Ledger") -> None:
    events, _ = told.ask(list_events, tag="红", types=("task.*",))
    shown = [
        (event.task.status, event.task.progress, len(event.task.buttons), event.task.submission) for event in events
    ]
    assert shown == [
        ("NOT_START", None, 0, "accepted"),
        ("IN_PROGRESS", 50, 0, "accepted"),
        ("SUCCESS", 100, 9, "accepted"),
        ("NOT_START", None, 0, "unknown"),
    ]
    assert events[3].data == {"source": "service", "reason": "no answer"}


def test_an_event_looks_the_same_whenever_and_however_it_is_read(told: "Ledger") -> None:
    together, _ = told.ask(list_events)
    alone = [told.ask(list_events, after=seq - 1, limit=1)[0][0] for seq in range(1, 9)]
    assert alone == together
    assert len({event.id for event in together}) == 8


def test_an_events_id_differs_after_a_restored_backup_used_its_seq_again() -> None:
    assert make_event_id(1_800_000_000_000, 7) == make_event_id(1_800_000_000_000, 7)
    assert make_event_id(1_800_000_000_000, 7) != make_event_id(1_800_000_000_001, 7)


def test_an_empty_ledger_has_no_events(ledger: "Ledger") -> None:
    assert ledger.ask(list_events) == ([], 0)
    assert ledger.ask(list_events, after=5) == ([], 5)
    assert ledger.ask(read_latest_seq) == 0


def test_an_ending_at_a_gateway_is_noticed_and_a_refusal_is_none(ledger: "Ledger") -> None:
    begun, refused, other = ledger.open_accepted("g1"), ledger.open(), ledger.open_accepted("g2", gateway="other")
    ledger.claim()
    since = ledger.ask(read_latest_seq)
    ledger.do(reject, ledger.submission(refused).id, reason="full", kind="gateway", answer=None)
    ledger.record(begun, status="IN_PROGRESS", progress=1)
    ledger.record(other, status="SUCCESS", progress=100)
    assert not ledger.ask(has_ending_since, "g", since)
    ledger.record(begun, status="CANCEL")
    assert ledger.ask(has_ending_since, "g", since)
    assert not ledger.ask(has_ending_since, "g", ledger.ask(read_latest_seq))


@pytest.mark.parametrize("types", [(), ("task.succeeded",), ("task.s*", "task.lost")])
def test_a_cursor_skips_and_repeats_nothing_while_others_write(ledger: "Ledger", types: tuple[str, ...]) -> None:
    """A reader pages with a filter, as fast as it can, from before the first event to after the last."""
    tasks = [ledger.open_accepted(f"g{number}") for number in range(60)]

    def write(mine: list[Any]) -> None:
        for step in ("IN_PROGRESS", "SUCCESS"):
            for task in mine:
                ledger.record(task, status=step, progress=100)
        for task in mine[:3]:
            ledger.do(lose_task, task.id, reason="it ended: nothing happens", silent_since=FOREVER)

    threads = [threading.Thread(target=write, args=(tasks[number::3],)) for number in range(3)]
    seen: list[int] = []
    cursor = 0
    for thread in threads:
        thread.start()
    while True:
        alive = any(thread.is_alive() for thread in threads)
        events, horizon = ledger.ask(list_events, after=cursor, types=types, limit=5)
        seen += [event.seq for event in events]
        assert horizon >= cursor
        if not alive and not events and horizon == cursor:
            break
        cursor = horizon
    everything, _ = ledger.ask(list_events, types=types, limit=10_000)
    assert seen == [event.seq for event in everything]
    assert len(seen) == {(): 240, ("task.succeeded",): 60}.get(types, 120)


class TestSilence:
    """Which tasks their gateways should be asked about."""

    @staticmethod
    def silent(ledger: "Ledger", **options: Any) -> list[str]:
        base = {"gateway": "g", "now": ledger.store.now(), "silent_after": 30_000, "longest": 300_000, "limit": 10}
        return [each.task_id for each in ledger.ask(list_silent, **base | options)]

    def test_what_waits_for_a_gateway_is_asked_about_after_its_silence(self, ledger: "Ledger") -> None:
        planned, sending = ledger.open(gateway="other"), ledger.open(gateway="other")
        accepted, ended = ledger.open_accepted("g1"), ledger.open_grid("g2")
        doubtful = ledger.open()
        ledger.do(lambda tx: tx.execute("UPDATE submissions SET state = 'sending' WHERE state = 'planned'").rowcount)
        ledger.do(doubt, ledger.submission(doubtful).id, reason="no answer")
        ledger.clock.now += 29.999
        assert self.silent(ledger) == []
        ledger.clock.now += 0.001
        assert set(self.silent(ledger)) == {accepted.id, doubtful.id}
        assert not {planned.id, sending.id, ended.id} & set(self.silent(ledger))
        assert self.silent(ledger, gateway="other") == []

    def test_news_put_the_question_off_and_an_ending_ends_it(self, ledger: "Ledger") -> None:
        task = ledger.open_accepted()
        ledger.clock.now += 30
        ledger.record(task, status="IN_PROGRESS", progress=1)
        assert self.silent(ledger) == []
        ledger.clock.now += 30
        assert self.silent(ledger) == [task.id]
        ledger.record(task, status="SUCCESS", progress=100)
        ledger.clock.now += 10**6
        assert self.silent(ledger) == []

    def test_the_longer_it_is_silent_the_rarer_it_is_asked(self, ledger: "Ledger") -> None:
        task = ledger.open_accepted()
        asked = []
        for _ in range(400):
            ledger.clock.now += 10
            if self.silent(ledger):
                asked.append(int(ledger.clock.now - 1_800_000_000))
                ledger.do(mark_asked, [task.id])
        gaps = [later - earlier for earlier, later in pairwise(asked)]
        assert (asked[0], gaps[0]) == (30, 30)
        assert gaps == sorted(gaps)
        assert gaps[-1] == 300

    def test_what_was_lost_is_left_alone_until_it_revives(self, ledger: "Ledger") -> None:
        task = ledger.open_accepted()
        ledger.do(lose_task, task.id, reason="silence", silent_since=FOREVER)
        ledger.clock.now += 10**5
        ledger.do(mark_asked, [task.id])
        assert self.silent(ledger) == []
        ledger.record(task, status="IN_PROGRESS", progress=1)
        ledger.clock.now += 30
        assert self.silent(ledger) == [task.id]

    def test_what_a_clock_wrote_that_stepped_back_is_asked_about(self, ledger: "Ledger") -> None:
        task = ledger.open_accepted()
        ledger.clock.now -= 10**5
        assert self.silent(ledger) == [task.id]
        ledger.do(mark_asked, [task.id])
        assert self.silent(ledger) == [], "by the clock of now it was asked about just now"
        ledger.clock.now += 30
        assert self.silent(ledger) == [task.id]

    def test_a_look_that_began_earlier_asks_about_nothing_twice(self, ledger: "Ledger") -> None:
        task = ledger.open_accepted()
        began = ledger.store.now()
        look = {"before": began, "silent_after": 0, "longest": 0}
        assert self.silent(ledger, **look) == [task.id]
        ledger.clock.now += 1
        ledger.do(mark_asked, [task.id])
        assert self.silent(ledger, **look) == []
        ledger.clock.now += 10
        assert self.silent(ledger, **look) == []
