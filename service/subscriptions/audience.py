"""Who wants an event: the standing subscriptions, made ready for it once whenever one of them changes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from hooks.envelope import suits
from service.rules.match import Match
from service.rules.shelf import Shelf
from service.rules.subject import Subject
from service.subscriptions.match import read_filter
from service.written.mistakes import MistakesFound
from storage.audience import fits
from storage.records import EVENT_TYPES, JSON, Chain, Task
from storage.records_of_deliveries import Subscription

EVERY_TASK: Final = Match()

log = structlog.get_logger("ringback.subscriptions")


@dataclass(frozen=True, kw_only=True, slots=True)
class Seat:
    """One subscription, for one type of events."""

    on: str
    match: Match
    filtered: bool  # it has a match, so that what is about no task is not for it
    subscription: Subscription


class Seating:
    """The Audience of `storage.audience`. It decides within the ledger's transactions: whatever happens, it answers."""

    def __init__(self, seats: Sequence[Seat]) -> None:
        self._shelf = Shelf(seats)
        self._told: set[str] = set()  # subscriptions whose match fails, told of once

    def listens(self, event_type: str) -> bool:
        """Whether anybody may want events of this type."""
        return event_type in self._shelf.events

    def choose(self, event_type: str, task: Task | None, chain: Chain | None) -> Sequence[Subscription]:
        """Those who want this event about a task, as it is after it; `chain` comes with `chain.settled`."""
        seats = self._shelf.find(event_type, "" if task is None else task.action)
        if task is None:
            return [seat.subscription for seat in seats if not seat.filtered]
        subject = Subject(task, chain)
        return [seat.subscription for seat in seats if not seat.filtered or self._lets_pass(seat, subject)]

    def _lets_pass(self, seat: Seat, subject: Subject) -> bool:
        try:
            return seat.match.matches(subject)
        except Exception as error:  # a filter's fault must not cost a callback
            subscription = seat.subscription.id
            if subscription not in self._told:
                self._told.add(subscription)
                log.exception("filter failed", subscription=subscription, why=type(error).__name__)
            return False


def assemble(subscriptions: Sequence[Subscription]) -> Seating:
    """The Audience of these subscriptions, in their order.

    One whose `match` cannot be read any more, since it was kept by another version, lets nothing pass and is told of.
    """
    seats: list[Seat] = []
    for subscription in subscriptions:
        match = _read(subscription.id, subscription.match)
        if match is not None:
            seats += [
                Seat(on=event_type, match=match, filtered=subscription.match is not None, subscription=subscription)
                for event_type in EVENT_TYPES
                if fits(subscription.events, event_type) and suits(subscription.format, event_type, has_task=True)
            ]
    return Seating(seats)


def _read(subscription: str, match: JSON | None) -> Match | None:
    if match is None:
        return EVERY_TASK
    try:
        return read_filter(match)
    except MistakesFound as error:
        log.error(
            "filter refused",
            subscription=subscription,
            mistakes=str(error),
            why="it lets nothing pass; give the subscription a match that can be read",
        )
        return None
