"""Subscriptions as `/v1` takes and shows them, and what can be wrong with one."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec

from hooks.envelope import format_time
from hooks.errors import HookError
from hooks.recipient import find_header_mistakes
from hooks.signature import check_secret
from service.subscriptions.events import find_event_mistake, find_format_mistake
from service.subscriptions.match import read_filter
from service.subscriptions.written import DEFAULT_AT_ONCE, HIGHEST_RATE, LOWEST_RATE, MOST_AT_ONCE, MOST_EVENTS
from service.web.api.orders import Origin
from service.web.webhooks import Webhooks
from service.written.mistakes import MistakesFound
from storage.records import JSON
from storage.records_of_deliveries import Format, Subscription, SubscriptionOrigin, SubscriptionState

Url = Annotated[str, msgspec.Meta(min_length=1)]
Events = Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=MOST_EVENTS)]
Rate = Annotated[float, msgspec.Meta(ge=LOWEST_RATE, le=HIGHEST_RATE)]
AtOnce = Annotated[int, msgspec.Meta(ge=1, le=MOST_AT_ONCE)]


class SubscriptionRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What subscribes a URL to events."""

    url: Url
    events: Events  # types and wildcards: "task.*"
    match: JSON | None = None  # of the event's task, as a rule's `match`
    format: Format = "standard"
    ordered: bool = True  # per task
    rate: Rate | None = None  # deliveries per second at most
    concurrency: AtOnce = DEFAULT_AT_ONCE  # deliveries under way at once
    headers: dict[str, str] = {}  # sent along with every delivery
    secret: str | None = None  # whsec_…; one is made where none is brought
    origin: Origin = "api"


class SubscriptionChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What changes; all that is left out stays."""

    url: Url | msgspec.UnsetType = msgspec.UNSET
    events: Events | msgspec.UnsetType = msgspec.UNSET
    match: JSON | msgspec.UnsetType | None = msgspec.UNSET  # null: every task
    format: Format | msgspec.UnsetType = msgspec.UNSET
    ordered: bool | msgspec.UnsetType = msgspec.UNSET
    rate: Rate | msgspec.UnsetType | None = msgspec.UNSET  # null: as fast as it answers
    concurrency: AtOnce | msgspec.UnsetType = msgspec.UNSET
    headers: dict[str, str] | msgspec.UnsetType = msgspec.UNSET  # all of them: those before are gone


class ShownSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """A Subscription as `/v1` shows it: never a secret, and of its own headers the names alone."""

    id: str
    origin: SubscriptionOrigin  # task: the webhook_url of a chain; facade: a notifyHook
    state: SubscriptionState
    url: str | None  # null where the key that it is sealed under is gone
    host: str
    events: tuple[str, ...]
    match: JSON | None
    format: Format
    ordered: bool
    rate: float | None
    concurrency: int
    headers: tuple[str, ...]  # the names of its own
    root_id: str | None  # the chain that it is for; null: all
    task_id: str | None  # the task that it is for
    reason: str | None  # why it is disabled
    failing_since: str | None  # the first of the attempts that have failed without a success since
    deliveries: dict[str, int]  # how many stand so, by state; without those that were delivered
    created_at: str
    updated_at: str


class NewSubscription(ShownSubscription, frozen=True, kw_only=True):
    """The same, with what it is signed with: shown here, and nowhere after."""

    secret: str


def show_subscription(subscription: Subscription, deliveries: Mapping[str, int], webhooks: Webhooks) -> dict[str, Any]:
    """Give the fields of a ShownSubscription; `deliveries` are its counts by state."""
    shown = msgspec.structs.asdict(subscription)
    del shown["sealed"]
    try:
        recipient = webhooks.open(subscription)
    except HookError:
        recipient = None
    times = {name: format_time(shown[name]) for name in ("failing_since", "created_at", "updated_at")}
    return (
        shown
        | times
        | {
            "url": None if recipient is None else recipient.url,
            "headers": [] if recipient is None else list(recipient.headers),
            "deliveries": dict(deliveries),
        }
    )


async def find_subscription_mistakes(
    form: SubscriptionRequest | SubscriptionChange, webhooks: Webhooks, *, kept: Subscription | None = None
) -> list[str]:
    """Give all that is wrong with what a form says; what it leaves out is well, or is that of the `kept` one."""
    mistakes: list[str] = []
    if form.url is not msgspec.UNSET and (wrong := await webhooks.find_url_mistake(form.url)):
        mistakes.append(f"url: {wrong}")
    if form.events is not msgspec.UNSET:
        mistakes += find_events_mistakes("events", form.events)
    if form.match is not msgspec.UNSET and form.match is not None:
        mistakes += find_match_mistakes(form.match)
    if form.headers is not msgspec.UNSET:
        mistakes += [f"headers: {each}" for each in find_header_mistakes(form.headers)]
    events, written = form.events, form.format
    if kept is not None:
        events = kept.events if events is msgspec.UNSET else events
        written = kept.format if written is msgspec.UNSET else written
    if events is not msgspec.UNSET and written is not msgspec.UNSET and (wrong := find_format_mistake(written, events)):
        mistakes.append(f"format: {wrong}")
    if isinstance(form, SubscriptionRequest):
        mistakes += find_secret_mistakes(form.secret)
    return mistakes


def find_events_mistakes(name: str, events: Sequence[str]) -> list[str]:
    """Give what is wrong with types and wildcards; `name` is the field in which they came."""
    return [f"{name}: {wrong}" for each in dict.fromkeys(events) if (wrong := find_event_mistake(each))]


def find_match_mistakes(match: JSON) -> list[str]:
    """Give what is wrong with a match, each with its place."""
    try:
        read_filter(match)
    except MistakesFound as error:
        return [str(each) for each in error.mistakes]
    return []


def find_secret_mistakes(secret: str | None) -> list[str]:
    """Give what is wrong with a secret that somebody brought, which is never quoted."""
    try:
        if secret is not None:
            check_secret(secret)
    except ValueError as error:
        return [f"secret: {error}"]
    return []
