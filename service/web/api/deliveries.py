"""`/v1/deliveries`: what is owed to whom, every attempt, and once more for who asks."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from hooks.envelope import format_time
from service.web.api.tasks import MAX_PAGE, PAGE
from service.web.calls import Call, Parameter, answer_json
from service.web.desk import Desk
from storage.deliveries import list_attempts, list_deliveries, read_delivery
from storage.errors import NoSuchDelivery
from storage.events import EventName, name_events
from storage.records_of_deliveries import Attempt, Delivery, DeliveryState
from storage.recoveries import redeliver
from storage.subscriptions import read_subscription
from storage.tasks import read_task

MAX_DIGITS: Final = 18  # of a number that SQLite takes
STATES: Final = get_args(DeliveryState)
MISSING: Final = ("No such delivery", "Problem")

_STATE: Final = Parameter(name="state", about="that stand so", among=STATES)
_PAGING: Final = (
    Parameter(name="cursor", about="`next` of the page before", kind="whole"),
    Parameter(name="limit", about="how many at most", kind="whole", least=1, most=MAX_PAGE),
)


class ShownDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A Delivery as `/v1` shows it: one event, owed to one subscription."""

    id: int
    subscription_id: str
    event: EventName  # its `id` is the `webhook-id` of every attempt
    task_id: str | None  # that the event is about
    state: DeliveryState
    apart: bool  # outside of the order of its task
    attempts: int  # POSTs begun, ever
    next_at: str | None  # when it is tried, or tried again
    created_at: str
    done_at: str | None


_SHOWN: Final = tuple(name for name in ShownDelivery.__struct_fields__ if name != "event")
_TIMES: Final = ("next_at", "created_at", "done_at")


class DeliveryAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """An Attempt as `/v1` shows it: one POST."""

    number: int
    time: str
    took: int  # milliseconds
    status: int | None  # what HTTP said
    error: str | None  # what kind of failure; null: it was delivered
    detail: str | None  # the same for a person
    answer: str | None  # the beginning of what was answered, without secrets


class DeliveryWithAttempts(ShownDelivery, frozen=True, kw_only=True):
    """The same, with every attempt, the first one first."""

    tried: tuple[DeliveryAttempt, ...]


class DeliveryCalls:
    """The calls about what is owed."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def calls(self) -> list[Call]:
        """Every call with its description."""
        page = {200: ("A page of them", "DeliveryPage")}
        return [
            Call(
                method="GET",
                path="/v1/deliveries",
                handler=self.page,
                summary="Deliveries, newest first",
                parameters=(
                    Parameter(name="subscription", about="to this one"),
                    Parameter(name="task", about="of events about this task"),
                    _STATE,
                    *_PAGING,
                ),
                answers=page,
            ),
            Call(
                method="GET",
                path="/v1/subscriptions/{id}/deliveries",
                handler=self.page_of_subscription,
                summary="What one subscription was owed, newest first",
                parameters=(_STATE, *_PAGING),
                answers=page | {404: ("No such subscription", "Problem")},
            ),
            Call(
                method="GET",
                path="/v1/tasks/{id}/deliveries",
                handler=self.page_of_task,
                summary="What others were to be told about a task, newest first",
                parameters=(_STATE, *_PAGING),
                answers=page | {404: ("No such task", "Problem")},
            ),
            Call(
                method="GET",
                path="/v1/deliveries/{id}",
                handler=self.read,
                summary="One delivery, with every attempt",
                answers={200: ("The delivery", "DeliveryWithAttempts"), 404: MISSING},
            ),
            Call(
                method="POST",
                path="/v1/deliveries/{id}/redeliver",
                handler=self.redeliver,
                summary="Deliver it once more, now, with the same webhook-id",
                answers={
                    202: ("It is tried now", "Delivery"),
                    404: MISSING,
                    409: ("Its subscription is disabled", "Problem"),
                },
            ),
        ]

    async def page(self, request: Request) -> Response:
        """`GET /v1/deliveries`."""
        return await self._page(request)

    async def page_of_subscription(self, request: Request) -> Response:
        """`GET /v1/subscriptions/{id}/deliveries`."""
        subscription_id = request.path_params["id"]
        await self._desk.store.read(read_subscription, subscription_id)
        return await self._page(request, subscription=subscription_id)

    async def page_of_task(self, request: Request) -> Response:
        """`GET /v1/tasks/{id}/deliveries`."""
        task_id = request.path_params["id"]
        await self._desk.store.read(read_task, task_id)
        return await self._page(request, task=task_id)

    async def read(self, request: Request) -> Response:
        """`GET /v1/deliveries/{id}`."""
        delivery, attempts, events = await self._desk.store.read(_read_whole, _read_id(request))
        shown = msgspec.structs.asdict(show_delivery(delivery, events))
        return answer_json(DeliveryWithAttempts(**shown, tried=tuple(map(show_attempt, attempts))))

    async def redeliver(self, request: Request) -> Response:
        """`POST /v1/deliveries/{id}/redeliver`."""
        delivery = await self._desk.store.write(redeliver, _read_id(request))
        events = await self._desk.store.read(name_events, [delivery.seq])
        return answer_json(show_delivery(delivery, events), 202)

    async def _page(self, request: Request, **among: str) -> Response:
        query = dict(request.state.query)
        limit, before = query.pop("limit", PAGE), query.pop("cursor", None)
        found, events = await self._desk.store.search(_list, **query, **among, before=before, limit=limit)
        shown = [show_delivery(delivery, events) for delivery in found]
        return answer_json({"deliveries": shown, "next": found[-1].id if len(found) == limit else None})


def _read_id(request: Request) -> int:
    """The number in the address. Raises NoSuchDelivery for what is none."""
    text = request.path_params["id"]
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
        raise NoSuchDelivery
    return int(text)


def _list(db: sqlite3.Connection, /, **filters: Any) -> tuple[list[Delivery], Mapping[int, EventName]]:
    found = list_deliveries(db, **filters)
    return found, name_events(db, [delivery.seq for delivery in found])


def _read_whole(db: sqlite3.Connection, delivery_id: int) -> tuple[Delivery, list[Attempt], Mapping[int, EventName]]:
    delivery = read_delivery(db, delivery_id)
    return delivery, list_attempts(db, delivery_id), name_events(db, [delivery.seq])


def show_delivery(delivery: Delivery, events: Mapping[int, EventName]) -> ShownDelivery:
    """Give a Delivery as `/v1` shows it; its event is among `events`, by their `seq`."""
    shown: dict[str, Any] = {name: getattr(delivery, name) for name in _SHOWN}
    return ShownDelivery(**shown | {name: format_time(shown[name]) for name in _TIMES}, event=events[delivery.seq])


def show_attempt(attempt: Attempt) -> DeliveryAttempt:
    """Give an Attempt as `/v1` shows it."""
    fields = msgspec.structs.asdict(attempt)
    del fields["delivery_id"]
    return DeliveryAttempt(**fields | {"time": format_time(attempt.time)})
