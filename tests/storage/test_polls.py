"""Questions made, and questions avoided."""

from typing import TYPE_CHECKING

import pytest

from storage.adoption import adopt
from storage.ledger import record
from storage.polls import STALE, Polls, tally_polls
from storage.records import Progress

if TYPE_CHECKING:
    from tests.conftest import Ledger


def tally(ledger: "Ledger", made: int = 0, gateway: str = "g") -> Polls:
    polls: Polls = ledger.do(tally_polls, gateway, made)
    return polls


def test_counting_begins_now_whatever_the_ledger_holds(ledger: "Ledger") -> None:
    ledger.open_grid()
    assert tally(ledger, 2) == Polls(2, 0)
    assert tally(ledger) == Polls(2, 0), "it was written down"


@pytest.mark.parametrize(("seconds", "questions"), [(0, 1), (0.1, 1), (5, 1), (5.001, 2), (61, 13)])
def test_a_plain_poller_asks_every_five_seconds_and_at_least_once(
    ledger: "Ledger", seconds: float, questions: int
) -> None:
    tally(ledger)
    task = ledger.open_accepted()
    ledger.clock.now += seconds
    ledger.record(task, status="SUCCESS", progress=100)
    assert tally(ledger, 1) == Polls(1, questions)
    assert tally(ledger) == Polls(1, questions), "an ending counts once"


def test_each_gateway_is_counted_for_itself_and_an_ending_however_it_came(ledger: "Ledger") -> None:
    tally(ledger)
    tally(ledger, 3, "h")
    ledger.open_grid("g1")
    asked = ledger.open_accepted("g2")
    ledger.do(record, asked.id, None, Progress(status="FAILURE"), "fetch")
    assert tally(ledger, 1) == Polls(1, 2)
    assert tally(ledger, 1, "h") == Polls(4, 0)


def test_what_others_submitted_saves_no_question_of_ours(ledger: "Ledger") -> None:
    tally(ledger)
    working = Progress(gateway_id="17", status="IN_PROGRESS", progress=3)
    task, _ = ledger.do(adopt, "g", "17", working, submitted_at=1_600_000_000_000)
    ledger.do(record, task.id, None, Progress(gateway_id="17", status="SUCCESS", progress=100), "fetch")
    assert tally(ledger, 1) == Polls(1, 0)


def test_what_was_avoided_is_never_less_than_nothing() -> None:
    assert (Polls(3, 10).avoided, Polls(10, 3).avoided) == (7, 0)


def test_the_events_of_others_are_not_looked_at_again_for_ever(ledger: "Ledger") -> None:
    tally(ledger)
    ledger.open_grid()
    tally(ledger, 0, "h")
    ledger.do(lambda tx: tx.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'events'", (2 * STALE,)) and None)
    ledger.open_accepted("g2")
    tally(ledger, 0, "h")
    assert ledger.sql("SELECT seq FROM polls WHERE gateway = 'h'")[0][0] > STALE
