"""Asks a gateway about ids that the ledger lacks: those of many callers together, and one question at a time."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from service.gateways.adopter import Adopter
from service.gateways.client import BATCH

GATHERED: Final = 0.05  # seconds in which the ids of several callers come together
MOST_WAITING: Final = 1000  # ids that wait for their question; ten questions
PATIENCE: Final = 20.0  # seconds that a caller waits for an answer; the question itself goes on

CROWDED: Final = "too many unknown ids wait for their turn"
SLOW: Final = "it takes too long to answer"

Answer = asyncio.Future[str | None]  # why nothing is known of an id; None once that is settled


class Inquiry:
    """One for a gateway. What it knows is adopted into the ledger; `learn` is given the ids that it does not know."""

    def __init__(
        self,
        adopter: Adopter,
        gateway: str,
        learn: Callable[[Iterable[str]], None],
        *,
        gathered: float = GATHERED,
        patience: float = PATIENCE,
    ) -> None:
        self._adopter = adopter
        self._gateway = gateway
        self._learn = learn
        self._gathered = gathered
        self._patience = patience
        self._answers: dict[str, Answer] = {}  # of all that is asked and not answered
        self._waiting: list[str] = []  # those of them that are in no question yet
        self._asking: asyncio.Task[None] | None = None

    async def ask(self, names: Sequence[str]) -> Mapping[str, str]:
        """Ask about these ids, and give why nothing is known of some. Whoever asks for the same one shares its answer.

        Raises what went wrong in the ledger.
        """
        new = [name for name in names if name not in self._answers]
        if len(self._waiting) + len(new) > MOST_WAITING:
            return dict.fromkeys(names, CROWDED)
        self._answers |= {name: asyncio.get_running_loop().create_future() for name in new}
        self._waiting += new
        answers = {name: self._answers[name] for name in names}
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_all(), name="inquiry")
        # One caller that leaves, or has waited enough, does not end what others wait for.
        await asyncio.wait(answers.values(), timeout=self._patience)
        told = {name: answer.result() if answer.done() else SLOW for name, answer in answers.items()}
        return {name: why for name, why in told.items() if why is not None}

    async def _ask_all(self) -> None:
        try:
            while self._waiting:
                if len(self._waiting) < BATCH:
                    await asyncio.sleep(self._gathered)
                batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
                await self._adopt(batch)
        finally:
            self._asking = None

    async def _adopt(self, names: Sequence[str]) -> None:
        answers = {name: self._answers[name] for name in names}
        try:
            adoption = await self._adopter.adopt(self._gateway, names)
            self._learn(adoption.missing)
            settled = adoption.missing | adoption.tasks.keys()
            for name, answer in answers.items():
                why = adoption.withheld.get(name, adoption.failed)
                answer.set_result(None if name in settled else why)
        except Exception as error:  # the ledger's, or a fault of ours: the callers tell it
            for answer in answers.values():
                answer.set_exception(error)
                answer.exception()  # there may be no caller left to take it
        finally:
            for name in names:
                del self._answers[name]
