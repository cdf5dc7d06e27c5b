"""The ASGI application: one door for hooks, and behind the key guard everything else."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from hooks.receiver import PREFIX, Receiver
from service.web.api.events import EventCalls
from service.web.api.orders import OrderCalls
from service.web.api.tasks import TaskCalls
from service.web.auth import KeyGuard
from service.web.calls import Call, make_routes
from service.web.desk import Desk
from service.web.health import HealthCalls
from service.web.problems import HANDLERS
from service.web.schema import SchemaCalls


def list_calls(desk: Desk) -> list[Call]:
    """Every call of the API, in the order of its description."""
    rooms = (OrderCalls(desk), TaskCalls(desk), EventCalls(desk), HealthCalls(desk))
    calls = [call for room in rooms for call in room.calls()]
    return [*calls, *SchemaCalls(calls).calls()]


def create_site(desk: Desk, receiver: Receiver, *, api_keys: Sequence[str], lifespan: Lifespan[Starlette]) -> ASGIApp:
    """Put the application together."""
    calls = list_calls(desk)
    site = Starlette(routes=make_routes(calls), exception_handlers=HANDLERS, lifespan=lifespan)
    open_paths = {call.path for call in calls if call.public}
    return FrontDoor(receiver, KeyGuard(site, api_keys=api_keys, open_paths=open_paths))


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
