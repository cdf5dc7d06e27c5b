"""The nouns of deliveries, frozen and keyword-only like those of `storage.records`: who hears of what. No I/O here."""

from typing import Literal

import msgspec

from storage.records import JSON

Format = Literal["standard", "cloudevents", "cloudevents-binary", "gateway"]
# What can be told in the format `gateway`: what gateways call back about. `task.lost` is a failure there, so that
# nobody waits for ever.
GATEWAY_EVENTS = (
    *("task.submitted", "task.progressed", "task.modal", "task.succeeded", "task.failed", "task.cancelled"),
    "task.lost",
)
SubscriptionOrigin = Literal["api", "cli", "file", "task", "facade"]
SubscriptionState = Literal["active", "disabled", "deleted"]
CONCURRENCY = 4  # deliveries to one subscription under way at once, where nobody says otherwise


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants which events: a standing one is an operator's, a one-task one belongs to a chain or to a task."""

    id: str  # "sub_…", or the id that ringback.yaml gives it; no colon in it
    origin: SubscriptionOrigin  # "task": a chain's webhook_url; "facade": a client's notifyHook
    state: SubscriptionState = "active"
    root_id: str | None = None  # of a one-task subscription: the chain that it is for
    task_id: str | None = None  # of the facade's: the one task that it is for
    host: str  # "shop.example:443": all of its URL that logs and lists may show
    sealed: str  # {"url": …, "headers": {…}} as JSON, sealed; "" once it is deleted
    events: tuple[str, ...]  # types and wildcards: "task.*", "*"
    match: JSON | None = None  # as it was written, like a rule's; None: every task
    format: Format = "standard"
    ordered: bool = True  # per task
    rate: float | None = None  # deliveries per second at most
    concurrency: int = CONCURRENCY  # deliveries under way at once, 1–16
    reason: str | None = None  # why it is disabled
    failing_since: int | None = None  # the first attempt of those that have failed without a success since
    created_at: int
    updated_at: int


DeliveryState = Literal["planned", "sending", "waiting", "delivered", "exhausted", "held", "cancelled"]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event owed to one subscription."""

    id: int
    subscription_id: str
    seq: int  # the event's
    task_id: str | None  # the event's
    lane: str  # which deliveries take turns: those of a standing subscription, or of one host
    # planned: due at `next_at`; sending: under way; waiting: for an earlier one of its task; held: its subscription is
    # disabled; cancelled: its subscription is deleted, or has a format by now that has no words for it
    state: DeliveryState
    apart: bool  # outside of the order: of an unordered subscription, about no task, or asked for by a person
    attempts: int  # POSTs begun, ever
    tries: int  # of them in this round; the schedule goes by it
    next_at: int | None  # when a planned one is due, or the lease of a sending one ends
    created_at: int
    done_at: int | None  # when it was delivered, given up, held or cancelled


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One POST of a delivery."""

    delivery_id: int
    number: int  # the first is 1
    time: int  # when it began
    took: int  # milliseconds
    status: int | None  # the HTTP status; None where no answer came
    error: str | None  # its class: status, redirect, timeout, …; None: it was delivered
    detail: str | None  # for a person; no secret in it
    answer: str | None  # the first 16 KiB of the answer, blanked
