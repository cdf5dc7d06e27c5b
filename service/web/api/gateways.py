"""`/v1/gateways`: what each gateway has of ours, and how its hooks do."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.envelope import format_time
from service.gateways.actions import Mode
from service.gateways.board import Standing
from service.gateways.health import HookState
from service.web.calls import Call, answer_json
from service.web.desk import Desk


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What it is given at most; null where there is no limit."""

    in_flight: int | None  # tasks at once
    per_minute: int | None  # submissions


class Hooks(msgspec.Struct, frozen=True, kw_only=True):
    """Whether its callbacks arrive, by the latest endings of its tasks."""

    state: HookState
    by_callback: int  # endings that a callback told of
    by_fetch: int  # endings that became known because it was asked
    last_callback_at: str | None
    declared: bool | None  # what it says of itself; null where it does not say


class Polls(msgspec.Struct, frozen=True, kw_only=True):
    """Free questions."""

    made: int
    avoided: int  # what asking about each task every 5 seconds would have taken, less what was made


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway as `/v1` shows it: never its key, and of its URL only the host."""

    name: str
    host: str
    mode: Mode | None  # of tasks that ask for none
    limits: Limits
    prices: Mapping[str, float]
    groups: tuple[str, ...]
    in_flight: int  # tasks that it has of ours
    waiting: int  # submissions that are planned for it
    resting_until: str | None  # it was full, and is left alone until then
    hooks: Hooks
    polls: Polls


class GatewayCalls:
    """The calls about gateways."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        return [
            Call(
                method="GET",
                path="/v1/gateways",
                handler=self.page,
                summary="Every gateway, the default one first: limits, what is in flight, whether its hooks arrive",
                answers={200: ("Every gateway", "GatewayPage")},
            )
        ]

    async def page(self, _request: Request) -> Response:
        """`GET /v1/gateways`."""
        standings = await self._desk.board.look()
        return answer_json({"gateways": [show_gateway(each) for each in standings], "next": None})


def show_gateway(standing: Standing) -> Gateway:
    """Give a gateway as `/v1` shows it."""
    gateway, health, polls = standing.gateway, standing.health, standing.polls
    return Gateway(
        name=gateway.name,
        host=urlsplit(gateway.url).netloc.rpartition("@")[2],
        mode=gateway.mode,
        limits=Limits(in_flight=gateway.in_flight, per_minute=gateway.per_minute),
        prices=gateway.prices,
        groups=tuple(standing.groups),
        in_flight=standing.outstanding,
        waiting=standing.waiting,
        resting_until=format_time(standing.resting_until),
        hooks=Hooks(
            state=health.state,
            by_callback=health.by_callback,
            by_fetch=health.by_fetch,
            last_callback_at=format_time(standing.last_callback_at),
            declared=health.declared,
        ),
        polls=Polls(made=polls.made, avoided=polls.avoided),
    )
