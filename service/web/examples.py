"""An event that never happened, for trying a subscription: a receiver knows it by `test` among its data. Pure."""

import secrets
from typing import Final

from hooks.envelope import suits
from storage.audience import fits
from storage.outbox import Parcel
from storage.records import CHAIN_SETTLED, EVENT_TYPES, JSON, Button, Chain, Event, Picture, Status, Task
from storage.records_of_deliveries import Delivery, Subscription

TASK_ID: Final = "8000000000000000"  # of our ids the very first, which no task has
SUCCEEDED: Final = "task.succeeded"
_PICTURE: Final = "https://cdn.example/cat.png"
_PREFERRED: Final = (SUCCEEDED, CHAIN_SETTLED, *EVENT_TYPES)


def make_parcel(subscription: Subscription, sealed_secrets: tuple[str, ...], *, now: int) -> Parcel:
    """Give an example that is ready to be sent, signed with these secrets; `now` is in milliseconds."""
    delivery = Delivery(
        id=0,
        subscription_id=subscription.id,
        seq=0,
        task_id=None,
        lane=subscription.id,
        state="sending",
        apart=True,
        attempts=1,
        tries=1,
        next_at=None,
        created_at=now,
        done_at=None,
    )
    event = make_example(subscription, now=now)
    return Parcel(delivery=delivery, subscription=subscription, event=event, secrets=sealed_secrets)


def make_example(subscription: Subscription, *, now: int) -> Event:
    """Give an example of an event that the subscription hears of; each has an id of its own.

    It is about a task that no ledger has, and numbered 0. `now` is in milliseconds.
    """
    heard = (each for each in _PREFERRED if fits(subscription.events, each))
    told = (each for each in heard if suits(subscription.format, each, has_task=_is_about_task(each)))
    event_type = next(told, SUCCEEDED)
    data: JSON = {"source": "service", "test": True}
    if event_type == CHAIN_SETTLED:
        data["chain"] = _make_chain()
    return Event(
        seq=0,
        id=f"evt_test{secrets.token_hex(8)}",
        type=event_type,
        time=now,
        task=_make_task(now) if _is_about_task(event_type) else None,
        data=data,
    )


def _is_about_task(event_type: str) -> bool:
    return event_type.startswith("task.") or event_type == CHAIN_SETTLED


def _make_task(now: int) -> Task:
    return Task(
        id=TASK_ID,
        root_id=TASK_ID,
        gateway="example",
        gateway_id="0000000000000000",
        action="IMAGINE",
        status=Status.SUCCESS,
        progress=100,
        prompt="an example: a cat, 一只猫 --ar 16:9",
        params={"ar": "16:9"},
        image_url=_PICTURE,
        buttons=tuple(
            Button(label=f"U{index}", custom_id=f"MJ::JOB::upsample::{index}::example", kind="upsample", index=index)
            for index in range(1, 5)
        ),
        origin="api",
        submission="accepted",
        created_at=now,
        updated_at=now,
        submitted_at=now,
        started_at=now,
        finished_at=now,
    )


def _make_chain() -> Chain:
    picture = Picture(task_id=TASK_ID, action="IMAGINE", index=None, image_url=_PICTURE)
    none: dict[str, int] = {}
    return Chain(
        root_id=TASK_ID,
        tasks=1,
        succeeded={"IMAGINE": 1},
        failed=none,
        cancelled=none,
        retried=none,
        lost=0,
        cost=None,
        pictures=(picture,),
    )
