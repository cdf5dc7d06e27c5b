"""`/mj/task/{id}/cancel` and `…/image-seed`: what a gateway is asked while the client waits, and costs nothing."""

from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from service.web.api.errands import ErrandCalls
from service.web.facade.answers import DONE, FAILED, INVALID, NOT_FOUND, SUCCESS, Refusal, answer, envelope
from service.web.facade.finder import Finder
from service.web.facade.submits import UNKNOWN_PARENT, WRONG_STATUS
from service.web.problems import Problem
from storage.records import Status

T = TypeVar("T")


class FacadeErrands:
    """The errands of the API, under the names that clients of gateways have for tasks."""

    def __init__(self, errands: ErrandCalls, finder: Finder) -> None:
        self._errands = errands
        self._finder = finder

    async def cancel(self, request: Request) -> Response:
        """`POST /task/{id}/cancel`."""
        name = request.path_params["id"]
        found = await self._finder.find((name,))
        if name not in found:
            raise Refusal(UNKNOWN_PARENT, NOT_FOUND)
        await _translate(self._errands.give_up(found[name].id))
        return answer(envelope(SUCCESS, DONE, result=name))

    async def read_seed(self, request: Request) -> Response:
        """`GET /task/{id}/image-seed`. The HTTP statuses are those of trueai-org's proxy."""
        name = request.path_params["id"]
        found = await self._finder.find((name,))
        if name not in found:
            raise Refusal(UNKNOWN_PARENT, NOT_FOUND, 404)
        if found[name].status != Status.SUCCESS:
            raise Refusal(WRONG_STATUS, INVALID, 400)
        return answer(envelope(SUCCESS, DONE, result=await _translate(self._errands.ask_seed(found[name].id))))


async def _translate(errand: Awaitable[T]) -> T:
    """An errand, with what went wrong in the envelope of gateways: the code is theirs where they gave one."""
    try:
        return await errand
    except Problem as problem:
        code = problem.more.get("gateway_code")
        raise Refusal(str(problem), code if isinstance(code, int) else FAILED) from None
