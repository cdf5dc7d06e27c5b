"""`/v1/tasks`: open, look, wait, click."""

import asyncio
from typing import Annotated, Any, Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.buttons import find_button, synthesise_button
from hooks.prompts import parse_params
from service.web.calls import Call, Parameter, answer_json, read_body, read_idempotency
from service.web.desk import Desk
from service.web.problems import Problem
from service.web.representations import show_event, show_firing, show_task
from storage.events import list_events
from storage.firings import list_firings
from storage.idempotency import answer_once
from storage.records import Button, NewTask, Status, SubmissionState, Task
from storage.tasks import list_tasks, open_click, open_task, read_chain, read_task
from storage.transaction import Transaction

MAX_WAIT: Final = 60.0  # seconds
MAX_PAGE: Final = 1000
PAGE: Final = 100

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


class TaskCalls:
    """The calls about tasks."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        wait = Parameter(name="wait", about="seconds to wait for its ending", kind="seconds", most=MAX_WAIT)
        limit = Parameter(name="limit", about="how many at most", kind="whole", least=1, most=MAX_PAGE)
        one, missing = ("The task", "Task"), ("No such task", "Problem")
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
                method="GET",
                path="/v1/tasks",
                handler=self.page,
                summary="List tasks, newest first",
                parameters=(
                    Parameter(name="status", about="any of these statuses", kind="list"),
                    Parameter(name="action", about="any of these actions", kind="list"),
                    Parameter(name="tag", about="has this tag"),
                    Parameter(name="gateway", about="of this gateway"),
                    Parameter(name="state", about="has this client's state"),
                    Parameter(name="root", about="of this chain"),
                    Parameter(name="q", about="this text in the prompt"),
                    Parameter(name="cursor", about="`next` of the page before"),
                    limit,
                ),
                answers={200: ("A page of tasks", "TaskPage")},
            ),
            Call(
                method="GET",
                path="/v1/tasks/{id}",
                handler=self.read,
                summary="One task; with `wait`, when it has ended or the time is up",
                parameters=(wait, Parameter(name="for", about="what to wait for", among=("task", "chain"))),
                answers={200: one, 404: missing},
            ),
            Call(
                method="GET",
                path="/v1/tasks/{id}/events",
                handler=self.events,
                summary="Its history, oldest first",
                parameters=(Parameter(name="after", about="a `seq` to go on from", kind="whole"), limit),
                answers={200: ("A page of events", "EventPage"), 404: missing},
            ),
            Call(
                method="GET",
                path="/v1/tasks/{id}/chain",
                handler=self.chain,
                summary="The whole chain that it belongs to, the root first",
                answers={200: ("Every task of the chain", "TaskPage"), 404: missing},
            ),
            Call(
                method="GET",
                path="/v1/tasks/{id}/firings",
                handler=self.firings,
                summary="What rules decided about it",
                answers={200: ("A page of firings", "FiringPage"), 404: missing},
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
                    409: ("It has not succeeded", "Problem"),
                },
            ),
            Call(
                method="POST",
                path="/v1/tasks/{id}/reconcile",
                handler=self.reconcile,
                summary="Ask its gateway about it now",
                answers={200: one, 404: missing, 502: ("The gateway could not be asked", "Problem")},
            ),
        ]

    async def create(self, request: Request) -> Response:
        """`POST /v1/tasks`."""
        wanted = await read_body(request, TaskRequest)
        gateway = wanted.gateway or self._desk.gateways[0]
        if gateway not in self._desk.gateways:
            raise Problem(422, f"gateway: {gateway!r} is not configured; there is {', '.join(self._desk.gateways)}")
        if mistakes := self._desk.check_then(list(wanted.then)):
            raise Problem(422, f"then: {'; '.join(mistakes)}", errors=[f"then: {each}" for each in mistakes])
        if not wanted.prompt.strip():
            raise Problem(422, "prompt: it is blank")
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

    async def page(self, request: Request) -> Response:
        """`GET /v1/tasks`."""
        query = dict(request.state.query)
        limit, before = query.pop("limit", PAGE), query.pop("cursor", None)
        tasks = await self._desk.store.read(list_tasks, **query, before=before, limit=limit)
        following = tasks[-1].id if len(tasks) == limit else None
        return answer_json({"tasks": [show_task(task) for task in tasks], "next": following})

    async def read(self, request: Request) -> Response:
        """`GET /v1/tasks/{id}`."""
        query, task_id = request.state.query, request.path_params["id"]
        deadline = asyncio.get_running_loop().time() + query.get("wait", 0)
        store = self._desk.store
        with store.bell.listen("events") as listener:
            while True:
                task = await store.read(read_task, task_id)
                left = deadline - asyncio.get_running_loop().time()
                if left <= 0 or self._desk.goodbye.said or await self._is_settled(task, query.get("for", "task")):
                    return answer_json(show_task(task))
                await listener.wait(left)

    async def _is_settled(self, task: Task, whole: str) -> bool:
        if whole == "task":
            return task.settled
        return all(each.settled for each in await self._desk.store.read(read_chain, task.id))

    async def events(self, request: Request) -> Response:
        """`GET /v1/tasks/{id}/events`."""
        query, task_id = request.state.query, request.path_params["id"]
        await self._desk.store.read(read_task, task_id)
        events, horizon = await self._desk.store.read(
            list_events, task=task_id, after=query.get("after", 0), limit=query.get("limit", PAGE)
        )
        return answer_json({"events": [show_event(event) for event in events], "next": horizon})

    async def chain(self, request: Request) -> Response:
        """`GET /v1/tasks/{id}/chain`."""
        tasks = await self._desk.store.read(read_chain, request.path_params["id"])
        return answer_json({"tasks": [show_task(task) for task in tasks], "next": None})

    async def firings(self, request: Request) -> Response:
        """`GET /v1/tasks/{id}/firings`."""
        task = await self._desk.store.read(read_task, request.path_params["id"])
        firings = await self._desk.store.read(list_firings, task=task.id, limit=MAX_PAGE)
        return answer_json({"firings": [show_firing(firing) for firing in firings], "next": None})

    async def click(self, request: Request) -> Response:
        """`POST /v1/tasks/{id}/click`."""
        wanted = await read_body(request, ClickRequest)
        return await self._answer(request, wanted, _click, request.path_params["id"], wanted)

    async def reconcile(self, request: Request) -> Response:
        """`POST /v1/tasks/{id}/reconcile`."""
        task = await self._desk.store.read(read_task, request.path_params["id"])
        if task.submission in (SubmissionState.PLANNED, SubmissionState.SENDING, SubmissionState.REJECTED):
            raise Problem(
                409, f"Its submission is {task.submission}: there is nothing at the gateway to ask about yet."
            )
        failed = await self._desk.reconciler.reconcile_task(task.gateway, task.id, task.gateway_id)
        if failed is not None:
            raise Problem(502, f"The gateway could not be asked: {failed}")
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


def _click(tx: Transaction, task_id: str, wanted: ClickRequest) -> tuple[int, Task]:
    parent = read_task(tx, task_id)
    if parent.status != Status.SUCCESS or parent.gateway_id is None:
        raise Problem(409, f"Buttons belong to a task that has succeeded; this one is {parent.status}.")
    child, new = open_click(tx, parent, _find_button(parent, wanted.button), origin=wanted.origin)
    return (202 if new else 200), child


def _find_button(parent: Task, wanted: str) -> Button:
    button = find_button(parent.buttons, wanted) if parent.buttons else synthesise_button(wanted)
    if button is None:
        there = ", ".join(each.label or each.emoji or each.custom_id or "?" for each in parent.buttons)
        raise Problem(422, f"button: there is no {wanted!r} on this task; there is {there or 'none'}")
    if button.opens_modal:
        raise Problem(422, f"button: {wanted!r} opens a window, and needs a prompt or a mask")
    return button
