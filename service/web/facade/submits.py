"""`/mj/submit/…`: what moves something. It goes through the ledger; the answer is what the gateway says to it."""

import asyncio
import sqlite3
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from hooks.errors import HookError
from hooks.pictures import LONGEST_TEXT
from hooks.prompts import parse_params
from service.gateways.attachments import name_attachments
from service.web.calls import MAX_BODY, MAX_PICTURES
from service.web.desk import Desk
from service.web.facade.answers import NOT_FOUND, Refusal, relay, tell_existing
from service.web.facade.bodies import read_fields
from service.web.facade.clicks import Click, choose_button, read_click, read_window
from service.web.facade.finder import Finder
from service.web.facade.hooks import call_about, call_anew, seal_hook
from service.web.facade.orders import PICTURELESS, read_order
from service.web.webhooks import Address
from storage.attachments import Attachment, keep_attachments
from storage.errors import NoWindow
from storage.openings import open_click, open_task
from storage.queue import count_ahead
from storage.records import JSON, NewTask, Status, Submission, SubmissionState, Task
from storage.submissions import list_submissions
from storage.tasks import read_task
from storage.transaction import Transaction
from storage.windows import answer_window

ANSWER_WITHIN: Final = 20.0  # seconds that a submit waits for the gateway's answer; clients give up after 30 or 60
UPLOAD_WITHIN: Final = 60.0  # the same for an upload, whose answer is all that there is

MAX_MASK: Final = LONGEST_TEXT + MAX_BODY  # bytes of an answer to a window, which brings one picture at most

UNKNOWN_PARENT: Final = "关联任务不存在或已失效"
WRONG_STATUS: Final = "关联任务状态错误"
NO_GATEWAY: Final = "该任务所属渠道已被禁用"


class SubmitCalls:
    """The calls that ask a gateway for something."""

    def __init__(self, desk: Desk, finder: Finder) -> None:
        self._desk = desk
        self._finder = finder

    async def open(self, request: Request, endpoint: str) -> Response:
        """A new task: `/submit/imagine` and its like, `/insight-face/swap`."""
        # A large body has its turn until its pictures are in the ledger, and leaves the memory with it.
        async with self._desk.turns.take(request):
            task = await self._open(request, endpoint)
        return await self._answer(task, UPLOAD_WITHIN if task.action == "UPLOAD" else ANSWER_WITHIN)

    async def _open(self, request: Request, endpoint: str) -> Task:
        longest = MAX_BODY if endpoint in PICTURELESS else MAX_PICTURES
        order = read_order(endpoint, await read_fields(request, longest), request.state.mode)
        parent = None if order.parent is None else await self._find(order.parent)
        if parent is not None:
            self._require_success(parent)
        attachments = await self._take(order.pictures)
        said: JSON = {"options": order.options, "pictures": await name_attachments(attachments)}
        new = NewTask(
            gateway=self._desk.gateways[0],
            action=order.action.name,
            prompt=order.prompt,
            params=parse_params(order.prompt),
            origin="facade",
            tags=() if parent is None else parent.tags,
            state=order.state or (None if parent is None else parent.state),
            parent_id=None if parent is None else parent.id,
            request={name: value for name, value in said.items() if value},
        )
        return await self._desk.store.write(_open, new, attachments, seal_hook(self._desk.webhooks, order.hook))

    async def click(self, request: Request, endpoint: str) -> Response:
        """`/submit/action`, `/submit/change`, `/submit/simple-change`."""
        click = read_click(endpoint, await read_fields(request), request.state.mode)
        parent = await self._find(click.parent)
        self._require_success(parent)
        hook = seal_hook(self._desk.webhooks, click.hook)
        task, is_new = await self._desk.store.write(_click, parent.id, click, hook)
        if not is_new:
            return tell_existing(task)
        return await self._answer(task, ANSWER_WITHIN, parent=parent, parent_name=click.parent)

    async def modal(self, request: Request) -> Response:
        """`/submit/modal`: the answer to an open window."""
        async with self._desk.turns.take(request):
            task, name = await self._answer_window(request)
        return await self._answer(task, ANSWER_WITHIN, name=name)

    async def _answer_window(self, request: Request) -> tuple[Task, str]:
        """The task, and the name that the client has for it."""
        window = read_window(await read_fields(request, MAX_MASK))
        task = await self._find(window.task)
        masks = await self._take(() if window.mask is None else (window.mask,))
        hook = seal_hook(self._desk.webhooks, window.hook)
        try:
            task = await self._desk.store.write(_answer_window, task.id, prompt=window.prompt, masks=masks, hook=hook)
        except NoWindow:
            raise Refusal(WRONG_STATUS) from None
        return task, window.task

    async def _find(self, name: str) -> Task:
        found = await self._finder.find((name,))
        if name not in found:
            raise Refusal(UNKNOWN_PARENT, NOT_FOUND)
        return found[name]

    def _require_success(self, parent: Task) -> None:
        if parent.gateway not in self._desk.gateways:
            raise Refusal(NO_GATEWAY)
        # One that its gateway has never named cannot be clicked there, as if it were still at work.
        if parent.status != Status.SUCCESS or parent.gateway_id is None:
            raise Refusal(WRONG_STATUS)

    async def _take(self, pictures: tuple[str, ...]) -> list[Attachment]:
        try:
            return await self._desk.take_attachments(pictures)
        except HookError as error:
            raise Refusal(f"base64格式错误: {error}") from None

    async def _answer(
        self,
        task: Task,
        seconds: float,
        *,
        name: str | None = None,
        parent: Task | None = None,
        parent_name: str | None = None,
    ) -> Response:
        """Wait for what the gateway says to a task's latest submission, and relay it under the id that it is known by.

        A click that made nothing (a bookmark) is answered by its gateway with the parent's id, and here with the name
        that the client has for it.
        """
        task, submission = await self._wait(task.id, seconds)
        result = name or task.id
        if parent is not None and (submission.answer or {}).get("result") == parent.gateway_id:
            result = parent_name or parent.id
        waits = submission.state == SubmissionState.PLANNED
        ahead = await self._desk.store.read(count_ahead, submission.id) if waits else 0
        return relay(task, submission, result=result, ahead=ahead)

    async def _wait(self, task_id: str, seconds: float) -> tuple[Task, Submission]:
        """The task and its latest submission, as soon as that is answered, or as they are when the time is up."""
        store, loop = self._desk.store, asyncio.get_running_loop()
        deadline = loop.time() + seconds
        with store.bell.listen(task_id) as listener:
            while True:
                task, submission = await store.read(_read_latest, task_id)
                left = deadline - loop.time()
                if _is_answered(submission) or left <= 0 or self._desk.goodbye.said:
                    return task, submission
                await listener.wait(left)


def _is_answered(submission: Submission) -> bool:
    """Whether there is something to tell."""
    said = submission.answer or {}
    match submission.state:
        case SubmissionState.SENDING:
            return False
        case SubmissionState.PLANNED:  # the gateway answered that it has no room: it waits here, however long
            return "http_status" in said and "not_yet" not in said
    return True


def _read_latest(db: sqlite3.Connection, task_id: str) -> tuple[Task, Submission]:
    return read_task(db, task_id), list_submissions(db, task_id)[-1]


def _open(tx: Transaction, new: NewTask, attachments: list[Attachment], hook: Address | None) -> Task:
    task = open_task(tx, new, attachments)
    call_about(tx, task, hook)
    return task


def _click(tx: Transaction, parent_id: str, click: Click, hook: Address | None) -> tuple[Task, bool]:
    parent = read_task(tx, parent_id)
    task, is_new = open_click(
        tx,
        parent,
        choose_button(parent, click),
        origin="facade",
        request={"options": click.options} if click.options else {},
        state=click.state or "",  # what gateways do: a click has the state that it says, and not its parent's
    )
    if is_new:
        call_about(tx, task, hook)
    return task, is_new


def _answer_window(
    tx: Transaction, task_id: str, *, prompt: str | None, masks: list[Attachment], hook: Address | None
) -> Task:
    names = keep_attachments(tx, masks)
    task = answer_window(tx, task_id, prompt=prompt, mask=names[0] if names else None)
    call_anew(tx, task, hook)
    return task
