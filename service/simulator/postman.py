"""Callbacks: fire and forget, without signature, retry or order, as the real gateways do it."""

import asyncio
import re
from collections.abc import Callable
from typing import Protocol

from service.simulator.books import Books
from service.simulator.dialect import Dialect
from service.simulator.errands import Errands
from service.simulator.tasks import Letter, Moment, Task
from service.simulator.vices import Vices
from service.simulator.views import callback_body, callback_bytes

HANDS = 16  # POSTs at once; the real ones have ten, and httpx slows down with every connection more


class Response(Protocol):
    """What we look at in a receiver's answer."""

    @property
    def is_success(self) -> bool:
        """Whether it is 2xx."""


class Client(Protocol):
    """What we ask of an HTTP client; httpx's is one."""

    async def post(self, url: str, *, content: bytes, headers: dict[str, str]) -> Response:
        """POST these bytes; raises whatever it likes."""


class Postman:
    """POSTs each change of a task to its hook, or loses it, doubles it, holds it back."""

    def __init__(
        self,
        *,
        client: Client,
        dialect: Dialect,
        vices: Vices,
        books: Books,
        errands: Errands,
        clock: Callable[[], float],
    ) -> None:
        self._client = client
        self._dialect = dialect
        self._vices = vices
        self._books = books
        self._errands = errands
        self._clock = clock
        self._hands = asyncio.Semaphore(HANDS)

    def announce(self, task: Task, moment: Moment) -> None:
        """Tell the hook of a task what has just become true."""
        if not task.ask.hook:
            return
        task.made += 1
        self._books.count("callbacks_made")
        letter = self._write(task, moment)
        if letter is None or self._vices.happens("drop", task.ordinal, task.made):
            self._books.count("lost")
            self._errands.start(self._settle(task))
        elif not moment.ended and self._vices.happens("reorder", task.ordinal, task.made):
            self._books.count("reordered")
            task.held.append(letter)
        else:
            self._errands.start(self._carry(task, letter))

    def finish(self, task: Task) -> None:
        """Nothing more will happen to this task."""
        task.over = True
        self._errands.start(self._release(task))

    async def wait_for(self, task: Task, callbacks: float) -> None:
        """Wait until so many callbacks were sent or lost (infinity: all there will be)."""
        if task.ask.hook:
            async with task.changed:
                await task.changed.wait_for(
                    lambda: task.settled >= callbacks or (task.over and task.settled >= task.made)
                )

    def _write(self, task: Task, moment: Moment) -> Letter | None:
        url = expand_hook(task.ask.hook) if self._dialect.hook_is_template else task.ask.hook
        if url is None:
            return None
        echo_hook = self._vices.number("echo_hook") > 0
        body = callback_body(task, moment, self._dialect, echo_hook=echo_hook)
        foreign = self._vices.happens("foreign_id", task.ordinal, task.made)
        if foreign:
            body["id"] = task.neighbour
        content = callback_bytes(body, self._dialect)
        return Letter(url=url, body=content, step=task.made, moment=moment, foreign=foreign)

    async def _carry(self, task: Task, letter: Letter) -> None:
        await asyncio.sleep(self._vices.number("delay"))
        copies = 1
        if self._vices.happens("duplicate", task.ordinal, letter.step):
            self._books.count("doubled")
            copies = 2
        await asyncio.gather(*(self._post(task, letter) for _ in range(copies)))
        await self._settle(task)
        await self._release(task)

    async def _release(self, task: Task) -> None:
        """Send what was held back: now that it has been overtaken, or will be overtaken by nothing."""
        held, task.held = task.held, []
        for letter in reversed(held):
            self._errands.start(self._carry(task, letter))
        async with task.changed:
            task.changed.notify_all()

    async def _settle(self, task: Task) -> None:
        async with task.changed:
            task.settled += 1
            task.changed.notify_all()

    async def _post(self, task: Task, letter: Letter) -> None:
        self._books.count("callbacks_sent")
        kind = "application/json; charset=utf-8" if self._dialect.escapes_unicode else "application/json"
        try:
            async with self._hands:
                response = await self._client.post(letter.url, content=letter.body, headers={"content-type": kind})
        except Exception:
            # The URL is a stranger's and so is the receiver: whatever goes wrong here is a lost callback.
            self._books.count("refused_by_receiver")
            return
        if response.is_success:
            self._books.acknowledged(task, letter, at=int(self._clock() * 1000))
        else:
            self._books.count("refused_by_receiver")


def expand_hook(hook: str) -> str | None:
    """What Spring's RestTemplate makes of a hook, or None where it raises.

    It takes the URL for a template: braces want variables that nobody gives, percent signs are encoded once
    more, and double slashes in the path collapse.
    """
    if "{" in hook or "}" in hook:
        return None
    scheme, mark, rest = hook.replace("%", "%25").partition("://")
    path, question, query = rest.partition("?")
    return f"{scheme}{mark}{re.sub('//+', '/', path)}{question}{query}"
