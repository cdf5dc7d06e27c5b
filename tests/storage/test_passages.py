"""Reading on in the events: gaps are told, passages are bounded, and nothing between two of them is left out."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.events import append_event
from storage.passages import Gap, Span, find_gap, read_passage, read_span
from storage.records import RULE_PAUSED, Event

if TYPE_CHECKING:
    from tests.conftest import Ledger


def write(event: Event) -> bytes:
    return str(event.seq).encode()


def happen(ledger: "Ledger") -> None:
    ledger.do(append_event, None, RULE_PAUSED, "service", {})


def read_on(ledger: "Ledger", after: int | None, *, limit: int = 100, **options: Any) -> Any:
    return ledger.ask(read_passage, write, options.pop("filters", {}), after=after, limit=limit, **options)


@pytest.fixture
def told(ledger: "Ledger") -> "Ledger":
    """Six events."""
    for _ in range(6):
        happen(ledger)
    return ledger


def clear(ledger: "Ledger", seq: int) -> None:
    ledger.do(lambda tx: tx.execute("DELETE FROM events WHERE seq <= ?", (seq,)))


def test_an_empty_ledger_has_nothing_to_tell_and_no_gap(ledger: "Ledger") -> None:
    assert ledger.ask(read_span) == Span(first=1, last=0)
    for after in (None, 0):
        passage = read_on(ledger, after)
        assert (passage.gap, passage.events, passage.next, passage.more) == (None, [], 0, False)
    assert read_on(ledger, 1).gap == Gap(after=1, next=0, reason="restored")


@pytest.mark.parametrize(
    ("after", "gap", "events"),
    [
        (None, None, [b"4", b"5", b"6"]),
        (0, Gap(after=0, next=3, reason="removed"), [b"4", b"5", b"6"]),
        (2, Gap(after=2, next=3, reason="removed"), [b"4", b"5", b"6"]),
        (3, None, [b"4", b"5", b"6"]),
        (5, None, [b"6"]),
        (6, None, []),
        (7, Gap(after=7, next=6, reason="restored"), []),
    ],
)
def test_what_was_removed_and_what_never_was_are_told(
    told: "Ledger", after: int | None, gap: Gap | None, events: list[bytes]
) -> None:
    clear(told, 3)
    passage = read_on(told, after)
    assert (passage.gap, passage.events, passage.next, passage.more) == (gap, events, 6, False)


def test_a_ledger_whose_events_are_all_gone_still_knows_the_last(told: "Ledger") -> None:
    clear(told, 6)
    assert told.ask(read_span) == Span(first=7, last=6)
    assert read_on(told, 6).gap is None
    assert read_on(told, 5).gap == Gap(after=5, next=6, reason="removed")
    happen(told)
    assert read_on(told, 6).events == [b"7"]


@given(first=st.integers(1, 50), length=st.integers(0, 50), after=st.integers(0, 120))
def test_after_a_gap_there_is_none(first: int, length: int, after: int) -> None:
    span = Span(first=first, last=first + length - 1)
    gap = find_gap(span, after)
    assert (gap is None) == (span.first - 1 <= after <= span.last)
    assert gap is None or find_gap(span, gap.next) is None


def test_a_passage_ends_where_it_is_large_enough(told: "Ledger") -> None:
    passage = read_on(told, None, size=2)
    assert (passage.events, passage.next, passage.more) == ([b"1", b"2"], 2, True)
    assert read_on(told, 2, size=1000).events == [b"3", b"4", b"5", b"6"]


def test_what_filters_hide_is_passed_over(told: "Ledger") -> None:
    passage = read_on(told, 0, filters={"types": ("task.failed",)})
    assert (passage.events, passage.next, passage.more) == ([], 6, False)


@given(limit=st.integers(1, 7), size=st.integers(1, 7), data=st.data())
def test_passages_put_together_are_the_whole(shared: "Ledger", limit: int, size: int, data: st.DataObject) -> None:
    after: int | None = data.draw(st.none() | st.integers(0, 6))
    expected = list(range((after or 0) + 1, 7))
    found: list[int] = []
    more = True
    while more:
        passage = read_on(shared, after, limit=limit, size=size)
        found += map(int, passage.events)
        after, more = passage.next, passage.more
    assert (found, after) == (expected, 6)


@pytest.fixture(scope="module")
def shared(open_shared_ledger: "Callable[..., Ledger]") -> "Ledger":
    """Six events, which no test changes."""
    ledger = open_shared_ledger()
    for _ in range(6):
        happen(ledger)
    return ledger
