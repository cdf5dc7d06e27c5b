"""Effects that are under way: claimed as they become due, some at a time, each with a task of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from hooks.backoff import pause_after
from hooks.messages import Failure
from storage.effects import claim_effects, fail_effect, finish_effect, read_next_effect, retry_effect
from storage.errors import LedgerError
from storage.reactions import Effect, EffectKind
from storage.store import Store

TOPIC: Final = "effects"

log = structlog.get_logger("ringback.effects")


class Errands:
    """Claims effects of one kind, has `run` take care of each, and writes down what came of it.

    `run` gives a Failure, or else what is to be kept as the detail of one that is done. `in_flight` are held at once;
    `pauses` are the waits, in seconds, after each attempt but the last.
    """

    def __init__(
        self,
        store: Store,
        kind: EffectKind,
        run: Callable[[Effect], Awaitable[Failure | str | None]],
        *,
        in_flight: int,
        pauses: Sequence[float],
    ) -> None:
        self._store = store
        self._kind: EffectKind = kind
        self._run = run
        self._in_flight = in_flight
        self._pauses = pauses
        self._held: dict[int, asyncio.Task[None]] = {}

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._held)

    async def begin_due(self) -> float | None:
        """Begin with what is due; give the seconds until more may be, None when the bell will tell."""
        while (free := self._in_flight - len(self._held)) > 0:
            now = self._store.now()
            due = await self._store.read(read_next_effect, self._kind, now)
            if due is None:
                return None
            if due > now:
                return (due - now) / 1000
            for effect in await self._store.write(claim_effects, self._kind, free):
                if effect.id not in self._held:  # one whose lease ended is still being cared for
                    self._begin(effect)
        return None  # who ends rings

    async def close(self) -> None:
        """Cut off what is under way; it is done again when its lease is over."""
        cut = list(self._held.values())
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)

    def _begin(self, effect: Effect) -> None:
        task = asyncio.create_task(self._care(effect), name=f"{effect.kind} {effect.id}")
        self._held[effect.id] = task
        task.add_done_callback(lambda _: self._forget(effect.id))

    def _forget(self, number: int) -> None:
        del self._held[number]
        self._store.bell.ring((TOPIC,))

    async def _care(self, effect: Effect) -> None:
        try:
            outcome = await self._run(effect)
        except LedgerError as error:
            outcome = Failure(detail=str(error), final=False)
        except Exception as error:  # a mistake of ours or of a library's; what it says may quote a URL
            outcome = Failure(detail=f"it failed with {type(error).__name__}", final=False)
        try:
            await self._note(effect, outcome)
        except LedgerError as error:
            # Whatever came of it, after its lease it is tried again.
            log.warning("an outcome could not be written", kind=effect.kind, effect=effect.id, why=str(error))

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
