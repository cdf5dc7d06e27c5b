"""Who of the standing subscriptions wants an event: decided by the service, and kept until one of them changes."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Protocol

import structlog

from storage.records import Chain, Task
from storage.records_of_deliveries import Subscription

log = structlog.get_logger("ringback.subscriptions")


class Audience(Protocol):
    """Every standing subscription that is active or disabled. Pure; it never raises."""

    def listens(self, event_type: str) -> bool:
        """Whether anybody may want events of this type; most events end here, so it must cost next to nothing."""

    def choose(self, event_type: str, task: Task | None, chain: Chain | None) -> Sequence[Subscription]:
        """Who wants this event; `task` is as the event shows it, `chain` is that of a `chain.settled`."""


Assemble = Callable[[Sequence[Subscription]], Audience]


def fits(patterns: Sequence[str], event_type: str) -> bool:
    """Whether an event's type is among types and wildcards such as `task.*`."""
    return any(fnmatchcase(event_type, pattern) for pattern in patterns)


class Plain:
    """The audience by types alone, without those that want to look at the task: what is left where that cannot be."""

    def __init__(self, subscriptions: Sequence[Subscription]) -> None:
        self._subscriptions = [each for each in subscriptions if each.match is None]

    def listens(self, event_type: str) -> bool:
        """Whether anybody's types fit."""
        return bool(self.choose(event_type, None, None))

    def choose(self, event_type: str, task: Task | None, chain: Chain | None) -> Sequence[Subscription]:  # noqa: ARG002
        """Everybody whose types fit."""
        return [each for each in self._subscriptions if fits(each.events, event_type)]


class Audiences:
    """The audience in force, put together anew when the ledger has another version of it.

    That version is a random number, set in the transaction of each change: a change that is undone was none. Belongs to
    the writer's thread. An audience that raises all the same must not cost a callback, nor the others their deliveries.
    """

    def __init__(self, assemble: Assemble | None) -> None:
        self._assemble = assemble
        self._version: int | None = None
        self._plain: Audience = Plain(())
        self._audience: Audience = self._plain

    def refresh(self, version: int, read: Callable[[], Sequence[Subscription]]) -> None:
        """Be the audience of the version that the ledger has now; `read` gives its standing subscriptions."""
        if version == self._version:
            return
        subscriptions = read() if self._assemble is not None else ()
        self._plain = self._audience = Plain(subscriptions)
        if self._assemble is not None:
            try:
                self._audience = self._assemble(subscriptions)
            except Exception:
                log.exception("subscriptions cannot be read; those with a match hear nothing")
        self._version = version

    def listens(self, event_type: str) -> bool:
        """Whether anybody may want events of this type."""
        return self._audience.listens(event_type)

    def choose(self, event_type: str, task: Task | None, chain: Chain | None) -> Sequence[Subscription]:
        """Who wants this event."""
        try:
            return self._audience.choose(event_type, task, chain)
        except Exception:
            log.exception("subscriptions cannot be asked; those with a match do not hear of this", on=event_type)
            return self._plain.choose(event_type, task, chain)
