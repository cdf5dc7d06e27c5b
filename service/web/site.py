"""The ASGI application: one door for hooks, one for clients of gateways, and behind the key guard everything else."""

from collections.abc import Collection, Sequence

from starlette.applications import Starlette
from starlette.types import ASGIApp, Lifespan, Receive, Scope, Send

from hooks.receiver import PREFIX, Receiver
from service.web.api.adoption import AdoptionCalls
from service.web.api.changes import ChangeCalls
from service.web.api.clicks import ClickCalls
from service.web.api.deliveries import DeliveryCalls
from service.web.api.effects import EffectCalls
from service.web.api.errands import ErrandCalls
from service.web.api.events import EventCalls
from service.web.api.gateways import GatewayCalls
from service.web.api.orders import OrderCalls
from service.web.api.past import PastCalls
from service.web.api.pauses import PauseCalls
from service.web.api.rules import RuleCalls
from service.web.api.subscriptions import SubscriptionCalls
from service.web.api.tasks import TaskCalls
from service.web.api.upkeep import UpkeepCalls
from service.web.api.usage import UsageCalls
from service.web.api.webhook_secret import WebhookSecretCalls
from service.web.api.why import WhyCalls
from service.web.asyncapi import AsyncApiCalls
from service.web.auth import KeyGuard, KeyRing
from service.web.calls import Call, make_routes
from service.web.dashboard.door import Door, create_dashboard
from service.web.dashboard.inside import Inside
from service.web.dashboard.pages import list_pages
from service.web.dashboard.sessions import Sessions
from service.web.desk import Desk
from service.web.facade.routes import Facade, is_facade
from service.web.health import HealthCalls
from service.web.problems import HANDLERS
from service.web.schema import SchemaCalls


def list_calls(desk: Desk) -> list[Call]:
    """Every call of the API, in the order of its description."""
    rooms = (
        OrderCalls(desk),
        AdoptionCalls(desk),  # before the calls about one task, whose addresses have room for any word
        TaskCalls(desk),
        ClickCalls(desk),
        ErrandCalls(desk),
        ChangeCalls(desk),
        EventCalls(desk),
        RuleCalls(desk),
        WhyCalls(desk),
        PastCalls(desk),
        EffectCalls(desk),
        SubscriptionCalls(desk),
        UpkeepCalls(desk),
        DeliveryCalls(desk),
        WebhookSecretCalls(desk),
        PauseCalls(desk),
        UsageCalls(desk),
        GatewayCalls(desk),
        HealthCalls(desk),
    )
    calls = [call for room in rooms for call in room.calls()]
    calls += AsyncApiCalls(desk, calls).calls()
    return [*calls, *SchemaCalls(calls).calls()]


def create_site(
    desk: Desk,
    receiver: Receiver,
    *,
    api_keys: Sequence[str],
    secret_keys: Sequence[str],
    lifespan: Lifespan[Starlette],
) -> ASGIApp:
    """Put the application together."""
    calls = list_calls(desk)
    site = Starlette(routes=make_routes(calls), exception_handlers=HANDLERS, lifespan=lifespan)
    open_paths = {call.path for call in calls if call.public}
    keys = KeyRing(api_keys)
    door = Door(desk, Inside(site), Sessions(desk.store, keys, secret_keys))
    dashboard = create_dashboard(list_pages(door))
    api = KeyGuard(site, keys=keys, open_paths=open_paths)
    return FrontDoor(receiver, Facade(desk, keys), api, dashboard, api_paths={call.path for call in calls})


class FrontDoor:
    """Sends callbacks straight to the receiver, the gateways' own calls to the facade, those of the API to it, and
    whoever comes for a page to the dashboard.
    """

    def __init__(
        self, receiver: Receiver, facade: Facade, api: ASGIApp, dashboard: ASGIApp, *, api_paths: Collection[str]
    ) -> None:
        self._receiver = receiver
        self._facade = facade
        self._api = api
        self._dashboard = dashboard
        self._api_paths = frozenset(api_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose."""
        await self._choose(scope)(scope, receive, send)

    def _choose(self, scope: Scope) -> ASGIApp:
        if scope["type"] != "http":
            return self._api
        path = scope["path"]
        if path.startswith(PREFIX):
            return self._receiver
        if is_facade(path):
            return self._facade
        is_call = path == "/v1" or path.startswith("/v1/") or path in self._api_paths
        # A browser has a cookie or nothing; who shows a key is a program, and is told in its own way.
        return (
            self._api if is_call or any(name == b"authorization" for name, _ in scope["headers"]) else self._dashboard
        )
