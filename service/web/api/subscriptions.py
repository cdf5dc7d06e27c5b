"""`/v1/subscriptions`: who hears of which events."""

import sqlite3
from collections import defaultdict
from functools import partial
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.recipient import Recipient
from hooks.signature import make_secret
from service.subscriptions.events import find_format_mistake
from service.subscriptions.written import MOST_STANDING
from service.web.api.tasks import MAX_PAGE, PAGE
from service.web.calls import Call, Parameter, answer_json, read_body
from service.web.creation import Opening, create_once
from service.web.desk import Desk
from service.web.problems import Problem, tell_mistakes
from service.web.subscription_forms import (
    SubscriptionChange,
    SubscriptionRequest,
    find_subscription_mistakes,
    show_subscription,
)
from service.web.webhooks import Webhooks
from storage.deliveries import count_deliveries
from storage.records_of_deliveries import Subscription
from storage.subscriptions import (
    add_subscription,
    change_subscription,
    count_standing,
    delete_subscription,
    list_subscriptions,
    make_subscription_id,
    read_subscription,
)
from storage.transaction import Transaction
from storage.webhook_secrets import add_secret

_CONTENT: Final = frozenset({"url", "headers"})  # of a change: what is sealed

MISSING: Final = ("No such subscription", "Problem")
SHOWN: Final = ("The subscription", "Subscription")


class SubscriptionCalls:
    """The calls that subscribe, look, change and end."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        elsewhere = ("It stands in the configuration file, or is for one task alone", "Problem")
        one = "/v1/subscriptions/{id}"
        return [
            Call(
                method="GET",
                path="/v1/subscriptions",
                handler=self.page,
                summary="Standing subscriptions, newest first; those of one task are among its deliveries",
                parameters=(
                    Parameter(name="cursor", about="`next` of the page before"),
                    Parameter(name="limit", about="how many at most", kind="whole", least=1, most=MAX_PAGE),
                ),
                answers={200: ("A page of them", "SubscriptionPage")},
            ),
            Call(
                method="POST",
                path="/v1/subscriptions",
                handler=self.create,
                summary="Subscribe a URL to events; the secret that signs them is shown here and nowhere after",
                body=SubscriptionRequest,
                creates=True,
                answers={201: ("The subscription, with its secret", "NewSubscription")},
            ),
            Call(
                method="GET",
                path=one,
                handler=self.read,
                summary="One subscription, and how its deliveries stand",
                answers={200: SHOWN, 404: MISSING},
            ),
            Call(
                method="PATCH",
                path=one,
                handler=self.change,
                summary="Change it; what it is owed already goes by the new address",
                body=SubscriptionChange,
                answers={200: SHOWN, 404: MISSING, 409: elsewhere},
            ),
            Call(
                method="DELETE",
                path=one,
                handler=self.delete,
                summary="End it; what it is still owed is cancelled, its address and its secret are wiped",
                answers={204: ("It has ended", ""), 404: MISSING, 409: elsewhere},
            ),
        ]

    async def page(self, request: Request) -> Response:
        """`GET /v1/subscriptions`."""
        query = request.state.query
        limit = query.get("limit", PAGE)
        found, counts = await self._desk.store.search(_list, before=query.get("cursor"), limit=limit)
        shown = [show_subscription(each, counts.get(each.id, {}), self._desk.webhooks) for each in found]
        return answer_json({"subscriptions": shown, "next": found[-1].id if len(found) == limit else None})

    async def create(self, request: Request) -> Response:
        """`POST /v1/subscriptions`."""
        wanted = await read_body(request, SubscriptionRequest)
        webhooks = self._desk.webhooks
        show = partial(_show_new, webhooks=webhooks)
        prepare = partial(self._prepare, wanted)
        return await create_once(self._desk.store, request, wanted, prepare, show=show, sealer=webhooks.sealer)

    async def read(self, request: Request) -> Response:
        """`GET /v1/subscriptions/{id}`."""
        return await answer_subscription(self._desk, request.path_params["id"])

    async def change(self, request: Request) -> Response:
        """`PATCH /v1/subscriptions/{id}`."""
        wanted = await read_body(request, SubscriptionChange)
        subscription_id, store = request.path_params["id"], self._desk.store
        kept = await store.read(read_subscription, subscription_id)
        _require_ours(kept)
        if mistakes := await find_subscription_mistakes(wanted, self._desk.webhooks, kept=kept):
            raise tell_mistakes(mistakes)
        await store.write(_change, subscription_id, wanted, self._desk.webhooks)
        return await answer_subscription(self._desk, subscription_id)

    async def delete(self, request: Request) -> Response:
        """`DELETE /v1/subscriptions/{id}`."""
        await self._desk.store.write(_delete, request.path_params["id"])
        return Response(status_code=204)

    async def _prepare(self, wanted: SubscriptionRequest) -> Opening:
        """Check all that can be wrong with it."""
        if mistakes := await find_subscription_mistakes(wanted, self._desk.webhooks):
            raise tell_mistakes(mistakes)
        return partial(_create, wanted=wanted, webhooks=self._desk.webhooks)


async def answer_subscription(desk: Desk, subscription_id: str) -> Response:
    """Show a subscription as it is now. Raises NoSuchSubscription."""
    found, counts = await desk.store.search(_look, subscription_id)
    return answer_json(show_subscription(found, counts, desk.webhooks))


def _look(db: sqlite3.Connection, subscription_id: str) -> tuple[Subscription, dict[str, int]]:
    return read_subscription(db, subscription_id), _count(db).get(subscription_id, {})


def _list(
    db: sqlite3.Connection, *, before: str | None, limit: int
) -> tuple[list[Subscription], dict[str, dict[str, int]]]:
    return list_subscriptions(db, before=before, limit=limit), _count(db)


def _count(db: sqlite3.Connection) -> dict[str, dict[str, int]]:
    """How many deliveries of each subscription stand so; without those that were delivered."""
    counts = defaultdict[str, dict[str, int]](dict)
    for (subscription_id, state), count in count_deliveries(db).items():
        counts[subscription_id][state] = count
    return counts


def _create(tx: Transaction, *, wanted: SubscriptionRequest, webhooks: Webhooks) -> tuple[int, Any]:
    address = webhooks.seal(Recipient(url=wanted.url, headers=wanted.headers))
    secret = wanted.secret or make_secret()
    subscription = Subscription(
        id=make_subscription_id(),
        origin=wanted.origin,
        host=address.host,
        sealed=address.sealed,
        events=tuple(dict.fromkeys(wanted.events)),
        match=wanted.match,
        format=wanted.format,
        ordered=wanted.ordered,
        rate=wanted.rate,
        concurrency=wanted.concurrency,
        created_at=tx.now,
        updated_at=tx.now,
    )
    if count_standing(tx) >= MOST_STANDING:
        raise Problem(409, f"There are {MOST_STANDING} subscriptions already; delete one, or let one hear of more.")
    subscription = add_subscription(tx, subscription)
    add_secret(tx, subscription.id, webhooks.sealer.seal(secret), overlap=0)
    return 201, (subscription, secret)


def _show_new(made: tuple[Subscription, str], *, webhooks: Webhooks) -> dict[str, Any]:
    subscription, secret = made
    return show_subscription(subscription, {}, webhooks) | {"secret": secret}


def _change(tx: Transaction, subscription_id: str, wanted: SubscriptionChange, webhooks: Webhooks) -> None:
    before = read_subscription(tx, subscription_id)
    _require_ours(before)
    # Somebody else may have changed the other half since the form was looked at.
    events = before.events if wanted.events is msgspec.UNSET else wanted.events
    written = before.format if wanted.format is msgspec.UNSET else wanted.format
    if wrong := find_format_mistake(written, events):
        raise tell_mistakes([f"format: {wrong}"])
    said = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not msgspec.UNSET}
    changes: dict[str, Any] = {name: value for name, value in said.items() if name not in _CONTENT}
    if _CONTENT & said.keys():
        kept = webhooks.open(before) if _CONTENT - said.keys() else Recipient(url="")
        address = webhooks.seal(Recipient(url=said.get("url", kept.url), headers=said.get("headers", kept.headers)))
        changes |= {"host": address.host, "sealed": address.sealed}
    if changes:
        change_subscription(tx, subscription_id, **changes)


def _delete(tx: Transaction, subscription_id: str) -> None:
    _require_unwritten(read_subscription(tx, subscription_id), "deleted")
    delete_subscription(tx, subscription_id)


def _require_ours(subscription: Subscription) -> None:
    """Raise a 409 for one that is not changed here."""
    _require_unwritten(subscription, "changed")
    if subscription.root_id is not None:
        raise Problem(409, "It is for one task alone, and is not changed; it can be disabled or deleted.")


def _require_unwritten(subscription: Subscription, what: str) -> None:
    if subscription.origin == "file":
        raise Problem(409, f"It stands in the configuration file, and is {what} there.")
