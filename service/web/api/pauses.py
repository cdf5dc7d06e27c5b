"""What stops: every paid submission, or one rule."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.envelope import format_time
from service.rules.rulebook import THEN
from service.web.api.orders import Origin
from service.web.calls import Call, answer_json, read_optional_body
from service.web.desk import Desk
from service.web.problems import Problem
from service.written.mistakes import did_you_mean, quoted
from storage.firings import list_firings
from storage.pauses import EVERYTHING, Pause, list_pauses, pause, resume
from storage.store import Store
from storage.withdrawals import count_unsent, withdraw_follow_ups

NAMED: Final = 10  # rules that a message names, where none comes near what was asked for


class PauseRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who stops it, and why."""

    origin: Origin = "api"
    detail: Annotated[str, msgspec.Meta(max_length=500)] | None = None  # for whoever wonders later


class RulePauseRequest(PauseRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, and what becomes of what the rule has decided already."""

    drop: bool = False  # take back what has not been sent, and what waits


class ResumeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """It goes on; there is nothing to say."""


class PauseState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something stands still, and since when."""

    scope: str  # a rule's id, or "*": every paid submission
    paused: bool
    since: str | None
    origin: str | None  # who paused it: api, cli, fuse …
    detail: str | None


class PauseChange(PauseState, frozen=True, kw_only=True):
    """How it stands now, and whether that is new."""

    changed: bool  # False where it stood so before; the first pause keeps its words


class Outstanding(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule has decided, and what is not done yet."""

    tasks: int  # that it opened and that were not sent
    firings: int  # that wait


class RulePauseChange(PauseChange, frozen=True, kw_only=True):
    """The same of a rule, with what it decided before."""

    waiting: Outstanding  # its tasks are sent all the same; its firings are blocked when they are due
    dropped: Outstanding  # taken back by this call


class PauseCalls:
    """The calls that stop and go on."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        stopped, going = ("It stands still", "PauseChange"), ("It goes on", "PauseChange")
        missing = ("No rule of that id, and none that ever decided", "Problem")
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
                summary="Stop a rule: what it would do is kept as a blocked firing; `then` stops every task's own list",
                body=RulePauseRequest,
                answers={200: ("It stands still", "RulePauseChange"), 404: missing},
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
        return answer_json({"pauses": [show_pause(each) for each in pauses], "next": None})

    async def pause(self, request: Request) -> Response:
        """`POST /v1/pause`."""
        wanted = await read_optional_body(request, PauseRequest)
        changed = await self._desk.store.write(pause, EVERYTHING, origin=wanted.origin, detail=wanted.detail)
        return answer_json(await self._look(EVERYTHING, changed=changed))

    async def resume(self, request: Request) -> Response:
        """`POST /v1/resume`."""
        return await self._resume(request, EVERYTHING)

    async def pause_rule(self, request: Request) -> Response:
        """`POST /v1/rules/{id}/pause`."""
        rule, store = request.path_params["id"], self._desk.store
        await require_known(self._desk, rule)
        wanted = await read_optional_body(request, RulePauseRequest)
        changed = await store.write(pause, rule, origin=wanted.origin, detail=wanted.detail)
        dropped = await _drop(store, rule) if wanted.drop else Outstanding(tasks=0, firings=0)
        state = await self._look(rule, changed=changed)
        waiting = await count_outstanding(store, rule)
        return answer_json(RulePauseChange(**msgspec.structs.asdict(state), waiting=waiting, dropped=dropped))

    async def resume_rule(self, request: Request) -> Response:
        """`POST /v1/rules/{id}/resume`."""
        rule = request.path_params["id"]
        if not (await self._look(rule, changed=False)).paused:
            await require_known(self._desk, rule)
        return await self._resume(request, rule)

    async def _resume(self, request: Request, scope: str) -> Response:
        await read_optional_body(request, ResumeRequest)
        changed = await self._desk.store.write(resume, scope)
        return answer_json(await self._look(scope, changed=changed))

    async def _look(self, scope: str, *, changed: bool) -> PauseChange:
        pauses = await self._desk.store.read(list_pauses)
        state = next((show_pause(each) for each in pauses if each.scope == scope), None)
        if state is None:
            state = PauseState(scope=scope, paused=False, since=None, origin=None, detail=None)
        return PauseChange(**msgspec.structs.asdict(state), changed=changed)


async def _drop(store: Store, rule: str) -> Outstanding:
    """Take back what a paused rule has planned, a little at a time: callbacks wait for each commit."""
    tasks = firings = 0
    while any(dropped := await store.write(withdraw_follow_ups, rule)):
        tasks, firings = tasks + dropped[0], firings + dropped[1]
    return Outstanding(tasks=tasks, firings=firings)


async def count_outstanding(store: Store, rule: str) -> Outstanding:
    """Count what a rule has decided, and what is not done yet."""
    tasks, firings = await store.search(count_unsent, rule)
    return Outstanding(tasks=tasks, firings=firings)


def show_pause(found: Pause) -> PauseState:
    """Give a pause as `/v1` shows it."""
    return PauseState(
        scope=found.scope, paused=True, since=format_time(found.since), origin=found.origin, detail=found.detail
    )


async def require_known(desk: Desk, rule: str) -> None:
    """Raise a 404 unless it is `then`, a rule in force, or one that is gone and has decided something."""
    if rule != THEN and not await desk.store.search(list_firings, rule=rule, limit=1):
        require_rule(desk, rule)


def require_rule(desk: Desk, rule: str) -> None:
    """Raise a 404 where the rules in force have none of that id."""
    known = [each.id for each in desk.ruling.rulebook.rules]
    if rule not in known:
        raise Problem(404, f"There is no rule {quoted(rule)}{did_you_mean(rule, known) or _name(known)}.")


def _name(rules: Sequence[str]) -> str:
    more = f" and {len(rules) - NAMED} more" if len(rules) > NAMED else ""
    return f"; there is {', '.join(rules[:NAMED])}{more}" if rules else "; no rule is in force"
