"""`/v1/tasks`: look and wait."""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from hooks.envelope import show_event, show_task
from service.rules.fields import ACTIONS
from service.web.calls import Call, Parameter, answer_json
from service.web.desk import Desk
from service.web.representations import show_firing, show_submission
from storage.chains import is_settled, read_chain
from storage.events import list_events
from storage.firings import list_firings
from storage.records import Status
from storage.submissions import list_submissions
from storage.tasks import list_chain, list_tasks, read_task

MAX_WAIT: Final = 60.0  # seconds
MAX_PAGE: Final = 1000
PAGE: Final = 100
STATUSES: Final = tuple(map(str, Status))
KNOWN_ACTIONS: Final = tuple(sorted(ACTIONS))
OWN_WORDS: Final = "words of a gateway's own are looked for as they are"


class TaskCalls:
    """The calls that only look."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        wait = Parameter(name="wait", about="seconds to wait for its ending", kind="seconds", most=MAX_WAIT)
        limit = Parameter(name="limit", about="how many at most", kind="whole", least=1, most=MAX_PAGE)
        one, missing = ("The task", "Task"), ("No such task", "Problem")
        return [
            Call(
                method="GET",
                path="/v1/tasks",
                handler=self.page,
                summary="List tasks, newest first",
                parameters=(
                    Parameter(name="status", about=f"any of these statuses; {OWN_WORDS}", kind="list", known=STATUSES),
                    Parameter(
                        name="action", about=f"any of these actions; {OWN_WORDS}", kind="list", known=KNOWN_ACTIONS
                    ),
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
                summary="The whole chain that it belongs to, the root first, and what became of it so far",
                answers={200: ("Every task of the chain, and its counts and pictures", "ChainPage"), 404: missing},
            ),
            Call(
                method="GET",
                path="/v1/tasks/{id}/firings",
                handler=self.firings,
                summary="What rules decided about it",
                answers={200: ("A page of firings", "FiringPage"), 404: missing},
            ),
            Call(
                method="GET",
                path="/v1/tasks/{id}/submissions",
                handler=self.submissions,
                summary="Its paid POSTs, oldest first, each with the gateway's latest answer",
                answers={200: ("A page of submissions", "SubmissionPage"), 404: missing},
            ),
        ]

    async def page(self, request: Request) -> Response:
        """`GET /v1/tasks`."""
        query = dict(request.state.query)
        limit, before = query.pop("limit", PAGE), query.pop("cursor", None)
        # The newest ones are quickly found; what is looked for may be anywhere.
        ask = self._desk.store.search if query else self._desk.store.read
        tasks = await ask(list_tasks, **query, before=before, limit=limit)
        following = tasks[-1].id if len(tasks) == limit else None
        return answer_json({"tasks": [show_task(task) for task in tasks], "next": following})

    async def read(self, request: Request) -> Response:
        """`GET /v1/tasks/{id}`."""
        query, task_id = request.state.query, request.path_params["id"]
        loop, store, goodbye = asyncio.get_running_loop(), self._desk.store, self._desk.goodbye
        deadline = loop.time() + query.get("wait", 0)
        whole, watched = query.get("for") == "chain", {task_id}
        while True:
            with store.bell.listen(*watched) as listener:
                awaited = await store.read(list_chain, task_id) if whole else [await store.read(read_task, task_id)]
                left = deadline - loop.time()
                over = await store.read(is_settled, awaited[0].root_id) if whole else awaited[0].settled
                if left <= 0 or goodbye.said or over:
                    return answer_json(show_task(next(each for each in awaited if each.id == task_id)))
                members = {each.id for each in awaited}
                if members <= watched:  # a new member is listened to before it is looked at
                    await listener.wait(left)
                watched = members

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
        tasks = await self._desk.store.read(list_chain, request.path_params["id"])
        chain = await self._desk.store.read(read_chain, tasks[0].root_id)
        return answer_json({"tasks": [show_task(task) for task in tasks], "next": None, "chain": chain})

    async def firings(self, request: Request) -> Response:
        """`GET /v1/tasks/{id}/firings`."""
        task = await self._desk.store.read(read_task, request.path_params["id"])
        firings = await self._desk.store.read(list_firings, task=task.id, limit=MAX_PAGE)
        return answer_json({"firings": [show_firing(firing) for firing in firings], "next": None})

    async def submissions(self, request: Request) -> Response:
        """`GET /v1/tasks/{id}/submissions`."""
        task = await self._desk.store.read(read_task, request.path_params["id"])
        submissions = await self._desk.store.read(list_submissions, task.id)
        return answer_json({"submissions": [show_submission(each) for each in submissions], "next": None})
