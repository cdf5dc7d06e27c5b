"""The ASGI application: one door for hooks, one for clients of gateways, and behind the key guard everything else."""

from collections.abc import Sequence

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


def create_site(desk: Desk, receiver: Receiver, *, api_keys: Sequence[str], lifespan: Lifespan[Starlette]) -> ASGIApp:
    """Put the application together."""
    calls = list_calls(desk)
    site = Starlette(routes=make_routes(calls), exception_handlers=HANDLERS, lifespan=lifespan)
    open_paths = {call.path for call in calls if call.public}
    keys = KeyRing(api_keys)
    return FrontDoor(receiver, Facade(desk, keys), KeyGuard(site, keys=keys, open_paths=open_paths))


class FrontDoor:
    """Sends callbacks straight to the receiver, the gateways' own calls to the facade, and all else to the site."""

    def __init__(self, receiver: Receiver, facade: Facade, site: ASGIApp) -> None:
        self._receiver = receiver
        self._facade = facade
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Choose."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._receiver(scope, receive, send)
        elif scope["type"] == "http" and is_facade(scope["path"]):
            await self._facade(scope, receive, send)
        else:
            await self._site(scope, receive, send)
