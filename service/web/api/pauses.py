"""What stops: every paid submission, or one rule."""

from functools import partial
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from service.web.api.orders import Origin
from service.web.calls import Call, answer_json, read_optional_body
from service.web.desk import Desk
from service.web.problems import Problem
from service.web.representations import format_time
from service.written.mistakes import did_you_mean, quoted
from storage.pauses import EVERYTHING, Pause, list_pauses, pause, resume
from storage.store import Store


class PauseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who stops it, and why."""

    origin: Origin = "api"
    detail: Annotated[str, msgspec.Meta(max_length=500)] | None = None  # for whoever wonders later


class ResumeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """It goes on; there is nothing to say."""


class PauseState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something stands still, and since when."""

    scope: str  # a rule's id, or "*": every paid submission
    paused: bool
    since: str | None
    origin: str | None  # who paused it: api, cli, fuse …
    detail: str | None


class PauseCalls:
    """The calls that stop and go on."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        stopped, going = ("It stands still", "PauseState"), ("It goes on", "PauseState")
        missing = ("No rule of that id, and no pause", "Problem")
        call = partial(Call, method="POST", needs_body=False)
        return [
            Call(
                method="GET",
                path="/v1/pauses",
                handler=self.page,
                summary="Everything that stands still, the oldest first",
                answers={200: ("Every pause", "PauseStatePage")},
            ),
            call(
                path="/v1/pause",
                handler=self.pause,
                summary="Stop every paid submission at once, whoever asks for it; what comes meanwhile waits",
                body=PauseRequest,
                answers={200: stopped},
            ),
            call(
                path="/v1/resume",
                handler=self.resume,
                summary="Let submissions go on where they stopped",
                body=ResumeRequest,
                answers={200: going},
            ),
            call(
                path="/v1/rules/{id}/pause",
                handler=self.pause_rule,
                summary="Stop a rule: what it would do is kept as a blocked firing",
                body=PauseRequest,
                answers={200: stopped, 404: missing},
            ),
            call(
                path="/v1/rules/{id}/resume",
                handler=self.resume_rule,
                summary="Let a rule fire again; what was blocked meanwhile stays blocked",
                body=ResumeRequest,
                answers={200: going, 404: missing},
            ),
        ]

    async def page(self, _request: Request) -> Response:
        """`GET /v1/pauses`."""
        pauses = await self._desk.store.read(list_pauses)
        return answer_json({"pauses": [_show(each) for each in pauses], "next": None})

    async def pause(self, request: Request) -> Response:
        """`POST /v1/pause`."""
        return await self._pause(request, EVERYTHING)

    async def resume(self, request: Request) -> Response:
        """`POST /v1/resume`."""
        return await self._resume(request, EVERYTHING)

    async def pause_rule(self, request: Request) -> Response:
        """`POST /v1/rules/{id}/pause`."""
        rule = request.path_params["id"]
        require_rule(self._desk, rule)
        return await self._pause(request, rule)

    async def resume_rule(self, request: Request) -> Response:
        """`POST /v1/rules/{id}/resume`: also of a rule that is not in the file any more, if it is paused."""
        rule = request.path_params["id"]
        if not (await _look(self._desk.store, rule)).paused:
            require_rule(self._desk, rule)
        return await self._resume(request, rule)

    async def _pause(self, request: Request, scope: str) -> Response:
        wanted = await read_optional_body(request, PauseRequest)
        await self._desk.store.write(pause, scope, origin=wanted.origin, detail=wanted.detail)
        return answer_json(await _look(self._desk.store, scope))

    async def _resume(self, request: Request, scope: str) -> Response:
        await read_optional_body(request, ResumeRequest)
        await self._desk.store.write(resume, scope)
        return answer_json(await _look(self._desk.store, scope))


async def _look(store: Store, scope: str) -> PauseState:
    for each in await store.read(list_pauses):
        if each.scope == scope:
            return _show(each)
    return PauseState(scope=scope, paused=False, since=None, origin=None, detail=None)


def _show(found: Pause) -> PauseState:
    return PauseState(
        scope=found.scope, paused=True, since=format_time(found.since), origin=found.origin, detail=found.detail
    )


def require_rule(desk: Desk, rule: str) -> None:
    """Raise a 404 where the rules in force have none of that id."""
    known = [each.id for each in desk.ruling.rulebook.rules]
    if rule not in known:
        raise Problem(404, f"There is no rule {quoted(rule)}{did_you_mean(rule, known)}; GET /v1/rules lists them.")
