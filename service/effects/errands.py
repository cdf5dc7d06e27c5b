"""Effects that are under way: claimed as they become due, some at a time, each with a task of its own."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final

import structlog

from hooks.backoff import pause_after
from hooks.lanes import Lane, Lanes
from hooks.messages import Failure
from storage.effects import Turn, claim_effects, fail_effect, finish_effect, list_turns, retry_effect
from storage.errors import LedgerError
from storage.reactions import Effect, EffectKind
from storage.store import Store

TOPIC: Final = "effects"

log = structlog.get_logger("ringback.effects")


class Errands(ABC):
    """A worker that claims effects of one kind, runs each, and writes down what came of it.

    `in_flight` are held at once, `each` of one lane; `pauses` are the waits, in seconds, after each attempt but the
    last; `rests` are the seconds for which a whole lane is left alone after its first, second, … failure in a row, the
    last one from then on.
    """

    def __init__(
        self,
        store: Store,
        kind: EffectKind,
        *,
        in_flight: int,
        each: int,
        pauses: Sequence[float],
        rests: Sequence[float] = (),
    ) -> None:
        self._store = store
        self._kind: EffectKind = kind
        self._in_flight = in_flight
        self._each = each
        self._pauses = pauses
        self._rests = rests
        self._lanes = Lanes(Lane)
        self._held: dict[int, asyncio.Task[None]] = {}

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._held)

    @abstractmethod
    async def run(self, effect: Effect) -> Failure | str | None:
        """Take care of one; gives a Failure, or else what is to be kept as the detail of one that is done."""

    async def step(self) -> float | None:
        """Begin with what is due; give the seconds until more may be, None when the bell will tell."""
        while (free := self._in_flight - len(self._held)) > 0:
            now = self._store.now()
            # What is held is never taken again, however long it lasts: its lease is for the next process.
            turns = await self._store.read(list_turns, self._kind, now=now, held=tuple(self._held), each=self._each)
            self._lanes.forget_others([turn.lane for turn in turns], now)
            chosen = self._lanes.line_up(((turn.lane, turn.due, self._each) for turn in turns), now)[:free]
            if not chosen:
                return self._find_pause(turns, now)
            for effect in await self._store.write(claim_effects, chosen):
                self._begin(effect)
        return None  # who ends rings

    async def close(self) -> None:
        """Cut off what is under way; it is done again when its lease is over."""
        cut = list(self._held.values())
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)

    def _find_pause(self, turns: Sequence[Turn], now: int) -> float | None:
        """Seconds until a lane that has room may go on."""
        times = [
            max(self._lanes[turn.lane].rests_until(now), now if turn.next_at is None else turn.next_at)
            for turn in turns
            if len(self._lanes[turn.lane].held) < self._each
        ]
        return (max(now, min(times)) - now) / 1000 if times else None

    def _begin(self, effect: Effect) -> None:
        self._lanes.begin(effect.lane, effect.id)
        task = asyncio.create_task(self._care(effect), name=f"{effect.kind} {effect.id}")
        self._held[effect.id] = task
        task.add_done_callback(lambda _: self._forget(effect))

    def _forget(self, effect: Effect) -> None:
        del self._held[effect.id]
        self._lanes.end(effect.lane, effect.id)
        self._store.bell.ring((TOPIC,))

    async def _care(self, effect: Effect) -> None:
        try:
            outcome = await self.run(effect)
        except LedgerError as error:
            outcome = Failure(detail=str(error), final=False)
        except Exception as error:  # a mistake of ours or of a library's; what it says may quote a URL
            outcome = Failure(detail=f"it failed with {type(error).__name__}", final=False)
        self._learn(self._lanes[effect.lane], outcome)
        try:
            await self._note(effect, outcome)
        except LedgerError as error:
            # Whatever came of it, after its lease it is tried again.
            log.warning("an outcome could not be written", kind=effect.kind, effect=effect.id, why=str(error))

    def _learn(self, lane: Lane, outcome: Failure | str | None) -> None:
        """A lane in which one failed is left alone for a while, and what waits in it stays as it is."""
        if not isinstance(outcome, Failure):
            lane.succeed()
        elif self._rests and not (outcome.final or outcome.alone):
            lane.fail(self._store.now(), self._rests)

    async def _note(self, effect: Effect, outcome: Failure | str | None) -> None:
        facts = {"kind": effect.kind, "task": effect.task_id, "effect": effect.id, "attempt": effect.attempts}
        if not isinstance(outcome, Failure):
            await self._store.write(finish_effect, effect.id, outcome)
            log.info("effect done", **facts, detail=outcome)
            return
        pause = None if outcome.final else pause_after(effect.attempts, self._pauses)
        if pause is None:
            await self._store.write(fail_effect, effect.id, outcome.detail)
            log.warning("effect failed", **facts, why=outcome.detail)
        else:
            await self._store.write(retry_effect, effect.id, seconds=pause, detail=outcome.detail)
            log.info("effect put off", **facts, why=outcome.detail, retry_in=pause)
