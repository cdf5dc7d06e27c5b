"""The ASGI application: one door for hooks, and behind the key guard everything else."""

from collections.abc import Sequence
from typing import Final

from starlette.applications import Starlette
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from hooks.receiver import PREFIX, Receiver
from service.web.api.events import EventCalls
from service.web.api.tasks import TaskCalls
from service.web.auth import KeyGuard
from service.web.calls import Call
from service.web.desk import Desk
from service.web.health import HealthCalls
from service.web.problems import HANDLERS
from service.web.schema import SchemaCalls

MAX_BODY: Final = 1024 * 1024  # bytes of a call


def list_calls(desk: Desk) -> list[Call]:
    """Every call of the API, in the order of its description."""
    calls = [*TaskCalls(desk).calls(), *EventCalls(desk).calls(), *HealthCalls(desk).calls()]
    return [*calls, *SchemaCalls(calls).calls()]


def create_site(desk: Desk, receiver: Receiver, *, api_keys: Sequence[str], lifespan: Lifespan[Starlette]) -> ASGIApp:
    """Put the application together."""
    routes = [call.route() for call in list_calls(desk)]
    site = Starlette(routes=routes, exception_handlers=HANDLERS, lifespan=lifespan, max_body_size=MAX_BODY)
    return FrontDoor(receiver, KeyGuard(site, api_keys=api_keys))


class FrontDoor:
    """Sends callbacks straight to the receiver, and all else to the site."""

    def __init__(self, receiver: Receiver, site: ASGIApp) -> None:
        self._receiver = receiver
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._receiver(scope, receive, send)
        else:
            await self._site(scope, receive, send)
