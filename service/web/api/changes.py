"""What a person changes about a task: its tags, or that it is asked for once more."""

from collections.abc import Collection
from functools import partial
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.envelope import show_task
from service.web.api.orders import Origin, Tag, find_tag_mistakes
from service.web.calls import Call, answer_json, read_body, read_optional_body
from service.web.creation import Opening, create_once
from service.web.desk import Desk
from service.web.problems import Problem, tell_mistakes
from service.written.mistakes import quoted
from storage.errors import NoRequest
from storage.openings import open_retry
from storage.records import FAILURES, SubmissionState, Task
from storage.tasks import add_tags, read_task, remove_tags
from storage.transaction import Transaction

Tags = Annotated[tuple[Tag, ...], msgspec.Meta(max_length=32)]


class ResubmitRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What asks for a task once more, as it was asked for."""

    origin: Origin = "api"


class TagsRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tags a task gets, and which it loses."""

    add: Tags = ()
    remove: Tags = ()


class ChangeCalls:
    """The calls that change a task from here, without its gateway."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        missing = ("No such task", "Problem")
        return [
            Call(
                method="POST",
                path="/v1/tasks/{id}/resubmit",
                handler=self.resubmit,
                summary="Ask once more for what ended badly or is lost, in the same chain",
                body=ResubmitRequest,
                needs_body=False,
                creates=True,
                answers={
                    202: ("The new task", "Task"),
                    200: ("The task that it was asked for once more with already; nothing was spent", "Task"),
                    404: missing,
                    409: ("It has not ended badly, or its gateway is not configured any more", "Problem"),
                },
            ),
            Call(
                method="POST",
                path="/v1/tasks/{id}/tags",
                handler=self.tag,
                summary="Add and remove tags",
                body=TagsRequest,
                answers={200: ("The task", "Task"), 404: missing},
            ),
        ]

    async def resubmit(self, request: Request) -> Response:
        """`POST /v1/tasks/{id}/resubmit`."""
        wanted = await read_optional_body(request, ResubmitRequest)
        prepare = partial(self._prepare, request.path_params["id"], wanted)
        return await create_once(self._desk.store, request, wanted, prepare)

    async def tag(self, request: Request) -> Response:
        """`POST /v1/tasks/{id}/tags`."""
        wanted = await read_body(request, TagsRequest)
        both = sorted(set(wanted.add) & set(wanted.remove))
        mistakes = [f"add: {quoted(each)} is to be removed, too" for each in both]
        if mistakes := mistakes + find_tag_mistakes("add", wanted.add):
            raise tell_mistakes(mistakes)
        task = await self._desk.store.write(_tag, request.path_params["id"], wanted)
        return answer_json(show_task(task))

    async def _prepare(self, task_id: str, wanted: ResubmitRequest) -> Opening:
        return partial(_resubmit, task_id=task_id, origin=wanted.origin, gateways=self._desk.gateways)


def _resubmit(tx: Transaction, *, task_id: str, origin: str, gateways: Collection[str]) -> tuple[int, Task]:
    task = read_task(tx, task_id)
    if task.status not in FAILURES and task.submission != SubmissionState.LOST:
        raise Problem(409, f"Only what ended badly or is lost is asked for once more; it is {task.status}.")
    if task.gateway not in gateways:
        known = ", ".join(gateways)
        raise Problem(409, f"Its gateway, {task.gateway!r}, is not configured any more; there is {known}.")
    try:
        retry, new = open_retry(tx, task, origin=origin)
    except NoRequest as error:
        raise Problem(409, str(error)) from None
    return (202 if new else 200), retry


def _tag(tx: Transaction, task_id: str, wanted: TagsRequest) -> Task:
    task = read_task(tx, task_id)
    if wanted.remove:
        task = remove_tags(tx, task_id, wanted.remove)
    return add_tags(tx, task_id, wanted.add) if wanted.add else task
