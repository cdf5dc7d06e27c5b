"""`/v1/tasks`: what moves something: open, click, ask the gateway."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.buttons import choose_button
from hooks.errors import CannotClick
from hooks.prompts import parse_params
from service.web.calls import Call, answer_json, read_body, read_idempotency
from service.web.desk import Desk
from service.web.problems import Problem, tell_mistakes
from service.web.representations import show_task
from storage.idempotency import answer_once
from storage.openings import open_click, open_task
from storage.records import NewTask, Status, SubmissionState, Task
from storage.tasks import read_task
from storage.transaction import Transaction

Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class TaskRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What opens a task."""

    prompt: Annotated[str, msgspec.Meta(min_length=1, max_length=20_000)]
    action: Literal["IMAGINE"] = "IMAGINE"
    gateway: str | None = None  # a configured gateway's name; the default one when left out
    tags: Annotated[tuple[Tag, ...], msgspec.Meta(max_length=32)] = ()
    state: Annotated[str, msgspec.Meta(max_length=1000)] | None = None  # yours; given back untouched
    then: Annotated[tuple[str, ...], msgspec.Meta(max_length=8)] = ()  # buttons to click when it succeeds
    origin: Literal["api", "cli"] = "api"


class ClickRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What clicks a button of a finished task."""

    button: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]  # label, emoji or customId
    origin: Literal["api", "cli"] = "api"


class OrderCalls:
    """The calls that move something."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        missing = ("No such task", "Problem")
        return [
            Call(
                method="POST",
                path="/v1/tasks",
                handler=self.create,
                summary="Open a task with its submission; answered once both are committed",
                body=TaskRequest,
                creates=True,
                answers={202: ("The task, which will be submitted now", "Task")},
            ),
            Call(
                method="POST",
                path="/v1/tasks/{id}/click",
                handler=self.click,
                summary="Click one of its buttons",
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
                path="/v1/tasks/{id}/reconcile",
                handler=self.reconcile,
                summary="Ask its gateway about it now",
                answers={
                    200: ("The task", "Task"),
                    404: missing,
                    409: ("Nothing is at its gateway yet", "Problem"),
                    502: ("The gateway told nothing of it", "Problem"),
                },
            ),
        ]

    async def create(self, request: Request) -> Response:
        """`POST /v1/tasks`."""
        wanted = await read_body(request, TaskRequest)
        gateway = wanted.gateway or self._desk.gateways[0]
        configured = self._desk.gateways
        mistakes = [f"then: {each}" for each in self._desk.check_then(list(wanted.then))]
        if gateway not in configured:
            mistakes.append(f"gateway: {gateway!r} is not configured; there is {', '.join(configured)}")
        if not wanted.prompt.strip():
            mistakes.append("prompt: it is blank")
        if mistakes:
            raise tell_mistakes(mistakes)
        new = NewTask(
            gateway=gateway,
            action=wanted.action,
            prompt=wanted.prompt,
            params=parse_params(wanted.prompt),
            origin=wanted.origin,
            tags=tuple(dict.fromkeys(wanted.tags)),
            state=wanted.state,
            then=wanted.then,
        )
        return await self._answer(request, wanted, _create, new)

    async def click(self, request: Request) -> Response:
        """`POST /v1/tasks/{id}/click`."""
        wanted = await read_body(request, ClickRequest)
        return await self._answer(request, wanted, _click, request.path_params["id"], wanted, self._desk.gateways)

    async def reconcile(self, request: Request) -> Response:
        """`POST /v1/tasks/{id}/reconcile`."""
        task = await self._desk.store.read(read_task, request.path_params["id"])
        if task.submission in (SubmissionState.PLANNED, SubmissionState.SENDING, SubmissionState.REJECTED):
            raise Problem(
                409, f"Its submission is {task.submission}: there is nothing at the gateway to ask about yet."
            )
        failed = await self._desk.reconciler.reconcile_task(task.gateway, task.id, task.gateway_id)
        if failed is not None:
            raise Problem(502, f"The gateway told nothing of it: {failed}")
        return answer_json(show_task(await self._desk.store.read(read_task, task.id)))

    async def _answer(self, request: Request, body: Any, verb: Any, *args: Any) -> Response:
        """Run a verb that creates, once per Idempotency-Key, and give what it gave the first time."""
        key, fingerprint = read_idempotency(request, body)
        status, answer = await self._desk.store.write(_once, key, fingerprint, verb, args)
        return Response(answer, status_code=status, media_type="application/json")


def _once(tx: Transaction, key: str | None, fingerprint: str, verb: Any, args: tuple[Any, ...]) -> tuple[int, str]:
    def make() -> tuple[int, str]:
        status, task = verb(tx, *args)
        return status, msgspec.json.encode(show_task(task)).decode()

    return answer_once(tx, key, fingerprint, make)


def _create(tx: Transaction, new: NewTask) -> tuple[int, Task]:
    return 202, open_task(tx, new)


def _click(tx: Transaction, task_id: str, wanted: ClickRequest, gateways: Sequence[str]) -> tuple[int, Task]:
    parent = read_task(tx, task_id)
    if parent.status != Status.SUCCESS:
        raise Problem(409, f"Buttons belong to a task that has succeeded; this one is {parent.status}.")
    if parent.gateway_id is None:
        raise Problem(
            409,
            "It has succeeded, but its gateway has never named it, so nothing of it can be clicked there."
            f" POST /v1/tasks/{parent.id}/reconcile looks for the name; then click again.",
        )
    if parent.gateway not in gateways:
        raise Problem(
            409, f"Its gateway, {parent.gateway!r}, is not configured any more; there is {', '.join(gateways)}."
        )
    try:
        button = choose_button(parent, wanted.button)
    except CannotClick as error:
        raise Problem(422, f"button: {error}") from None
    child, new = open_click(tx, parent, button, origin=wanted.origin)
    return (202 if new else 200), child
