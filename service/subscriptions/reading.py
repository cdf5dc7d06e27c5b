"""`subscriptions:` as they are written: each one checked, every mistake in its place, and no secret in any."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, get_args

from hooks.errors import ForbiddenTarget
from hooks.recipient import LONGEST_URL, Recipient, find_header_mistakes, name_host
from hooks.signature import check_secret
from service.rules.reading.match import read_match
from service.subscriptions.events import find_event_mistake, find_format_mistake
from service.subscriptions.written import (
    DEFAULT_AT_ONCE,
    HIGHEST_RATE,
    LOWEST_RATE,
    MOST_AT_ONCE,
    MOST_EVENTS,
    WrittenSubscription,
)
from service.written.environment import Concealed
from service.written.mistakes import did_you_mean, quoted
from service.written.nodes import FROM_ENVIRONMENT, Node
from storage.audience import fits
from storage.records import CHAIN_SETTLED, JSON
from storage.records_of_deliveries import Format

MOST_SUBSCRIPTIONS: Final = 500
KEYS: Final = ("id", "url", "events", "match", "format", "ordered", "rate", "concurrency", "headers", "secret")
FORMATS: Final = get_args(Format)
RESERVED: Final = "secret"  # /v1 and the command line mean the service's own by it

_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def read_subscriptions(node: Node) -> tuple[WrittenSubscription, ...]:
    """The subscriptions that a list writes down; mistakes are noted on the node's document."""
    items = node.items()
    if len(items) > MOST_SUBSCRIPTIONS:
        items[MOST_SUBSCRIPTIONS].mistake(f"there may be at most {MOST_SUBSCRIPTIONS} subscriptions")
        items = items[:MOST_SUBSCRIPTIONS]
    _note_repeated_ids(items)
    read = map(_read_subscription, items)
    return tuple(each for each in read if each is not None)


def _note_repeated_ids(items: Iterable[Node]) -> None:
    lines: dict[str, int] = {}
    for item in items:
        if isinstance(item.value, dict) and "id" in item.value:
            node = item.value["id"][1]
            if node.raw in lines:
                node.mistake(f"there is a subscription {quoted(node.raw)} already, on line {lines[node.raw]}")
            lines.setdefault(node.raw, node.line)


def _read_subscription(node: Node) -> WrittenSubscription | None:
    values = node.mapping(KEYS, required=("id", "url", "events"))
    subscription_id = _read_id(values["id"]) if "id" in values else None
    url = _read_url(values["url"]) if "url" in values else None
    events = _read_events(values["events"]) if "events" in values else ()
    match = _read_match(values["match"], events) if "match" in values else None
    form = _read_format(values["format"], events) if "format" in values else "standard"
    ordered = values["ordered"].truth() if "ordered" in values else True
    rate = _read_rate(values["rate"]) if "rate" in values else None
    concurrency = values["concurrency"].whole(1, MOST_AT_ONCE) if "concurrency" in values else DEFAULT_AT_ONCE
    headers = _read_headers(values["headers"]) if "headers" in values else {}
    secret = _read_secret(values["secret"]) if "secret" in values else None
    if subscription_id is None or url is None or ordered is None or concurrency is None:
        return None
    recipient, host = url
    return WrittenSubscription(
        id=subscription_id,
        recipient=Recipient(url=recipient, headers=headers),
        host=host,
        events=events,
        match=match,
        format=form,
        ordered=ordered,
        rate=rate,
        concurrency=concurrency,
        secret=secret,
    )


def _read_id(node: Node) -> str | None:
    text = node.raw if isinstance(node.value, str | int) and not isinstance(node.value, bool) else node.text()
    if text is None:
        return None
    if text == RESERVED:
        node.mistake(f"{RESERVED!r} stands for the service's own secret; choose another id")
    elif not _ID.fullmatch(text):
        node.mistake(f"an id is made of a-z, 0-9 and '-', at most 64 of them, found {node.kind}")
    else:
        return text
    return None


def _read_url(node: Node) -> tuple[str, str] | None:
    """The URL, and its host as it may be shown."""
    text = node.filled()
    if text is None:
        return None
    if _is_concealed(node):
        return text, ""
    if len(text) > LONGEST_URL:
        node.mistake(f"a URL has {LONGEST_URL} characters at most")
        return None
    try:
        return text, name_host(text)
    except ForbiddenTarget as error:
        node.mistake(f"{node.kind} stands for what is never called: {error}" if node.is_filled else str(error))
        return None


def _read_events(node: Node) -> tuple[str, ...]:
    read: list[str] = []
    items = node.one_or_many()
    if len(items) > MOST_EVENTS:
        node.mistake(f"there may be at most {MOST_EVENTS} of them; a wildcard such as task.* stands for many")
    for each in items[:MOST_EVENTS]:
        if (text := each.text()) is not None:
            if mistake := find_event_mistake(text):
                each.mistake(mistake)
            read.append(text)
    return tuple(dict.fromkeys(read))


def _read_match(node: Node, events: Sequence[str]) -> JSON:
    for each in _list_filled(node):
        each.mistake(f"{each.kind}: what passes is no secret, so nothing is filled in here; write the value out")
        each.broken = True
    settled = not events or fits(events, CHAIN_SETTLED)
    read_match(node, event=None if settled else events[0])
    return node.plain() if isinstance(node.value, dict) else {}


def _list_filled(node: Node) -> Iterable[Node]:
    if isinstance(node.value, dict):
        for _, value in node.value.values():
            yield from _list_filled(value)
    elif isinstance(node.value, list):
        for item in node.value:
            yield from _list_filled(item)
    elif node.is_filled:
        yield node


def _read_format(node: Node, events: Sequence[str]) -> Format:
    text = node.text()
    for known in FORMATS:
        if known == text:
            if events and (mistake := find_format_mistake(known, events)):
                node.mistake(mistake)
            return known  # type: ignore[no-any-return]
    if text is not None:
        hint = did_you_mean(text, FORMATS) or f" (known: {', '.join(FORMATS)})"
        node.mistake(f"there is no format {quoted(text)}{hint}")
    return "standard"


def _read_rate(node: Node) -> float | None:
    value = node.value
    if isinstance(value, int | float) and not isinstance(value, bool) and LOWEST_RATE <= value <= HIGHEST_RATE:
        return float(value)
    node.mistake(
        f"expected deliveries per second, {LOWEST_RATE:.4f} (one in an hour) to {HIGHEST_RATE}, found {node.kind}"
    )
    return None


def _read_headers(node: Node) -> dict[str, str]:
    mistakes = len(node.source.mistakes)
    headers: dict[str, str] = {}
    for key, value in node.entries():
        if (text := value.filled()) is not None:
            headers[key.raw] = text
            for mistake in find_header_mistakes({key.raw: text}):
                key.mistake(mistake)
    if len(node.source.mistakes) == mistakes:
        for mistake in find_header_mistakes(headers):  # of all of them together
            node.mistake(mistake)
    return headers


def _read_secret(node: Node) -> str | None:
    if not (isinstance(node.value, str) and FROM_ENVIRONMENT.fullmatch(node.value)):
        node.mistake("a secret does not belong into a file that others read; write ${NAME}, and keep it in .env")
        return None
    secret = node.filled()
    if secret is None or _is_concealed(node):
        return None
    try:
        check_secret(secret)
    except ValueError as error:
        node.mistake(f"what {node.kind} stands for is no secret: {error}")
        return None
    return secret


def _is_concealed(node: Node) -> bool:
    """Whether it is filled in by an environment that tells nothing, so that what it is cannot be looked at."""
    return node.is_filled and isinstance(node.source.environ, Concealed)
