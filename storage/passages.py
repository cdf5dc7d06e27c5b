"""Reading on in the events: what comes after a `seq`, and whether something between was missed."""

import sqlite3
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, Literal, NamedTuple

import msgspec

from storage.events import iter_matching, snapshot
from storage.records import Event


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for is not there: events are missing between `after` and those that follow `next`."""

    after: int  # the `seq` that was asked for
    next: int  # the `seq` after which reading goes on
    reason: Literal["removed", "restored"]  # events after it were cleared away; or an older ledger was put back


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """Events after a `seq`, as they go out."""

    gap: Gap | None  # before the events
    events: list[bytes]
    next: int  # up to this `seq` everything has been looked at
    more: bool  # there may be more to read at once


class Span(NamedTuple):
    """The events that there are."""

    first: int  # the `seq` of the oldest one; that of the next one where there is none
    last: int  # the highest `seq` ever given out


def read_span(db: sqlite3.Connection) -> Span:
    """Give the span of the events that there are."""
    oldest, newest = db.execute(
        "SELECT (SELECT min(seq) FROM events), (SELECT seq FROM sqlite_sequence WHERE name = 'events')"
    ).fetchone()
    last = newest or 0
    return Span(first=last + 1 if oldest is None else oldest, last=last)


def find_gap(span: Span, after: int) -> Gap | None:
    """Give what is missing when one reads on after a `seq`."""
    if after > span.last:
        return Gap(after=after, next=span.last, reason="restored")
    if after < span.first - 1:
        return Gap(after=after, next=span.first - 1, reason="removed")
    return None


def read_passage(
    db: sqlite3.Connection,
    write: Callable[[Event], bytes],
    filters: Mapping[str, Any],
    *,
    after: int | None,
    limit: int,
    size: int = sys.maxsize,
) -> Passage:
    """Give up to `limit` events after a `seq`, each as `write` gives it; None begins with the oldest that there is.

    Events may be large: no further one is read once those written have `size` bytes. `filters` are those of
    `storage.events.iter_matching`.
    """
    events: list[bytes] = []
    length = 0
    with snapshot(db):
        span = read_span(db)
        gap = None if after is None else find_gap(span, after)
        start = span.first - 1 if after is None else after if gap is None else gap.next
        with closing(iter_matching(db, after=start, limit=limit, **filters)) as matching:
            for event in matching:
                events.append(written := write(event))
                length += len(written)
                if len(events) == limit or length >= size:
                    return Passage(gap=gap, events=events, next=event.seq, more=True)
    return Passage(gap=gap, events=events, next=span.last, more=False)
