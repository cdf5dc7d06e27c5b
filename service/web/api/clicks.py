"""Clicks on finished tasks, and the windows that some of them open."""

from collections.abc import Collection
from functools import partial
from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.buttons import choose_button, choose_kind
from hooks.errors import CannotClick, HookError
from service.web.api.orders import LONGEST_PROMPT, Origin
from service.web.calls import MAX_PICTURES, Call, read_body
from service.web.creation import Opening, create_once
from service.web.desk import Desk
from service.web.problems import Problem, tell_mistakes
from storage.attachments import Attachment, keep_attachments
from storage.openings import open_click
from storage.records import JSON, Button, Status, Task
from storage.tasks import read_task
from storage.transaction import Transaction
from storage.windows import answer_window

MASK: Final = "image/png"  # trueai-org's proxy takes nothing else
LAST_INDEX: Final = 100  # the zoom of an Outpaint is its index
# Kinds that never ask for anything, at any gateway; "upsample_…" beside them.
NEVER_ASK: Final = frozenset({"upsample", "video_virtual_upscale", "Outpaint", "Picread", "BOOKMARK"})

Prompt = Annotated[str, msgspec.Meta(max_length=LONGEST_PROMPT)]


class ClickRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What clicks a button of a finished task."""

    button: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None  # label, emoji or customId
    kind: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None  # or what it does: "upsample"
    index: Annotated[int, msgspec.Meta(ge=1, le=LAST_INDEX)] | None = None  # of that kind
    prompt: Prompt | None = None  # answers the window that the button opens
    mask: str | None = None  # the same: black, with the area to be changed in white
    origin: Origin = "api"


class ModalRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What answers a window. Without a prompt the parent's stays."""

    prompt: Prompt | None = None
    mask: str | None = None


class ClickCalls:
    """The calls that click, and answer windows."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        missing = ("No such task", "Problem")
        return [
            Call(
                method="POST",
                path="/v1/tasks/{id}/click",
                handler=self.click,
                summary="Click one of its buttons, and answer the window that it opens",
                body=ClickRequest,
                creates=True,
                answers={
                    202: ("The new child task", "Task"),
                    200: ("The child that an earlier click of this button opened; nothing was spent", "Task"),
                    404: missing,
                    409: ("It has not succeeded, or its gateway is not configured any more", "Problem"),
                },
            ),
            Call(
                method="POST",
                path="/v1/tasks/{id}/modal",
                handler=self.answer_window,
                summary="Answer its open window",
                body=ModalRequest,
                creates=True,
                answers={
                    202: ("The task, whose answer will be submitted now", "Task"),
                    404: missing,
                    409: ("It has no open window, or its gateway is not configured any more", "Problem"),
                },
            ),
        ]

    async def click(self, request: Request) -> Response:
        """`POST /v1/tasks/{id}/click`."""
        async with self._desk.turns.take(request):
            wanted = await read_body(request, ClickRequest, longest=MAX_PICTURES)
            if (wanted.button is None) == (wanted.kind is None):
                raise Problem(422, "button: say which one, by its label, emoji or customId, or by `kind` and `index`")
            if wanted.index is not None and wanted.kind is None:
                raise Problem(422, "index: it goes with `kind`")
            prepare = partial(self._prepare_click, request.path_params["id"], wanted)
            return await create_once(self._desk.store, request, wanted, prepare)

    async def answer_window(self, request: Request) -> Response:
        """`POST /v1/tasks/{id}/modal`."""
        async with self._desk.turns.take(request):
            wanted = await read_body(request, ModalRequest, longest=MAX_PICTURES)
            prepare = partial(self._prepare_answer, request.path_params["id"], wanted)
            return await create_once(self._desk.store, request, wanted, prepare)

    async def _prepare_click(self, task_id: str, wanted: ClickRequest) -> Opening:
        # Whether it can be clicked is told before its mask is fetched; the transaction looks once more.
        parent = await self._desk.store.read(read_task, task_id)
        _choose(parent, wanted, self._desk.gateways)
        mask = await self._take_mask(wanted.mask)
        return partial(_click, task_id=task_id, wanted=wanted, mask=mask, gateways=self._desk.gateways)

    async def _prepare_answer(self, task_id: str, wanted: ModalRequest) -> Opening:
        _require_gateway(await self._desk.store.read(read_task, task_id), self._desk.gateways)
        return partial(_answer, task_id=task_id, prompt=wanted.prompt, mask=await self._take_mask(wanted.mask))

    async def _take_mask(self, text: str | None) -> list[Attachment]:
        """The mask, or none. Raises a 422 for what is no PNG."""
        if text is None:
            return []
        try:
            masks = await self._desk.take_attachments([text])
        except HookError as error:
            raise tell_mistakes([f"mask: {error}"]) from None
        if masks[0].media_type != MASK:
            raise tell_mistakes([f"mask: it is {masks[0].media_type}; a mask is a PNG"])
        return masks


def _click(
    tx: Transaction, *, task_id: str, wanted: ClickRequest, mask: list[Attachment], gateways: Collection[str]
) -> tuple[int, Task]:
    parent = read_task(tx, task_id)
    button = _choose(parent, wanted, gateways)
    names = keep_attachments(tx, mask)
    request: JSON = {}
    if wanted.prompt is not None or names:
        request["window"] = {"prompt": wanted.prompt, "mask": names[0] if names else None}
    child, new = open_click(tx, parent, button, origin=wanted.origin, request=request)
    return (202 if new else 200), child


def _answer(tx: Transaction, *, task_id: str, prompt: str | None, mask: list[Attachment]) -> tuple[int, Task]:
    names = keep_attachments(tx, mask)
    return 202, answer_window(tx, task_id, prompt=prompt, mask=names[0] if names else None)


def _choose(parent: Task, wanted: ClickRequest, gateways: Collection[str]) -> Button:
    """The button that is meant, where it can be clicked. Raises a 409 or a 422."""
    if parent.status != Status.SUCCESS:
        raise Problem(409, f"Buttons belong to a task that has succeeded; this one is {parent.status}.")
    _require_gateway(parent, gateways)
    try:
        if wanted.kind is not None:
            button = choose_kind(parent, wanted.kind, wanted.index, windows=True)
        else:
            button = choose_button(parent, wanted.button or "", windows=True)
    except CannotClick as error:
        raise Problem(422, f"button: {error}") from None
    never_asks = button.custom_id is None or button.kind in NEVER_ASK or button.kind.startswith("upsample_")
    for name, given in (("prompt", wanted.prompt), ("mask", wanted.mask)):
        if given is not None and never_asks:
            raise Problem(422, f"{name}: the button {button.label or button.emoji!r} opens no window that takes one")
    return button


def _require_gateway(task: Task, gateways: Collection[str]) -> None:
    """Raise a 409 where nothing can be asked of the task's gateway."""
    if task.gateway_id is None:
        raise Problem(
            409,
            f"It is {task.status}, but its gateway has never named it, so nothing of it can be clicked there."
            f" POST /v1/tasks/{task.id}/reconcile looks for the name; then try again.",
        )
    if task.gateway not in gateways:
        raise Problem(
            409, f"Its gateway, {task.gateway!r}, is not configured any more; there is {', '.join(gateways)}."
        )
