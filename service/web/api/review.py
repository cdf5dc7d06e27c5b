"""What rules did lately and what of it is not done yet, whether they are in the file or not."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from hooks.envelope import format_time
from service.web.api.pauses import Outstanding, PauseState, show_pause
from storage.pauses import EVERYTHING, Pause, list_pauses
from storage.store import Store
from storage.tallies import Tally, count_outstanding, read_last_firings, tally_firings

DAY: Final = 24 * 3600 * 1000  # milliseconds for which firings are counted


class Lately(msgspec.Struct, frozen=True, kw_only=True):
    """How a rule decided in the last 24 hours."""

    fired: int
    deferred: int  # they still wait
    blocked: Mapping[str, int]  # by reason


class Doings(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule did and does; the id `then` stands for tasks' own lists."""

    id: str
    paused: bool
    pause: PauseState | None  # since when, by whom and why
    last_24h: Lately
    last_fired_at: str | None
    outstanding: Outstanding


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What the ledger says of every rule."""

    tallies: Sequence[Tally]
    fired: Mapping[str, int]  # when each rule fired last (ms)
    outstanding: Mapping[str, tuple[int, int]]  # by rule: tasks that were not sent, firings that wait
    pauses: Sequence[Pause]

    @property
    def all_paused(self) -> bool:
        """Whether every paid submission stands still."""
        return any(each.scope == EVERYTHING for each in self.pauses)

    @property
    def active(self) -> set[str]:
        """The rules that did something lately, that have something to do, or that are paused."""
        paused = {each.scope for each in self.pauses} - {EVERYTHING}
        return paused | self.outstanding.keys() | {each.rule for each in self.tallies}

    def show(self, rule: str) -> Doings:
        """Give what one rule does."""
        own = [each for each in self.tallies if each.rule == rule]
        counts = Counter[str]()
        for each in own:
            counts[each.outcome] += each.count
        pause = next((show_pause(each) for each in self.pauses if each.scope == rule), None)
        tasks, firings = self.outstanding.get(rule, (0, 0))
        return Doings(
            id=rule,
            paused=pause is not None,
            pause=pause,
            last_24h=Lately(
                fired=counts["fired"],
                deferred=counts["deferred"],
                blocked={each.reason or "": each.count for each in own if each.outcome == "blocked"},
            ),
            last_fired_at=format_time(self.fired.get(rule)),
            outstanding=Outstanding(tasks=tasks, firings=firings),
        )


async def read_review(store: Store) -> Review:
    """Look at what the ledger has now."""
    return Review(
        tallies=await store.search(tally_firings, since=store.now() - DAY),
        fired=await store.search(read_last_firings),
        outstanding=await store.search(count_outstanding),
        pauses=await store.read(list_pauses),
    )
