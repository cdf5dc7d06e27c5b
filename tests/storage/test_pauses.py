"""A pause of everything stops every paid POST; one of a rule is news."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from storage.events import list_events
from storage.pauses import EVERYTHING, Pause, is_paused, list_pauses, pause, resume
from storage.queue import read_next_due
from storage.store import Store

if TYPE_CHECKING:
    from tests.conftest import Ledger


def test_while_everything_is_paused_nothing_is_taken_or_due(ledger: "Ledger") -> None:
    task = ledger.open()
    assert ledger.do(pause, EVERYTHING, origin="cli", detail="周末")
    assert ledger.claim() == []
    now = ledger.store.now()
    assert ledger.ask(read_next_due, now=now) is None
    assert ledger.ask(read_next_due, "g", now=now, groups=("all",)) is None
    assert ledger.ask(list_pauses) == [Pause(scope="*", since=now, origin="cli", detail="周末")]
    assert ledger.do(resume, EVERYTHING)
    assert ledger.ask(read_next_due, now=now) == now
    assert [claim.task.id for claim in ledger.claim()] == [task.id]


def test_pausing_and_resuming_twice_is_once(ledger: "Ledger") -> None:
    assert [ledger.do(pause, "cats", origin=origin) for origin in ("cli", "api")] == [True, False]
    assert ledger.ask(list_pauses)[0].origin == "cli"
    assert [ledger.do(resume, "cats") for _ in range(2)] == [True, False]
    assert ledger.ask(list_pauses) == []
    assert len(ledger.ask(list_events)[0]) == 1


def test_a_rule_that_a_person_pauses_is_news_about_no_task(ledger: "Ledger") -> None:
    task = ledger.open_accepted(tags=("红",))
    ledger.do(pause, "cats", origin="api", detail="too many")
    assert ledger.ask(is_paused, "cats")
    assert not ledger.ask(is_paused, EVERYTHING)
    *_, event = ledger.ask(list_events)[0]
    assert (event.type, event.task) == ("rule.paused", None)
    assert event.data == {"source": "service", "rule": "cats", "origin": "api", "detail": "too many"}
    for filters in ({"task": task.id}, {"root": task.id}, {"tag": "红"}):
        assert [each.type for each in ledger.ask(list_events, **filters)[0]] == ["task.submitted"]
    assert ledger.claim() == []
    ledger.open()
    assert len(ledger.claim()) == 1, "one rule's pause stops no submission"


def test_a_pause_of_everything_is_no_news_about_a_rule(ledger: "Ledger") -> None:
    ledger.do(pause, EVERYTHING, origin="cli")
    assert ledger.ask(list_events)[0] == []


@pytest.mark.parametrize("opened_while_paused", [False, True])
def test_a_pause_takes_nothing_from_the_day_that_a_submission_may_wait(
    ledger: "Ledger", opened_while_paused: bool
) -> None:
    if opened_while_paused:
        ledger.do(pause, EVERYTHING, origin="cli")
        ledger.clock.now += 500
    task = ledger.open()
    if not opened_while_paused:
        ledger.clock.now += 700
        ledger.do(pause, EVERYTHING, origin="cli")
    before = ledger.submission(task).expires_at
    ledger.clock.now += 1000
    ledger.do(resume, EVERYTHING)
    assert ledger.submission(task).expires_at == before + 1_000_000


def test_a_clock_that_steps_back_while_all_is_paused_takes_nothing_from_that_day(ledger: "Ledger") -> None:
    ledger.do(pause, EVERYTHING, origin="cli")
    task = ledger.open()
    before = ledger.submission(task).expires_at
    ledger.clock.now -= 3600
    ledger.do(resume, EVERYTHING)
    assert ledger.submission(task).expires_at == before


def test_pauses_outlive_a_restart(ledger: "Ledger", open_ledger: "Callable[..., Ledger]") -> None:
    ledger.do(pause, EVERYTHING, origin="cli")
    ledger.store.close()
    again = open_ledger()
    again.open()
    assert again.claim() == []


def test_resuming_wakes_the_submitters(tmp_path: Path) -> None:
    async def wake() -> bool:
        store = Store(tmp_path / "ringback.db")
        store.start(asyncio.get_running_loop())
        try:
            await store.write(pause, EVERYTHING, origin="cli")
            with store.bell.listen("submissions") as listener:
                await store.write(resume, EVERYTHING)
                return await listener.wait(10)
        finally:
            store.close()

    assert asyncio.run(wake())


def test_the_fuse_may_blow_under_a_root_of_which_nothing_was_told_yet(ledger: "Ledger") -> None:
    root = ledger.open(tags=("红",))
    ledger.do(pause, "cats", origin="fuse", root_id=root.id)
    (event,) = ledger.ask(list_events)[0]
    assert (event.type, event.task) == ("rule.paused", root)
