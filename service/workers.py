"""Workers: a step, repeated by one loop, under one supervisor. A worker that fails is told of, and tried again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
import structlog

from storage.bell import Bell, Topic

FIRST_RETRY: Final = 1.0  # seconds after a failed step
LONGEST_RETRY: Final = 30.0  # seconds

log = structlog.get_logger("ringback.workers")


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """One duty. `step` does what is due and gives the seconds until it should look again; None: when rung for."""

    name: str
    step: Callable[[], Awaitable[float | None]]
    topics: tuple[Topic, ...] = ()


class Supervisor:
    """Runs workers until it is stopped, and knows which of them fail."""

    def __init__(self, bell: Bell, workers: Sequence[Worker]) -> None:
        self._bell = bell
        self._workers = workers
        self._tasks: list[asyncio.Task[None]] = []
        self.failing: dict[str, str] = {}  # worker → what its last step said

    def start(self) -> None:
        """Start every worker on the running loop."""
        self._tasks = [asyncio.create_task(self._repeat(worker), name=worker.name) for worker in self._workers]

    async def stop(self) -> None:
        """End every worker between or within its steps; a step is written so that it may be cut off."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _repeat(self, worker: Worker) -> None:
        retry = FIRST_RETRY
        with self._bell.listen(*worker.topics) as listener:
            while True:
                try:
                    pause = await worker.step()
                except Exception as error:
                    # The wide catch is the supervisor's duty: one worker's fault must not stop the others.
                    self.failing[worker.name] = f"{type(error).__name__}: {error}"
                    log.exception("worker failed", worker=worker.name, retry_in=retry)
                    await asyncio.sleep(retry)
                    retry = min(retry * 2, LONGEST_RETRY)
                    continue
                self.failing.pop(worker.name, None)
                retry = FIRST_RETRY
                await listener.wait(pause)
