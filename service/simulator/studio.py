"""Where tasks live: from NOT_START through SUBMITTED and IN_PROGRESS to SUCCESS or FAILURE."""

import asyncio
import hashlib
import random
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress

from msgspec.structs import replace

from service.simulator.books import Books
from service.simulator.dialect import Dialect
from service.simulator.errands import Errands
from service.simulator.options import SimulatorOptions
from service.simulator.postman import Postman
from service.simulator.tasks import Ask, Moment, Task
from service.simulator.vices import Vices

# What a grid goes through; a single picture or a text jumps from SUBMITTED to its end, as the real ones do.
GRID_PERCENTS = (0, 15, 31, 46, 62, 78, 93)
VIDEO_PERCENTS = (0, 34, 67)
EXTEND_PERCENTS = (0, 100, *VIDEO_PERCENTS)  # trueai upscales first, and begins anew under the same id
BANNED = "可能包含敏感词"
FAIL_REASONS = ("任务超时", BANNED, "Internal error: the image could not be generated")


class Studio:
    """All tasks of one gateway, and the work on them."""

    def __init__(
        self,
        *,
        options: SimulatorOptions,
        dialect: Dialect,
        vices: Vices,
        books: Books,
        postman: Postman,
        errands: Errands,
        clock: Callable[[], float],
    ) -> None:
        self._options = options
        self._lag = vices.number("lag", dialect.rows.lag)
        self._vices = vices
        self._books = books
        self._postman = postman
        self._errands = errands
        self._clock = clock
        self._tasks: dict[str, Task] = {}
        self._images: set[str] = set()  # hashes of all pictures, those of forgotten and hidden tasks included
        self._digits = random.Random(options.seed)  # noqa: S311 - the last digits of ids, not secrets
        self._slots = asyncio.Semaphore(options.slots or sys.maxsize)
        self._last_id = 0
        self._outstanding: dict[Task, None] = {}  # in the order in which they came
        self._at_work = 0  # those of them that have a slot

    @property
    def at_work(self) -> int:
        """Tasks that are accepted and have not ended, waiting ones included."""
        return len(self._outstanding)

    @property
    def full(self) -> bool:
        """Whether every slot and every place in the queue is taken."""
        slots = self._options.slots
        return slots is not None and self.at_work >= slots + self._options.queue_size

    def find(self, task_id: str) -> Task | None:
        """The task with that id, unless it was forgotten."""
        return self._tasks.get(task_id)

    def find_image(self, parent: Task, custom_id: str | None) -> str:
        """The hash of the picture that a button stands under; where two tasks share an id, it tells them apart."""
        named = self._images.intersection((custom_id or "").split("::"))
        return named.pop() if named else parent.image_hash

    def all(self) -> list[Task]:
        """Every task, newest first."""
        return list(reversed(self._tasks.values()))

    def queue(self) -> list[Task]:
        """Every task that is accepted and has not ended, oldest first."""
        return list(self._outstanding)

    def find_upscale(self, parent: str | None, index: int | None) -> Task | None:
        """The newest task that upscaled this picture of a grid."""
        same = (task for task in self.all() if (task.ask.parent, task.ask.index) == (parent, index))
        return next((task for task in same if task.ask.word == "upsample"), None)

    def seen(self, task: Task) -> Moment | None:
        """What the gateway's own row knows: older than the truth where the gateway lags behind."""
        return task.seen_at(self._clock() - self._lag)

    def accept(self, ask: Ask, *, ordinal: int, base: str) -> Task:
        """Make a task of what was asked. Nothing works on it before `begin`."""
        image_hash = hashlib.sha256(f"{self._options.seed}/{ordinal}".encode()).digest()[:16]
        instant = self._clock()
        latest = next(reversed(self._tasks), None)
        shares = latest is not None and self._vices.happens("share_id", ordinal)
        task = Task(
            id=latest if latest is not None and shares else self._new_id(),
            neighbour=latest or self._new_id(),
            ordinal=ordinal,
            ask=ask,
            image_hash=str(uuid.UUID(bytes=image_hash)),
            base=base,
            submitted_at=int(instant * 1000),
        )
        task.moments.append(Moment(at=instant, status="MODAL" if ask.opens_window else "NOT_START"))
        self._tasks[task.id] = task
        self._images.add(task.image_hash)
        return task

    def begin(self, task: Task, *, doomed: bool = False) -> int:
        """Start to work; gives how many tasks are ahead in the queue. A doomed task ends as banned."""
        self._outstanding[task] = None
        self._books.outstanding(self.at_work)
        ahead = 0 if self._options.slots is None else max(0, self.at_work - self._options.slots)
        self._errands.start(self._live(task, doomed=doomed))
        return ahead

    def close_window(self, task: Task, ask: Ask) -> None:
        """A window was answered: the task can begin."""
        task.ask = ask
        task.moments.append(Moment(at=self._clock(), status="NOT_START"))

    def cancel(self, task: Task, *, status: str, reason: str | None, tells_waiting: bool) -> bool:
        """End a task before its time; False where it had ended. Where nobody worked on it, the hook may not be told."""
        if task.now.ended:
            return False
        told = tells_waiting or task.now.status in ("SUBMITTED", "IN_PROGRESS")
        progress = "" if status == "FAILURE" else task.now.progress
        ending = replace(task.now, status=status, progress=progress, image=None, reason=reason)
        self._change(task, replace(ending, finished_at=self._milliseconds()), told=told)
        self._outstanding.pop(task, None)
        self._postman.finish(task)
        task.stopped.set()
        return True

    async def _live(self, task: Task, *, doomed: bool) -> None:
        try:
            async with self._slots:
                if not task.stopped.is_set():
                    await self._work(task, doomed=doomed)
        finally:
            self._outstanding.pop(task, None)
        self._postman.finish(task)

    async def _work(self, task: Task, *, doomed: bool) -> None:
        self._at_work += 1
        self._books.at_work(self._at_work)
        try:
            await self._draw(task, doomed=doomed)
        finally:
            self._at_work -= 1

    async def _draw(self, task: Task, *, doomed: bool) -> None:
        percents = _percents(task.ask)
        whole = self._options.grid_seconds if percents else self._options.upscale_seconds
        pause = whole / self._options.speed / (len(percents) + 1)
        started = self._milliseconds()
        self._change(task, Moment(at=0, status="SUBMITTED", progress="0%", started_at=started))
        if self._vices.happens("forget", task.ordinal):
            self._books.count("forgotten")
            if self._tasks.get(task.id) is task:
                del self._tasks[task.id]
            return
        fails = doomed or self._vices.happens("fail", task.ordinal)
        for percent in percents[: len(percents) // 2] if fails else percents:
            if await _stopped(task, pause):
                return
            image = f"preview_{percent}.png" if percent else None
            self._change(task, replace(task.now, status="IN_PROGRESS", progress=f"{percent}%", image=image))
        if await _stopped(task, pause):
            return
        if fails:
            reason = BANNED if doomed else self._vices.choose("fail", task.ordinal, FAIL_REASONS)
            # The proxies blank the progress of a failed task.
            ending = replace(task.now, status="FAILURE", progress="", image=None, reason=reason)
        else:
            image = None if task.ask.shape == "shorten" else f"{task.image_hash}.png"
            ending = replace(task.now, status="SUCCESS", progress="100%", image=image)
        self._change(task, replace(ending, finished_at=self._milliseconds()))

    def _change(self, task: Task, moment: Moment, *, told: bool = True) -> None:
        moment = replace(moment, at=self._clock())
        task.moments.append(moment)
        if told:
            self._postman.announce(task, moment)

    def _milliseconds(self) -> int:
        return int(self._clock() * 1000)

    def _new_id(self) -> str:
        """The milliseconds of now and three random digits, as midjourney-proxy makes ids; but never twice."""
        number = self._milliseconds() * 1000 + self._digits.randrange(1000)
        self._last_id = max(number, self._last_id + 1)
        return str(self._last_id)


def _percents(ask: Ask) -> tuple[int, ...]:
    """What a task goes through on its way."""
    if ask.restarts:
        return EXTEND_PERCENTS
    return {"grid": GRID_PERCENTS, "video": VIDEO_PERCENTS}.get(ask.shape, ())


async def _stopped(task: Task, seconds: float) -> bool:
    """Let the work go on for so long; True where it was cancelled meanwhile."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await task.stopped.wait()
    return task.stopped.is_set()
