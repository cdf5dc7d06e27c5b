"""Deferred firings are taken up when they are due."""

import asyncio

import pytest

from service.rules.deferrals import LONGEST_NAP, Deferrals

RETRY = "id: again, on: task.failed, attempts: {max: 2, backoff: [30s]}, do: [{resubmit: {}}]"


@pytest.fixture
def take_up(run_async):
    """A step of the worker; gives the seconds until the next one."""
    return lambda ledger: run_async(_step(ledger))


async def _step(ledger):
    return await Deferrals(Awaited(ledger.store)).take_up()


class Awaited:
    """A store that was started without a loop, for one that is running now."""

    def __init__(self, store):
        self.now = store.now
        self.write = lambda verb: asyncio.wrap_future(store.submit(verb))


def fail(ledger):
    task = ledger.open_accepted()
    ledger.record(task, status="FAILURE", fail_kind="timeout", fail_reason="x")
    return task


def test_without_any_the_bell_is_waited_for(ledger, take_up):
    assert take_up(ledger) is None


def test_what_waits_is_taken_up_when_it_is_due(open_ledger, reactor, take_up):
    ledger = open_ledger(react=reactor(RETRY))
    task = fail(ledger)
    assert take_up(ledger) == pytest.approx(30)
    assert ledger.firings(task)[0].outcome == "deferred"
    ledger.clock.now += 30
    assert take_up(ledger) is None
    (firing,) = ledger.firings(task)
    assert firing.outcome == "fired"
    assert firing.actions[0]["result"] == "opened"


def test_it_looks_at_the_clock_now_and_then(open_ledger, reactor, take_up):
    ledger = open_ledger(react=reactor(RETRY.replace("30s", "5m")))
    fail(ledger)
    assert take_up(ledger) == LONGEST_NAP
