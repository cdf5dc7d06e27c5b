"""Where submissions come in: read, spoiled by the vices, accepted, and answered if ever."""

import asyncio
from itertools import count

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.simulator.answers import JSON, Answer, Refusal, envelope
from service.simulator.books import Books
from service.simulator.clerk import Clerk
from service.simulator.clicks import Clicks
from service.simulator.dialect import Dialect
from service.simulator.exchange import BrokenResponse, read_body, read_mode, rendered, until_gone
from service.simulator.fields import text
from service.simulator.postman import Postman
from service.simulator.studio import Studio
from service.simulator.tasks import Ask, Task
from service.simulator.vices import Vices
from service.simulator.views import picture_url

# Endpoints whose prompt can be banned.
_PROMPTED = frozenset({"imagine", "shorten", "modal", "edit", "edits", "retexture", "video"})


class Desk:
    """Takes requests, decides with the vices, and answers in the words of the dialect."""

    def __init__(
        self,
        *,
        dialect: Dialect,
        vices: Vices,
        books: Books,
        postman: Postman,
        studio: Studio,
        clerk: Clerk,
        clicks: Clicks,
    ) -> None:
        self._dialect = dialect
        self._vices = vices
        self._books = books
        self._postman = postman
        self._studio = studio
        self._clerk = clerk
        self._clicks = clicks
        self._ordinals = count(1)

    async def submit(self, request: Request, endpoint: str) -> Response:
        """POST /mj/submit/… and /mj/insight-face/swap: all that make tasks but the modal."""
        ordinal = next(self._ordinals)
        body = await read_body(request)
        ask = self._dialect.refuse(Refusal.NOT_JSON) if body is None else self._clerk.read(endpoint, body)
        if not isinstance(ask, Answer):
            ask = self._mischief(replace(ask, mode=read_mode(request) or ask.mode), ordinal)
        self._books.arrived(endpoint, text(body or {}, "state"), accepted=not isinstance(ask, Answer))
        if isinstance(ask, Answer):
            return self._refused(ask)
        base = str(request.base_url).rstrip("/")
        if ask.shape == "mark":
            self._books.count("marked")
            return await self._answered(request, None, ordinal, envelope(1, "成功", result=ask.parent))
        if ask.word == "upsample" and self._vices.happens("existed", ordinal):
            return await self._answered(request, None, ordinal, self._existed(ask, ordinal, base))
        if ask.prompts:
            return await self._answered(request, None, ordinal, self._spawned(ask, ordinal, base))
        task = self._studio.accept(ask, ordinal=ordinal, base=base)
        self._books.submitted(task)
        if ask.opens_window:
            # A window opens without a callback.
            return await self._answered(request, task, ordinal, self._window(task))
        ahead = self._studio.begin(task, doomed=self._doomed(ask.endpoint, ordinal))
        return await self._answered(request, task, ordinal, self._accepted(task, ahead))

    async def submit_modal(self, request: Request) -> Response:
        """POST /mj/submit/modal: answers an open window; its task goes on, mostly under the same id."""
        ordinal = next(self._ordinals)
        body = await read_body(request)
        window = self._dialect.refuse(Refusal.NOT_JSON) if body is None else self._clicks.read_modal(body)
        if isinstance(window, Answer):
            return self._refused(window)
        ask = self._mischief(self._clicks.read_answer(window.ask, body or {}), ordinal)
        self._books.arrived("submit/modal", window.ask.state, accepted=not isinstance(ask, Answer))
        if isinstance(ask, Answer):
            return self._refused(ask)
        task = window
        if self._vices.happens("modal_new_id", ordinal):
            window.answered = True
            task = self._studio.accept(ask, ordinal=ordinal, base=window.base)
        else:
            self._studio.close_window(task, ask)
        self._books.answered_window(task, at=int(task.now.at * 1000))
        ahead = self._studio.begin(task, doomed=self._doomed("modal", ordinal))
        return await self._answered(request, task, ordinal, self._accepted(task, ahead))

    def _mischief(self, ask: Ask, ordinal: int) -> Ask | Answer:
        """What the vices make of a sound submission."""
        if self._studio.full or self._vices.happens("queue_full", ordinal):
            return self._dialect.refuse(Refusal.QUEUE_FULL)
        banned = Refusal.BANNED if ask.endpoint in _PROMPTED else Refusal.PARENT_UNFIT
        if banned in self._dialect.refusals and self._vices.happens("refuse", ordinal):
            return self._dialect.refuse(banned, ask.prompt)
        if ask.hook and self._vices.happens("strip_hook", ordinal):
            self._books.count("hooks_stripped")
            ask = replace(ask, hook="")
        has_windows = ask.remixable and "submit/modal" in self._dialect.endpoints
        if has_windows and self._vices.happens("modal", ordinal):
            ask = replace(ask, opens_window=True)
        return ask

    def _doomed(self, endpoint: str, ordinal: int) -> bool:
        """A gateway without a refusal for banned prompts accepts them, and fails later."""
        lenient = Refusal.BANNED not in self._dialect.refusals and endpoint in _PROMPTED
        return lenient and self._vices.happens("refuse", ordinal)

    def _existed(self, ask: Ask, ordinal: int, base: str) -> JSON:
        """Names the task of whoever clicked first: somebody else, where it was not our client."""
        self._books.count("existed")
        task = self._studio.find_upscale(ask.parent, ask.index)
        if task is None:
            task = self._studio.accept(replace(ask, hook="", state=None), ordinal=ordinal, base=base)
            self._studio.begin(task)
        properties = {"status": task.now.status, "imageUrl": picture_url(task, task.now)}
        return self._envelope(task, 21, "任务已存在", properties)

    def _spawned(self, ask: Ask, ordinal: int, base: str) -> JSON:
        """One click, several tasks: their ids are joined by commas, their states numbered."""
        ids = []
        for number, prompt in enumerate(ask.prompts, 1):
            if self._studio.full:
                break
            state = f"{ask.state or ''}::{number}"
            hook = ask.hook if self._dialect.spawn_takes_hook else ""
            one = replace(ask, prompt=prompt, picture=prompt, prompts=(), state=state, hook=hook, index=number)
            task = self._studio.accept(one, ordinal=ordinal * 10 + number, base=base)
            self._books.submitted(task)
            self._studio.begin(task)
            ids.append(task.id)
        return envelope(1, "成功", result=",".join(ids))

    def _accepted(self, task: Task, ahead: int) -> JSON:
        properties = {"discordInstanceId": self._dialect.properties["discordInstanceId"]}
        if not ahead:
            return self._envelope(task, 1, "提交成功", properties)
        properties["numberOfQueues"] = ahead
        return self._envelope(task, 22, f"排队中，前面还有{ahead}个任务", properties)

    def _window(self, task: Task) -> JSON:
        properties = {"finalPrompt": task.ask.prompt, "remix": True}
        return self._envelope(task, 21, "Waiting for window confirm", properties)

    def _envelope(self, task: Task, code: int, description: str, properties: JSON) -> JSON:
        kept = code == 21 and task.ask.row_action in self._dialect.keeps_window_code
        told = code if kept else self._dialect.codes.get(code, code)
        result = int(task.id) if self._vices.number("numeric_result") else task.id
        return envelope(told, description, result=result, properties=properties)

    async def _answered(self, request: Request, task: Task | None, ordinal: int, body: JSON) -> Response:
        """The answer of an accepted submission, if it is ever given; a task is one whose callbacks may go first."""
        try:
            await asyncio.sleep(self._vices.number("slow_answer"))
            callbacks = self._vices.number("answer_after_callback")
            if callbacks and task is not None and task.now.status != "MODAL":
                await self._postman.wait_for(task, callbacks)
        except asyncio.CancelledError:
            # The server is shutting down and has lost its patience with us.
            return Response(status_code=503)
        if self._vices.happens("never_answer", ordinal):
            self._books.count("unanswered")
            return await until_gone(request)
        if self._vices.happens("hang_up", ordinal):
            self._books.count("unanswered")
            return BrokenResponse()
        return JSONResponse(body)

    def _refused(self, answer: Answer) -> Response:
        self._books.count("refused")
        return rendered(answer)
