"""What a gateway is asked for nothing: one question, one answer. An answer that does not come is a value, too."""

import asyncio
import time
from typing import Final, Literal
from urllib.parse import quote

import msgspec

from hooks.blanker import Blanker
from hooks.errors import NotATask
from hooks.wire import Envelope, Listed, parse_envelope, parse_listed, parse_tasks
from service.gateways.exchange import Exchange, Heard, TooLong
from storage.records import JSON

LIST: Final = "/task/list-by-condition"  # by their ids; nearly every gateway has it
QUERY: Final = "/task/query"  # a page, by conditions; midjourney-proxy-plus
LATEST: Final = "/task/list"  # the latest ones, or all; midjourney-proxy (novicezk's, trueai-org's)
REMEMBERED: Final = 600.0  # seconds that a gateway is not asked what it had no answer to; a 404 may be a proxy's


class Unanswered(msgspec.Struct, frozen=True, kw_only=True):
    """A question without an answer."""

    why: str
    kind: Literal["failed", "unsupported", "too long", "refused"] = "failed"
    code: int | None = None  # of what was refused, in the gateway's own protocol


class Questions:
    """The questions that one gateway is asked, and which of them it has no answer to."""

    def __init__(self, exchange: Exchange, blanker: Blanker) -> None:
        self._exchange = exchange
        self._blanker = blanker
        self.asked = 0  # questions that were sent, or tried to
        self._left: dict[str, float] = {}  # questions without an answer here, and until when to leave them

    async def list(self, path: str, body: JSON | None = None) -> tuple[Listed, ...] | Unanswered:
        """Ask for tasks at one of the paths above; a body goes by POST. What is "unsupported" is left for a while."""
        if not self.answers(path):
            return Unanswered(why=f"it has no {path}", kind="unsupported")
        heard = await self._hear("GET" if body is None else "POST", path, body)
        if isinstance(heard, Unanswered):
            return heard
        if heard.status in (404, 405, 501):
            return self.leave(path)
        if heard.status in (200, 204) and not heard.body.strip():
            return ()
        try:
            # Reading a list takes long enough to be felt by everybody else.
            return await asyncio.to_thread(parse_tasks, _of_success(heard), self._blanker)
        except NotATask:
            return self._describe(heard)

    async def fetch(self, gateway_id: str) -> Listed | Unanswered | None:
        """Ask about one task; None when the gateway does not know it."""
        heard = await self._hear("GET", f"/task/{quote(gateway_id, safe='')}/fetch", None)
        if isinstance(heard, Unanswered):
            return heard
        if self._is_unknown(heard):
            return None
        try:
            return await asyncio.to_thread(parse_listed, _of_success(heard), self._blanker)
        except NotATask:
            return self._describe(heard)

    async def cancel(self, gateway_id: str) -> Unanswered | None:
        """Ask to give a task up; None when the gateway takes that. What became of the task is told by the task."""
        heard = await self._hear("POST", f"/task/{quote(gateway_id, safe='')}/cancel", {})
        if isinstance(heard, Unanswered):
            return heard
        if heard.status in (200, 204) and not heard.body.strip():
            return None  # trueai-org's says no more
        said = self._read(heard)
        return said if isinstance(said, Unanswered) else None

    async def read_seed(self, gateway_id: str) -> str | Unanswered:
        """Ask for the number that makes the same picture again."""
        heard = await self._hear("GET", f"/task/{quote(gateway_id, safe='')}/image-seed", None)
        said = heard if isinstance(heard, Unanswered) else self._read(heard)
        if isinstance(said, Unanswered):
            return said
        return said.result or Unanswered(why=said.description or "it named no seed")

    def _read(self, heard: Heard) -> Envelope | Unanswered:
        """The envelope of a yes; the protocol's own codes are a no, whatever HTTP says."""
        said = parse_envelope(heard.body, self._blanker)
        if said.code == 1 and heard.status == 200:
            return said
        if said.code is not None and heard.status < 500:
            return Unanswered(why=said.description or f"code {said.code}", kind="refused", code=said.code)
        if heard.status in (404, 405, 501):
            return Unanswered(why="it has no such call", kind="unsupported")
        return self._describe(heard)

    def answers(self, path: str) -> bool:
        """Whether a list may be asked for; what had no answer is left for a while."""
        return time.monotonic() >= self._left.get(path, 0.0)

    def leave(self, path: str) -> Unanswered:
        """Do not ask for that list for a while."""
        self._left[path] = time.monotonic() + REMEMBERED
        return Unanswered(why=f"it has no {path}", kind="unsupported")

    async def _hear(self, method: str, path: str, body: JSON | None) -> Heard | Unanswered:
        self.asked += 1
        try:
            return await self._exchange.send(self._exchange.prepare(method, path, body))
        except TooLong as error:
            return Unanswered(why=str(error), kind="too long")
        except Exception as error:
            # Any surprise of the other side is one more way of not answering.
            return Unanswered(why=self._exchange.explain(error))

    def _is_unknown(self, heard: Heard) -> bool:
        """Whether a fetch says that there is no such task: 200 with an empty body (novicezk's midjourney-proxy), 204
        (trueai-org's), 400 with code 4 (new-api), or HTTP's own words.
        """
        if heard.status in (200, 204) and heard.body.strip() in (b"", b"null"):
            return True
        if heard.status in (200, 400):
            return parse_envelope(heard.body, self._blanker).code in (3, 4)
        return heard.status in (404, 410)

    def _describe(self, heard: Heard) -> Unanswered:
        said = parse_envelope(heard.body, self._blanker).description
        return Unanswered(why=f"HTTP {heard.status}: {said}".removesuffix(": "))


def _of_success(heard: Heard) -> bytes:
    """The body of a 200. Raises NotATask: whatever else an error looks like, it tells nothing of tasks."""
    if heard.status != 200:
        raise NotATask
    return heard.body
