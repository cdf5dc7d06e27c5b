"""All gateways at a glance: what each has of ours, whether it rests, how its hooks do."""

from collections.abc import Mapping, Sequence

import msgspec

from service.gateways.health import Health
from service.gateways.presets import Gateway
from service.gateways.roster import Roster
from service.gateways.submitter import Submitter
from service.gateways.watch import HookWatch
from storage.polls import Polls
from storage.queue import count_outstanding, count_waiting
from storage.store import Store


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway at this moment."""

    gateway: Gateway
    groups: Sequence[str]  # that it belongs to
    outstanding: int  # tasks that it has of ours
    waiting: int  # submissions that are planned for it
    resting_until: int | None  # milliseconds; it was full, and is left alone until then
    health: Health
    last_callback_at: int | None  # milliseconds; the last one that brought news
    polls: Polls


class Board:
    """Looks at every gateway of a roster."""

    def __init__(
        self, store: Store, roster: Roster, submitters: Mapping[str, Submitter], watches: Mapping[str, HookWatch]
    ) -> None:
        self._store = store
        self._roster = roster
        self._submitters = submitters
        self._watches = watches

    async def look(self) -> list[Standing]:
        """How each stands, the default one first."""
        return [await self._look_at(gateway) for gateway in self._roster.gateways]

    async def _look_at(self, gateway: Gateway) -> Standing:
        watch = self._watches[gateway.name]
        return Standing(
            gateway=gateway,
            groups=[group for group, members in self._roster.groups.items() if gateway.name in members],
            outstanding=await self._store.read(count_outstanding, gateway.name),
            waiting=await self._store.read(count_waiting, gateway.name),
            resting_until=self._submitters[gateway.name].resting_until,
            health=await watch.judge(),
            last_callback_at=await watch.read_last_callback(),
            polls=await watch.count_polls(),
        )
