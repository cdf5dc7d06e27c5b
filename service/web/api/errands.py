"""What is asked of a gateway at once, and costs nothing: how a task stands, to give it up, its seed."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.envelope import show_task
from service.gateways.questions import Unanswered
from service.web.calls import Call, answer_json, read_optional_body
from service.web.desk import Desk
from service.web.problems import Problem
from storage.records import SubmissionState, Task
from storage.tasks import read_task
from storage.withdrawals import withdraw, withdraw_chain


class CancelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is given up."""

    chain: bool = False  # everything under its root that was not sent, and nothing that a gateway has


class Seed(msgspec.Struct, frozen=True, kw_only=True):
    """What makes the same picture again."""

    seed: str


class ErrandCalls:
    """The calls that a gateway is asked for, while the caller waits."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        missing, silent = ("No such task", "Problem"), ("The gateway told nothing of it", "Problem")
        unsupported = ("The gateway has no such call", "Problem")
        return [
            Call(
                method="POST",
                path="/v1/tasks/{id}/reconcile",
                handler=self.reconcile,
                summary="Ask its gateway about it now",
                answers={
                    200: ("The task", "Task"),
                    404: missing,
                    409: ("Nothing is at its gateway yet", "Problem"),
                    502: silent,
                },
            ),
            Call(
                method="POST",
                path="/v1/tasks/{id}/cancel",
                handler=self.cancel,
                summary="Give it up: before its gateway was asked, or there, where the gateway can",
                body=CancelRequest,
                needs_body=False,
                answers={
                    200: ("The task as it is then; its ending may follow", "Cancelled"),
                    404: missing,
                    409: ("It has ended, or nobody knows whether its gateway has it, or that refused", "Problem"),
                    501: unsupported,
                    502: silent,
                },
            ),
            Call(
                method="GET",
                path="/v1/tasks/{id}/image-seed",
                handler=self.read_seed,
                summary="The number that makes the same picture again, asked of its gateway",
                answers={
                    200: ("The seed", "Seed"),
                    404: missing,
                    409: ("Its gateway never named it, or refused", "Problem"),
                    501: unsupported,
                    502: silent,
                },
            ),
        ]

    async def reconcile(self, request: Request) -> Response:
        """`POST /v1/tasks/{id}/reconcile`."""
        task = await self._read(request)
        if task.submission in (SubmissionState.PLANNED, SubmissionState.SENDING, SubmissionState.REJECTED):
            raise Problem(
                409, f"Its submission is {task.submission}: there is nothing at the gateway to ask about yet."
            )
        failed = await self._desk.reconciler.reconcile_task(task.gateway, task.id, task.gateway_id)
        if failed is not None:
            raise Problem(502, f"The gateway told nothing of it: {failed}")
        return answer_json(show_task(await self._read(request)))

    async def cancel(self, request: Request) -> Response:
        """`POST /v1/tasks/{id}/cancel`."""
        wanted = await read_optional_body(request, CancelRequest)
        if wanted.chain:
            withdrawn = await self._withdraw_chain((await self._read(request)).root_id)
        else:
            withdrawn = int(await self.give_up(request.path_params["id"]))
        return answer_json(show_task(await self._read(request)) | {"withdrawn": withdrawn})

    async def _withdraw_chain(self, root_id: str) -> int:
        """Take a chain back, a little at a time: callbacks wait for each commit. Gives how many tasks."""
        tasks = 0
        while any(withdrawn := await self._desk.store.write(withdraw_chain, root_id)):
            tasks += withdrawn[0]
        return tasks

    async def read_seed(self, request: Request) -> Response:
        """`GET /v1/tasks/{id}/image-seed`."""
        return answer_json(Seed(seed=await self.ask_seed(request.path_params["id"])))

    async def give_up(self, task_id: str) -> bool:
        """Cancel a task; gives whether its gateway was never asked. Raises NoSuchTask, and Problem where that cannot
        be done.
        """
        if await self._desk.store.write(withdraw, task_id):
            return True
        task = await self._desk.store.read(read_task, task_id)
        if task.ended:
            raise Problem(409, f"It has ended: it is {task.status}.")
        gateway_id = self._require_name(task)
        refused = await self._desk.clients[task.gateway].cancel(gateway_id)
        if refused is not None:
            raise tell_unanswered(refused)
        # The callback may come later, or never. What cannot be asked now is asked by the reconciler.
        await self._desk.reconciler.reconcile_task(task.gateway, task.id, task.gateway_id)
        return False

    async def ask_seed(self, task_id: str) -> str:
        """Ask its gateway for a task's seed. Raises NoSuchTask, and Problem where there is none to tell."""
        task = await self._desk.store.read(read_task, task_id)
        gateway_id = self._require_name(task)
        seed = await self._desk.clients[task.gateway].read_seed(gateway_id)
        if isinstance(seed, Unanswered):
            raise tell_unanswered(seed)
        return seed

    async def _read(self, request: Request) -> Task:
        return await self._desk.store.read(read_task, request.path_params["id"])

    def _require_name(self, task: Task) -> str:
        """What its gateway calls it. Raises a 409 where there is nobody to ask, or no name to ask for."""
        if task.gateway not in self._desk.clients:
            raise Problem(409, f"Its gateway, {task.gateway!r}, is not configured any more.")
        if task.gateway_id is None:
            raise Problem(409, f"Its gateway has not named it yet: its submission is {task.submission}.")
        return task.gateway_id


def tell_unanswered(answer: Unanswered) -> Problem:
    """What a caller is told where a gateway did not do it: 501 it cannot, 409 it will not, 502 nobody knows."""
    match answer.kind:
        case "unsupported":
            return Problem(501, f"The gateway cannot do that: {answer.why}")
        case "refused":
            return Problem(409, f"The gateway refused: {answer.why}", gateway_code=answer.code)
    return Problem(502, f"The gateway gave no answer: {answer.why}")
